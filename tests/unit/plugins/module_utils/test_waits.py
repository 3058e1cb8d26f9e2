"""Which waits of a run form the longest chain."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest


@pytest.fixture
def waits() -> Any:
    return import_module("ansible_collections.chatlift.aws.plugins.module_utils.waits")


def _chain(waits: Any, *noted: tuple[str, float, float]) -> list[tuple[str, float]]:
    found = waits.longest_chain(
        {"name": name, "began": began, "ended": ended} for name, began, ended in noted
    )
    return [(link.name, link.seconds) for link in found]


def test_without_waits_there_is_no_chain(waits: Any) -> None:
    assert _chain(waits) == []


def test_of_waits_side_by_side_the_longest_counts(waits: Any) -> None:
    assert _chain(waits, ("NAT gateways", 0, 100), ("load balancer", 0, 150)) == [
        ("load balancer", 150)
    ]


def test_a_chain_is_of_waits_that_need_each_other(waits: Any) -> None:
    assert _chain(
        waits,
        ("NAT gateways", 0, 100),
        ("members", 110, 160),
        ("load balancer", 5, 155),
        ("VPC origin", 160, 460),
        ("distribution", 465, 705),
    ) == [("load balancer", 150), ("VPC origin", 300), ("distribution", 240)]


def test_only_what_a_wait_adds_counts(waits: Any) -> None:
    """An application instance that was launched with the members waits for them first."""
    assert _chain(waits, ("members", 0, 60), ("application", 0, 80)) == [
        ("members", 60),
        ("application", 20),
    ]


def test_instances_are_healthy_once_the_load_balancer_asks(waits: Any) -> None:
    assert _chain(
        waits, ("load balancer", 0, 150), ("members", 20, 60), ("application", 20, 165)
    ) == [("load balancer", 150), ("application", 15)]


def test_what_was_not_waited_for_is_passed_over(waits: Any) -> None:
    assert _chain(waits, ("load balancer", 0, 150), ("distribution", 150, 400)) == [
        ("load balancer", 150),
        ("distribution", 250),
    ]


def test_several_of_a_kind_are_one_link(waits: Any) -> None:
    assert _chain(waits, ("images", 0, 90), ("images", 10, 120)) == [("images", 120)]
