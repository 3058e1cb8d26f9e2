"""Which connections the security groups let through, and where that has yet to be put into force.

A rule that names a group means the addresses of every interface in it; one that names a prefix list
means the list's ranges. Connections that are answers, and what AWS exempts, are the machine's part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chatlift_rehearsal.model import CloudView, SecurityRuleView


@dataclass(frozen=True)
class Rule:
    """New connections to or from ``peers`` (addresses and ranges) that are let through.

    ``protocol`` is ``tcp``, ``udp``, ``icmp`` or ``-1`` for every one; ``ports`` are the first and
    the last, None for all.
    """

    protocol: str
    ports: tuple[int, int] | None
    peers: tuple[str, ...]


@dataclass(frozen=True)
class Firewall:
    """All that an interface lets through; nothing, if it has no rules."""

    incoming: tuple[Rule, ...] = ()
    outgoing: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class SetFirewall:
    """Put an instance's groups into force."""

    instance_id: str
    firewall: Firewall

    @property
    def key(self) -> str:
        return f"of {self.instance_id}"


@dataclass(frozen=True)
class SetNodeFirewalls:
    """Put the groups of all load balancers' nodes into force, by the address of the node."""

    firewalls: Mapping[str, Firewall]
    key: str = "of load balancers"


FirewallAction = SetFirewall | SetNodeFirewalls


def plan_security_groups(
    view: CloudView, instances: Mapping[str, Firewall], nodes: Mapping[str, Firewall]
) -> list[FirewallAction]:
    """What differs from what is in force: by instance that has a network, and by node's address."""
    firewalls = resolve(view)
    actions: list[FirewallAction] = []
    for instance in view.instances:
        wanted = firewalls.get(instance.private_ip, Firewall())
        if instance.id in instances and instances[instance.id] != wanted:
            actions.append(SetFirewall(instance.id, wanted))
    addresses = [address for balancer in view.load_balancers for address in balancer.addresses]
    wanted_nodes = {address: firewalls.get(address, Firewall()) for address in addresses}
    if wanted_nodes != nodes:
        actions.append(SetNodeFirewalls(wanted_nodes))
    return actions


def resolve(view: CloudView) -> dict[str, Firewall]:
    """The firewall of every interface, by its address."""
    peers: dict[str, tuple[str, ...]] = {one.id: one.ranges for one in view.prefix_lists}
    for group in view.security_groups:
        peers[group.id] = tuple(
            sorted(one.address for one in view.interfaces if group.id in one.groups)
        )
    groups = {group.id: group for group in view.security_groups}
    return {
        interface.address: Firewall(
            _rules((rule for one in interface.groups for rule in groups[one].ingress), peers),
            _rules((rule for one in interface.groups for rule in groups[one].egress), peers),
        )
        for interface in view.interfaces
    }


def _rules(
    rules: Iterable[SecurityRuleView], peers: Mapping[str, tuple[str, ...]]
) -> tuple[Rule, ...]:
    """Each rule once, in an order of its own; one without a peer lets nobody through."""
    found = {
        Rule(rule.protocol, rule.ports, peers.get(rule.peer, ()))
        if rule.peer.startswith(("sg-", "pl-"))
        else Rule(rule.protocol, rule.ports, (rule.peer,))
        for rule in rules
    }
    return tuple(
        sorted((r for r in found if r.peers), key=lambda r: (r.protocol, r.ports or (), r.peers))
    )
