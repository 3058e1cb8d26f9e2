"""Firewalls as nftables reads them.

What security groups do not apply to on AWS is let through here as well: the link-local services
(metadata, time) and the VPC's name server.
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from chatlift_rehearsal.controllers.security_groups import Firewall, Rule
from chatlift_rehearsal.settings import DNS_PORT, SERVICE_ADDRESS

TABLE = "security_groups"

INSTANCE = """\
table inet {table}
delete table inet {table}
table inet {table} {{
  chain input {{
    type filter hook input priority filter - 10; policy drop;
    iifname "lo" accept
    ct state established,related accept
{incoming}
  }}
  chain output {{
    type filter hook output priority filter - 10; policy drop;
    oifname "lo" accept
    ct state established,related accept
    ip daddr 169.254.0.0/16 accept
    ip daddr {resolver} meta l4proto {{ tcp, udp }} th dport {dns} accept
{outgoing}
  }}
}}
"""

NODES = """\
flush chain ip {table} node_input
flush chain ip {table} node_output
table ip {table} {{
  chain node_input {{
{incoming}
  }}
  chain node_output {{
{outgoing}
  }}
}}
"""


def instance_rules(firewall: Firewall) -> str:
    """The table in an instance's network namespace, in place of the one before.

    VPCs have no IPv6 here: no rule is about it, so that all of it is dropped.
    """
    return INSTANCE.format(
        table=TABLE,
        resolver=SERVICE_ADDRESS,
        dns=DNS_PORT,
        incoming=_lines(rule_text(rule, "saddr") for rule in firewall.incoming),
        outgoing=_lines(rule_text(rule, "daddr") for rule in firewall.outgoing),
    )


def node_rules(table: str, firewalls: Mapping[str, Firewall]) -> str:
    """The chains of this machine's table that guard the nodes of load balancers.

    A client on this machine connects to a node from the node's own address: what goes from there to
    itself is not the load balancer's outgoing traffic.
    """
    incoming, outgoing = [], []
    for address, firewall in firewalls.items():
        incoming += _guarded(f"ip daddr {address}", firewall.incoming, "saddr")
        outgoing += _guarded(
            f"ip saddr {address} ip daddr != {address}", firewall.outgoing, "daddr"
        )
    return NODES.format(table=table, incoming=_lines(incoming), outgoing=_lines(outgoing))


def _guarded(match: str, rules: tuple[Rule, ...], direction: str) -> list[str]:
    accepted = ["ct state established,related accept", *(rule_text(r, direction) for r in rules)]
    return [f"{match} {text}" for text in (*accepted, "drop")]


def rule_text(rule: Rule, direction: str) -> str:
    """``ip saddr { 10.42.0.4 } tcp dport 8080 accept``; ``direction`` is ``saddr`` or ``daddr``."""
    peers = f"ip {direction} {{ {', '.join(rule.peers)} }}"
    match rule.protocol, rule.ports:
        case "-1", _:
            return f"{peers} accept"
        case "icmp", _:
            return f"{peers} ip protocol icmp accept"
        case protocol, None:
            return f"{peers} meta l4proto {protocol} accept"
        case protocol, (first, last):
            ports = str(first) if first == last else f"{first}-{last}"
            return f"{peers} {protocol} dport {ports} accept"


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(f"    {text}" for text in texts)
