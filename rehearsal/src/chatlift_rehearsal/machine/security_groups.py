"""Security groups in force: in each instance's network namespace, and before load balancers."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from chatlift_rehearsal.controllers.security_groups import Firewall, SetFirewall, SetNodeFirewalls
from chatlift_rehearsal.machine import shell
from chatlift_rehearsal.machine.firewall import instance_rules, node_rules
from chatlift_rehearsal.machine.network import Network
from chatlift_rehearsal.settings import Settings


class SecurityGroups:
    """What the groups let through, as it was last put into force."""

    def __init__(self, settings: Settings, network: Network) -> None:
        self._settings = settings
        self._network = network
        self._instances: dict[str, tuple[int, Firewall]] = {}
        self._nodes: Mapping[str, Firewall] = {}
        self._lock = threading.Lock()

    def instances(self) -> dict[str, Firewall]:
        """The firewall of each instance that has a network; a new network lets nothing through."""
        plugged = self._network.plugged()
        with self._lock:
            self._instances = {
                key: known for key, known in self._instances.items() if plugged.get(key) == known[0]
            }
            known = dict(self._instances)
        return {key: known[key][1] if key in known else Firewall() for key in plugged}

    def nodes(self) -> Mapping[str, Firewall]:
        """The firewall of each address of a load balancer."""
        return self._nodes

    def set_instance(self, action: SetFirewall) -> None:
        """Put one instance's groups into force; connections that are open stay open, as on AWS."""
        plugged = self._network.plugged().get(action.instance_id)
        if plugged is None:
            return
        self._network.filter(action.instance_id, instance_rules(action.firewall))
        with self._lock:
            self._instances[action.instance_id] = (plugged, action.firewall)

    def set_nodes(self, action: SetNodeFirewalls) -> None:
        """Put the groups of all load balancers into force."""
        shell.run("nft", "-f", "-", text=node_rules(self._settings.nft_table, action.firewalls))
        self._nodes = dict(action.firewalls)
