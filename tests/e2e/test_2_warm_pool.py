"""The app tier grows by an instance that was prepared before, and had nothing to do with it."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.stack import Stack, health, rehearsal, wait_for

READY = 180  # seconds to launch, prepare and stop an instance
GROWN = 120


def _pool(stack: Stack) -> dict[str, str]:
    """The states of the instances in the warm pool, by their ids."""
    found = stack.client("autoscaling").describe_warm_pool(
        AutoScalingGroupName=f"chatlift-{stack.name}-app"
    )
    return {one["InstanceId"]: one["LifecycleState"] for one in found["Instances"]}


def _resize(stack: Stack, desired: int) -> None:
    stack.client("autoscaling").set_desired_capacity(
        AutoScalingGroupName=f"chatlift-{stack.name}-app", DesiredCapacity=desired
    )


def _healthy(stack: Stack) -> set[str]:
    elb = stack.client("elbv2")
    group = elb.describe_target_groups(Names=[f"chatlift-{stack.name}-app"])["TargetGroups"][0]
    targets = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
    return {
        target["Target"]["Id"]
        for target in targets["TargetHealthDescriptions"]
        if target["TargetHealth"]["State"] == "healthy"
    }


def _warm(stack: Stack, state: str) -> list[str]:
    pool = _pool(stack)
    return list(pool) if list(pool.values()) == [f"Warmed:{state}"] else []


def _with_pool(kind: str) -> list[str]:
    variables: dict[str, Any] = {
        "app_tier_warm_pool": kind,
        "app_tier_warm_pool_min_size": 1,
        "app_tier_warm_pool_max_prepared_capacity": 0,
    }
    return ["playbooks/app_tier.yml", "-e", json.dumps(variables)]


def test_stopped_instance_enters_service_when_it_is_called(stack: Stack) -> None:
    before = {instance.id for instance in stack.instances("app")}
    stack.run_playbook(*_with_pool("stopped"))
    [instance] = wait_for("a warm instance", lambda: _warm(stack, "Stopped"), READY)
    assert instance not in {one.id for one in stack.instances("app")}
    _resize(stack, len(before) + 1)
    wait_for("its service", lambda: _healthy(stack) == {*before, instance}, GROWN)
    # It booted twice, and joined once.
    journal = rehearsal("logs", instance)
    assert (journal.count(": This is "), journal.count(": Joining.")) == (2, 1), journal


def test_running_instance_says_that_it_waits(stack: Stack) -> None:
    _resize(stack, 3)
    wait_for("three healthy targets", lambda: len(_healthy(stack)) == 3, GROWN)
    stack.run_playbook("playbooks/app_tier.yml")
    assert not _pool(stack)
    stack.run_playbook(*_with_pool("running"))
    [instance] = wait_for("a warm instance", lambda: _warm(stack, "Running"), READY)
    assert health(instance)["state"] == "warm"
    before = _healthy(stack)
    _resize(stack, 4)
    wait_for("its service", lambda: _healthy(stack) == {*before, instance}, GROWN)
    _resize(stack, 3)
    stack.run_playbook("playbooks/app_tier.yml")
    assert not _pool(stack)
    wait_for("three healthy targets", lambda: len(_healthy(stack)) == 3, GROWN)
