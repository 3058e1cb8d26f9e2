"""Lifecycle hooks."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"


def hook(name: str, transition: str, result: str) -> dict[str, Any]:
    return {
        "LifecycleHookName": name,
        "LifecycleTransition": transition,
        "HeartbeatTimeout": 60,
        "DefaultResult": result,
    }


HOOKS = [hook("launch", LAUNCHING, "ABANDON"), hook("terminate", TERMINATING, "CONTINUE")]


@pytest.fixture
def waiting(cloud: Any) -> str:
    """An instance of the group ``app`` that waits for its launching hook."""
    _, subnets = cloud.network()
    cloud.template("app", MetadataOptions={"InstanceMetadataTags": "enabled"})
    cloud.group("app", VPCZoneIdentifier=subnets[0], LifecycleHookSpecificationList=HOOKS)
    cloud.start_bodies()
    assert cloud.lifecycle("app") == ["Pending:Wait"]
    return str(cloud.instances()[0].id)


@pytest.fixture
def serving(cloud: Any, waiting: str) -> str:
    cloud.complete("app", "launch", waiting)
    assert cloud.lifecycle("app") == ["InService"]
    return waiting


def shrink(cloud: Any) -> None:
    cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=0)
    cloud.wait(0)


def target_state(cloud: Any, instance: str) -> str | None:
    found: str | None = cloud.metadata(instance, "meta-data/autoscaling/target-lifecycle-state")
    return found


def test_instance_waits_until_it_says_continue(cloud: Any, waiting: str) -> None:
    cloud.wait(59)
    assert cloud.lifecycle("app") == ["Pending:Wait"]
    assert target_state(cloud, waiting) == "InService"
    cloud.complete("app", "launch", waiting)
    assert cloud.lifecycle("app") == ["InService"]


def test_heartbeat_gives_more_time(cloud: Any, waiting: str) -> None:
    cloud.wait(50)
    cloud.groups.record_lifecycle_action_heartbeat(
        AutoScalingGroupName="app", LifecycleHookName="launch", InstanceId=waiting
    )
    cloud.wait(50)
    assert cloud.lifecycle("app") == ["Pending:Wait"]
    cloud.wait(11)
    assert cloud.lifecycle("app") == ["Terminating:Proceed"]


@pytest.mark.parametrize("end", ["ABANDON", "time-out"])
def test_abandoned_launch_is_terminated_and_tried_again(cloud: Any, waiting: str, end: str) -> None:
    if end == "ABANDON":
        cloud.complete("app", "launch", waiting, "ABANDON")
    else:
        cloud.wait(61)
    assert cloud.instance(waiting).state == "shutting-down"
    cloud.stop_bodies()
    assert cloud.instances() == []  # the next attempt waits a moment
    cloud.wait(2)
    assert [instance.state for instance in cloud.instances()] == ["pending"]
    answer = cloud.groups.describe_scaling_activities(AutoScalingGroupName="app")
    launch = answer["Activities"][-1]
    assert launch["StatusCode"] == "Cancelled"
    assert "abandoned" in launch["StatusMessage"]


def test_body_is_kept_until_the_terminating_hook_is_complete(cloud: Any, serving: str) -> None:
    shrink(cloud)
    assert cloud.lifecycle("app") == ["Terminating:Wait"]
    assert cloud.instance(serving).state == "running"
    assert target_state(cloud, serving) == "Terminated"
    cloud.complete("app", "terminate", serving)
    assert cloud.instance(serving).state == "shutting-down"
    cloud.stop_bodies()
    assert cloud.lifecycle("app") == []


def test_terminating_hook_times_out(cloud: Any, serving: str) -> None:
    shrink(cloud)
    cloud.wait(61)
    assert cloud.instance(serving).state == "shutting-down"


def test_nobody_is_asked_when_the_host_is_gone(cloud: Any, serving: str) -> None:
    cloud.emulator.instance_died(serving)
    cloud.wait(0)
    assert cloud.instance(serving).state == "shutting-down"


def test_host_that_dies_while_leaving_is_not_waited_for(cloud: Any, serving: str) -> None:
    shrink(cloud)
    cloud.emulator.instance_died(serving)
    cloud.wait(0)
    assert cloud.instance(serving).state == "shutting-down"


def test_action_can_be_completed_once(cloud: Any, serving: str) -> None:
    with pytest.raises(ClientError, match="No active Lifecycle Action found"):
        cloud.complete("app", "launch", serving)


def test_deleting_a_hook_abandons_the_launch_that_waits_for_it(cloud: Any, waiting: str) -> None:
    cloud.groups.delete_lifecycle_hook(AutoScalingGroupName="app", LifecycleHookName="launch")
    cloud.wait(0)
    assert cloud.instance(waiting).state == "shutting-down"


def test_hook_is_described_as_it_was_put(cloud: Any, serving: str) -> None:
    cloud.groups.put_lifecycle_hook(
        AutoScalingGroupName="app",
        LifecycleHookName="audit",
        LifecycleTransition=TERMINATING,
        HeartbeatTimeout=30,
        NotificationMetadata="why",
    )
    answer = cloud.groups.describe_lifecycle_hooks(
        AutoScalingGroupName="app", LifecycleHookNames=["audit"]
    )
    assert answer["LifecycleHooks"] == [
        {
            "LifecycleHookName": "audit",
            "AutoScalingGroupName": "app",
            "LifecycleTransition": TERMINATING,
            "HeartbeatTimeout": 30,
            "DefaultResult": "ABANDON",
            "GlobalTimeout": 3000,
            "NotificationMetadata": "why",
        }
    ]


def test_every_hook_of_a_transition_is_waited_for(cloud: Any, serving: str) -> None:
    cloud.groups.put_lifecycle_hook(
        AutoScalingGroupName="app", LifecycleHookName="audit", LifecycleTransition=TERMINATING
    )
    shrink(cloud)
    cloud.complete("app", "terminate", serving)
    assert cloud.lifecycle("app") == ["Terminating:Wait"]
    cloud.complete("app", "audit", serving)
    assert cloud.lifecycle("app") == ["Terminating:Proceed"]
