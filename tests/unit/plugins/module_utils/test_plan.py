"""Reading what would change from the results of a run in check mode."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest


@pytest.fixture
def plan() -> Any:
    return import_module("ansible_collections.chatlift.aws.plugins.module_utils.plan")


def _report(**result: Any) -> dict[str, Any]:
    task = {"task": {"name": "chatlift.aws.role : Make it"}, "hosts": {"account": result}}
    return {"plays": [{"tasks": [task]}]}


def _changes(plan: Any, before: Any, after: Any) -> list[tuple[str, str, str, str]]:
    report = _report(changed=True, diff={"before": before, "after": after})
    return [
        (one["resource"], one["change"], one["before"], one["after"])
        for one in plan.changes(report)
    ]


def test_what_is_as_it_should_be_is_not_named(plan: Any) -> None:
    assert plan.changes(_report(changed=False, diff={"before": {}, "after": {}})) == []


def test_a_new_resource_and_one_that_goes(plan: Any) -> None:
    assert _changes(
        plan,
        {"VPC": None, "queue": "present"},
        {"VPC": {"CidrBlock": "10.0.0.0/16"}, "queue": None},
    ) == [
        ("VPC", "create", "-", '{"CidrBlock": "10.0.0.0/16"}'),
        ("queue", "delete", "present", "-"),
    ]


def test_only_the_values_that_differ_are_named(plan: Any) -> None:
    before = {"group": {"MinSize": 3, "Template": {"Id": "lt-1", "Version": "2"}}}
    after = {"group": {"MinSize": 3, "Template": {"Id": "lt-1", "Version": "3"}}}
    assert _changes(plan, before, after) == [("group Template Version", "change", "2", "3")]


def test_of_a_list_what_goes_and_what_comes(plan: Any) -> None:
    assert _changes(plan, {"rules": ["a", "b"]}, {"rules": ["b", "c"]}) == [
        ("rules", "change", "a", "c")
    ]
    assert _changes(plan, {"order": ["a", "b"]}, {"order": ["b", "a"]}) == [
        ("order", "change", "a, b", "b, a")
    ]


def test_an_image_is_baked_for_reasons(plan: Any) -> None:
    report = _report(
        changed=True, reasons=["role redis changed"], diff={"before": "a\n", "after": "b\n"}
    )
    (found,) = plan.changes(report)
    assert (found["change"], found["after"]) == ("bake", "role redis changed")


def test_of_other_modules_the_task_is_named(plan: Any) -> None:
    (found,) = plan.changes(_report(changed=True))
    assert (found["host"], found["resource"], found["change"]) == ("account", "Make it", "change")


def test_each_turn_of_a_loop_counts(plan: Any) -> None:
    turn = {"changed": True, "diff": {"before": {"zone": None}, "after": {"zone": "present"}}}
    assert len(plan.changes(_report(changed=True, results=[turn, {"changed": False}]))) == 1


def test_long_values_are_cut(plan: Any) -> None:
    ((*_resource, after),) = _changes(plan, {"policy": None}, {"policy": "x" * 1000})
    assert len(after) == plan.WIDTH


def test_what_failed_is_told_with_its_host(plan: Any) -> None:
    assert plan.failures(_report(failed=True, msg="There is no image.")) == [
        "account: There is no image."
    ]
