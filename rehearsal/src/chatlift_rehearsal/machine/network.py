"""One bridge carries every VPC; an instance is a network namespace with a leg on it.

The bridge has each VPC's router address, this machine forwards and masquerades for it, and
169.254.169.254 is translated to the metadata service for traffic that comes in on the bridge. That
address is never put on an interface here: on a machine that is itself an EC2 instance it would
hide the real one.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from chatlift_rehearsal.controllers.security_groups import Firewall
from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine import shell
from chatlift_rehearsal.machine.firewall import instance_rules
from chatlift_rehearsal.machine.kernel import raise_settings, restore_settings
from chatlift_rehearsal.model import InstanceView, VpcView
from chatlift_rehearsal.settings import (
    METADATA_ADDRESS,
    METADATA_PORT,
    SERVICE_ADDRESS,
    SERVICE_NETWORK,
    Settings,
)

NETNS = Path("/run/netns")

ROUTER_MAC = "06:00:00:00:00:01"
"""Of the bridge; no instance has it, theirs begin with 02. Without one of its own the bridge has
the lowest of its legs' addresses: whenever an instance with that one came or went, all others lost
routers and load balancers for seconds."""

_plugs = itertools.count(1)

NFT = """\
table ip {table} {{
  set vpcs {{ type ipv4_addr; flags interval; }}
  chain metadata {{
    type nat hook prerouting priority dstnat;
    iifname "{bridge}" ip daddr {metadata} tcp dport 80 dnat to {service}:{port}
  }}
  chain egress {{
    type nat hook postrouting priority srcnat;
    ip saddr @vpcs oifname != "{bridge}" masquerade
  }}
  chain node_input {{ type filter hook input priority filter; }}
  chain node_output {{ type filter hook output priority filter; }}
}}
"""


@dataclass(frozen=True)
class Taken:
    """A range of addresses this machine already uses, and the interface it uses it on."""

    network: ipaddress.IPv4Network
    interface: str


def taken_networks() -> list[Taken]:
    """Every range on an interface or in the routing table, except the default route."""
    found = []
    for link in json.loads(shell.run("ip", "-json", "-4", "address")):
        for address in link.get("addr_info", []):
            interface = ipaddress.IPv4Interface(f"{address['local']}/{address['prefixlen']}")
            found.append(Taken(interface.network, link["ifname"]))
    for route in json.loads(shell.run("ip", "-json", "-4", "route")):
        if route["dst"] != "default":
            found.append(Taken(ipaddress.IPv4Network(route["dst"]), route.get("dev", "a route")))
    return found


class Network:
    """The bridge of one rehearsal and the legs of its instances."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bridge = settings.bridge
        self._addresses: set[str] = set()
        self._refused: dict[str, str] = {}
        self._plugged: dict[str, int] = {}

    def create(self) -> None:
        """Make the bridge, the address translation and forwarding."""
        bridge = self._bridge
        shell.run(
            "ip",
            "-batch",
            "-",
            text=f"link add {bridge} address {ROUTER_MAC} type bridge forward_delay 0\n"
            f"address add {SERVICE_ADDRESS}/{SERVICE_NETWORK.split('/')[1]} dev {bridge}\n"
            f"link set {bridge} up\n",
        )
        shell.run(
            "nft",
            "-f",
            "-",
            text=NFT.format(
                table=self._settings.nft_table,
                bridge=bridge,
                metadata=METADATA_ADDRESS,
                service=SERVICE_ADDRESS,
                port=METADATA_PORT,
            ),
        )
        raise_settings(self._kernel_before)

    def destroy(self) -> None:
        """Remove whatever is there of the network, legs of instances included."""
        for link in json.loads(shell.run("ip", "-json", "link")):
            if link.get("master") == self._bridge or link["ifname"] == self._bridge:
                shell.run("ip", "link", "delete", link["ifname"])
        if NETNS.is_dir():
            for namespace in NETNS.glob(f"{self._settings.tag}-i-*"):
                shell.run("ip", "netns", "delete", namespace.name)
        tables = json.loads(shell.run("nft", "--json", "list", "tables"))["nftables"]
        names = [entry["table"]["name"] for entry in tables if "table" in entry]
        if self._settings.nft_table in names:
            shell.run("nft", "delete", "table", "ip", self._settings.nft_table)
        restore_settings(self._kernel_before)

    @property
    def _kernel_before(self) -> Path:
        return self._settings.run / "kernel.json"

    def carry(self, vpcs: Iterable[VpcView], addresses: Iterable[str]) -> None:
        """Give the bridge the router address of every VPC, and ``addresses`` of load balancers.

        Raises RehearsalError, once for each VPC, when this machine uses the VPC's range itself.
        """
        prefixes = {vpc.gateway: vpc.cidr for vpc in vpcs if vpc.gateway not in self._refused}
        wanted = {f"{gateway}/{cidr.split('/')[1]}" for gateway, cidr in prefixes.items()}
        wanted |= {f"{address}/32" for address in addresses}
        new, old = wanted - self._addresses, self._addresses - wanted
        if not new and not old:
            return
        # Routers first: a load balancer's address lies in a range that must be reachable.
        for address in sorted(new, key=lambda a: int(a.split("/")[1])):
            network = ipaddress.IPv4Interface(address).network
            if network.prefixlen < 32:
                self._refuse_if_taken(network, address.split("/")[0])
            shell.run("ip", "address", "replace", address, "dev", self._bridge)
            self._addresses.add(address)
        for address in old:
            shell.run("ip", "address", "delete", address, "dev", self._bridge)
            self._addresses.discard(address)
        ranges = ", ".join(sorted(set(prefixes.values())))
        table = self._settings.nft_table
        shell.run(
            "nft",
            "-f",
            "-",
            text=f"flush set ip {table} vpcs\n"
            + (f"add element ip {table} vpcs {{ {ranges} }}\n" if ranges else ""),
        )

    def _refuse_if_taken(self, network: ipaddress.IPv4Network, gateway: str) -> None:
        for taken in taken_networks():
            if taken.network.overlaps(network):
                self._refused[gateway] = taken.interface
                raise RehearsalError(
                    f"The VPC {network} has no network: this machine already uses "
                    f"{taken.network} on {taken.interface}; give the VPC another range."
                )

    def namespace(self, instance_id: str) -> str:
        """The name of an instance's network namespace."""
        return f"{self._settings.tag}-{instance_id}"

    def plug(self, instance: InstanceView) -> Path:
        """Make an instance's network namespace, with its address and MAC, and return its path."""
        if instance.gateway in self._refused:
            raise RehearsalError(
                f"Instance {instance.id} was not started: the range of its VPC is in use on "
                f"{self._refused[instance.gateway]} of this machine."
            )
        name, leg = self.namespace(instance.id), leg_of(instance.id)
        self.unplug(instance.id)
        shell.run(
            "ip",
            "-batch",
            "-",
            text=f"netns add {name}\n"
            f"link add {leg} type veth peer name eth0 address {instance.mac} netns {name}\n"
            f"link set {leg} master {self._bridge} up\n",
        )
        # Before the first packet: what the security groups let through is known a moment later.
        self.filter(instance.id, instance_rules(Firewall()))
        # Neighbours that knew this address under another MAC are told at once, as by EC2.
        shell.run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.conf.eth0.arp_notify=1")
        shell.run(
            "ip",
            "-netns",
            name,
            "-batch",
            "-",
            text=f"address add {instance.private_ip}/{instance.prefix_length} dev eth0\n"
            "link set lo up\n"
            "link set eth0 up\n"
            f"route add default via {instance.gateway}\n",
        )
        self._plugged[instance.id] = next(_plugs)
        return NETNS / name

    def plugged(self) -> dict[str, int]:
        """The instances with a network, each with the number of its last `plug`."""
        return dict(self._plugged)

    def filter(self, instance_id: str, rules: str) -> None:
        """Hand rules to nftables in an instance's network namespace."""
        namespace = f"--net={NETNS / self.namespace(instance_id)}"
        shell.run("nsenter", namespace, "nft", "-f", "-", text=rules)

    def unplug(self, instance_id: str) -> None:
        """Remove an instance's network, if it has one."""
        self._plugged.pop(instance_id, None)
        # The leg first: it takes its other end along at once; a namespace does so some time later.
        if (Path("/sys/class/net") / leg_of(instance_id)).exists():
            shell.run("ip", "link", "delete", leg_of(instance_id))
        if (NETNS / self.namespace(instance_id)).exists():
            shell.run("ip", "netns", "delete", self.namespace(instance_id))

    def cut(self, instance_id: str) -> None:
        """Take an instance off the network without a word to its peers, as a power failure does."""
        shell.run("ip", "link", "set", leg_of(instance_id), "down")


def leg_of(instance_id: str) -> str:
    """The interface on the bridge that belongs to an instance (at most 15 characters)."""
    return f"cl-{instance_id.removeprefix('i-')[-12:]}"
