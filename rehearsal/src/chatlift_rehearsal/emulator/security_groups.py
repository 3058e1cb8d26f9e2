"""Security groups as AWS begins them, and as the machine puts them into force.

moto's default group lets nobody in, where that of AWS lets in its own members; and its prefix list
of CloudFront's servers has those of the real CloudFront.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule

from ..model import InterfaceView, PrefixListView, SecurityGroupView, SecurityRuleView
from ..settings import EDGE_NETWORK

CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"


class SecurityGroupMends(EC2Backend):
    """CreateSecurityGroup, and the prefix lists that AWS manages."""

    def create_security_group(self, *args: Any, **kwargs: Any) -> SecurityGroup:
        group = super().create_security_group(*args, **kwargs)
        if group.is_default:
            # https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
            self.authorize_security_group_ingress(
                group.id, "-1", "", "", [], source_groups=[{"GroupId": group.id}]
            )
        return group

    def create_default_pls(self) -> None:
        super().create_default_pls()
        for prefix_list in self.managed_prefix_lists.values():
            if prefix_list.prefix_list_name == CLOUDFRONT:
                entry = {"Cidr": EDGE_NETWORK, "Description": "the rehearsal's CloudFront"}
                prefix_list.entries = {1: [entry]}


def security_group_views(ec2: Any) -> tuple[SecurityGroupView, ...]:
    """All security groups with their rules."""
    return tuple(
        SecurityGroupView(group.id, _rules(group.ingress_rules), _rules(group.egress_rules))
        for groups in ec2.groups.values()
        for group in groups.values()
    )


def _rules(rules: Iterable[SecurityGroupRule]) -> tuple[SecurityRuleView, ...]:
    """Rules for IPv4; the VPCs here have no other addresses."""
    found = []
    for rule in rules:
        peer = (
            rule.prefix_list_id or rule.source_group.get("GroupId") or rule.ip_range.get("CidrIp")
        )
        if peer:
            ports = _ports(rule.from_port, rule.to_port)
            found.append(SecurityRuleView(str(rule.ip_protocol), ports, peer))
    return tuple(found)


def _ports(first: Any, last: Any) -> tuple[int, int] | None:
    return None if first is None or int(first) < 0 else (int(first), int(last))


def interface_views(ec2: Any) -> tuple[InterfaceView, ...]:
    """All network interfaces with their own groups; moto adds those an instance began with."""
    return tuple(
        InterfaceView(str(eni.private_ip_address), tuple(sorted({g.id for g in eni._group_set})))
        for eni in ec2.enis.values()
    )


def prefix_list_views(ec2: Any) -> tuple[PrefixListView, ...]:
    """All managed prefix lists of IPv4 ranges."""
    return tuple(
        PrefixListView(one.id, tuple(entry["Cidr"] for entry in one.entries[max(one.entries)]))
        for one in ec2.managed_prefix_lists.values()
        if one.address_family == "IPv4" and one.entries
    )
