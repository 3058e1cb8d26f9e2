"""Names and addresses follow docs/contracts.md."""

from __future__ import annotations

from importlib import import_module
from ipaddress import IPv4Network
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

PLUGINS = "ansible_collections.chatlift.aws.plugins"


@pytest.fixture
def layout() -> Any:
    return import_module(f"{PLUGINS}.module_utils.layout")


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("redis-a1", "10.42.32.11"),
        ("redis-a2", "10.42.32.12"),
        ("redis-b1", "10.42.96.11"),
        ("mysql-a1", "10.42.32.21"),
        ("mysql-c1", "10.42.160.21"),
    ],
)
def test_a_members_address_follows_from_its_name(layout: Any, name: str, address: str) -> None:
    assert layout.member_address(name, "10.42.0.0/16") == address


@pytest.mark.parametrize("cidr", ["10.42.0.0/16", "10.42.16.0/20", "172.16.0.0/18"])
@pytest.mark.parametrize("zones", [3, 4])
def test_subnets_lie_in_the_vpc_and_do_not_overlap(layout: Any, cidr: str, zones: int) -> None:
    subnets = [IPv4Network(subnet.cidr) for subnet in layout.plan_subnets(cidr, zones)]
    assert len(subnets) == 3 * zones
    assert all(subnet.subnet_of(IPv4Network(cidr)) for subnet in subnets)
    assert len({address for subnet in subnets for address in (subnet[0], subnet[-1])}) == 6 * zones


def test_a_fourth_zone_moves_no_subnet(layout: Any) -> None:
    three = layout.plan_subnets("10.42.0.0/16", 3)
    assert layout.plan_subnets("10.42.0.0/16", 4)[: len(three)] == three


def test_members_are_listed_as_instances_are_told(layout: Any) -> None:
    assert layout.members(["redis-b1", "redis-a1"], "10.42.0.0/16") == [
        {"name": "redis-a1", "az": "a", "address": "10.42.32.11"},
        {"name": "redis-b1", "az": "b", "address": "10.42.96.11"},
    ]


def test_a_filter_fails_with_a_sentence() -> None:
    filters = import_module(f"{PLUGINS}.filter.layout").FilterModule().filters()
    assert filters["member_zone"]("redis-b1", ["x-1a", "x-1b", "x-1c"]) == "x-1b"
    with pytest.raises(AnsibleFilterError, match="names 3 zones only"):
        filters["member_zone"]("redis-d1", ["x-1a", "x-1b", "x-1c"])
    with pytest.raises(AnsibleFilterError, match="is not a member's name"):
        filters["member_address"]("cache-a1", "10.42.0.0/16")
