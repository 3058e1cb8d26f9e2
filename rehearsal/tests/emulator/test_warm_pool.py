"""Warm pools: instances that are prepared, wait, and enter service when they are called for."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

HOOKS = [
    {
        "LifecycleHookName": name,
        "LifecycleTransition": f"autoscaling:EC2_INSTANCE_{transition}",
        "HeartbeatTimeout": 60,
        "DefaultResult": result,
    }
    for name, transition, result in (
        ("launch", "LAUNCHING", "ABANDON"),
        ("terminate", "TERMINATING", "CONTINUE"),
    )
]


def pool(cloud: Any) -> dict[str, str]:
    """The states of the instances in the pool of ``app``, by their ids."""
    answer = cloud.groups.describe_warm_pool(AutoScalingGroupName="app")
    return {one["InstanceId"]: one["LifecycleState"] for one in answer["Instances"]}


def states(cloud: Any) -> list[str]:
    return list(pool(cloud).values())


def put(cloud: Any, **settings: Any) -> None:
    cloud.groups.put_warm_pool(AutoScalingGroupName="app", **settings)
    cloud.wait(0)


def scale(cloud: Any, desired: int) -> None:
    cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=desired)
    cloud.wait(0)


def target_state(cloud: Any, instance: str) -> str | None:
    found: str | None = cloud.metadata(instance, "meta-data/autoscaling/target-lifecycle-state")
    return found


def warm_up(cloud: Any) -> None:
    """Let what is on its way into the pool get there."""
    cloud.start_bodies()
    for instance, state in pool(cloud).items():
        if state == "Warmed:Pending:Wait":
            cloud.complete("app", "launch", instance)
    cloud.stop_bodies()


@pytest.fixture
def app(cloud: Any) -> Any:
    """The group ``app`` of at most four, with one instance in service and hooks."""
    _, subnets = cloud.network()
    cloud.template("app")
    cloud.group("app", VPCZoneIdentifier=",".join(subnets), LifecycleHookSpecificationList=HOOKS)
    cloud.start_bodies()
    cloud.complete("app", "launch", cloud.instances()[0].id)
    assert cloud.lifecycle("app") == ["InService"]
    return cloud


@pytest.fixture
def warm(app: Any) -> Any:
    """The same with a pool of one, which is ready."""
    put(app, MinSize=1, MaxGroupPreparedCapacity=0)
    warm_up(app)
    assert states(app) == ["Warmed:Stopped"]
    return app


def test_instance_is_prepared_and_stopped(app: Any) -> None:
    put(app, MinSize=1, MaxGroupPreparedCapacity=0)
    (instance,) = pool(app)
    assert states(app) == ["Warmed:Pending"]
    assert app.lifecycle("app") == ["InService"]
    app.start_bodies()
    assert states(app) == ["Warmed:Pending:Wait"]
    assert target_state(app, instance) == "Warmed:Stopped"
    found = app.groups.describe_auto_scaling_instances(InstanceIds=[instance])
    assert found["AutoScalingInstances"][0]["LifecycleState"] == "Warmed:Pending:Wait"
    app.complete("app", "launch", instance)
    assert app.instance(instance).state == "stopping"
    assert states(app) == ["Warmed:Pending:Proceed"]
    app.stop_bodies()
    assert app.instance(instance).state == "stopped"
    assert app.instance(instance).lifecycle_state == states(app)[0] == "Warmed:Stopped"
    group = app.groups.describe_auto_scaling_groups(AutoScalingGroupNames=["app"])
    described = group["AutoScalingGroups"][0]
    assert described["WarmPoolSize"] == 1
    assert described["WarmPoolConfiguration"] == {
        "MaxGroupPreparedCapacity": 0,
        "MinSize": 1,
        "PoolState": "Stopped",
    }


def test_pool_has_what_the_group_lacks_of_its_maximum(app: Any) -> None:
    put(app)
    assert len(pool(app)) == 3
    zones = [instance.availability_zone for instance in app.instances()]
    assert len(set(zones[:3])) == 3
    put(app, MaxGroupPreparedCapacity=2)
    app.wait(61)  # for the hook, which nobody completes
    app.stop_bodies()
    assert len(pool(app)) == 1
    put(app, MaxGroupPreparedCapacity=2, MinSize=2)
    assert len(pool(app)) == 2
    put(app, MaxGroupPreparedCapacity=-1)
    assert len(pool(app)) == 3


def test_group_grows_from_the_pool_which_is_filled_again(warm: Any) -> None:
    (instance,) = pool(warm)
    scale(warm, 2)
    assert warm.instance(instance).state == "pending"
    assert target_state(warm, instance) == "InService"
    assert states(warm) == ["Warmed:Pending"]
    warm.emulator.instance_started(instance)
    warm.wait(0)
    assert warm.lifecycle("app") == ["InService", "Pending:Wait"]
    warm.complete("app", "launch", instance)
    assert warm.lifecycle("app") == ["InService", "InService"]
    warm_up(warm)
    assert states(warm) == ["Warmed:Stopped"]
    activities = warm.groups.describe_scaling_activities(AutoScalingGroupName="app")["Activities"]
    assert f"Launching a new EC2 instance from warm pool: {instance}" in {
        activity["Description"] for activity in activities
    }


def test_empty_pool_lets_instances_be_launched_directly(warm: Any) -> None:
    scale(warm, 3)
    assert warm.lifecycle("app") == ["InService", "Pending", "Pending"]
    assert len(warm.instances()) == 4


def test_running_instance_waits_ready(app: Any) -> None:
    put(app, MinSize=1, MaxGroupPreparedCapacity=0, PoolState="Running")
    (instance,) = pool(app)
    app.start_bodies()
    assert target_state(app, instance) == "Warmed:Running"
    app.complete("app", "launch", instance)
    assert pool(app) == {instance: "Warmed:Running"}
    scale(app, 2)
    assert app.lifecycle("app") == ["InService", "Pending:Wait"]
    assert target_state(app, instance) == "InService"


def test_abandoned_preparation_is_tried_again_later(app: Any) -> None:
    put(app, MinSize=1, MaxGroupPreparedCapacity=0)
    (first,) = pool(app)
    app.start_bodies()
    app.complete("app", "launch", first, "ABANDON")
    assert app.instance(first).state == "shutting-down"
    app.stop_bodies()
    assert pool(app) == {}
    app.wait(2)
    assert states(app) == ["Warmed:Pending"]


def test_running_instance_leaves_in_an_orderly_way(app: Any) -> None:
    put(app, MinSize=1, MaxGroupPreparedCapacity=0, PoolState="Running")
    (instance,) = pool(app)
    warm_up(app)
    put(app, MinSize=0, MaxGroupPreparedCapacity=0, PoolState="Running")
    assert pool(app) == {instance: "Warmed:Terminating:Wait"}
    assert target_state(app, instance) == "Warmed:Terminated"
    app.complete("app", "terminate", instance)
    app.stop_bodies()
    assert pool(app) == {}


def test_stopped_instance_leaves_when_its_hook_times_out(warm: Any) -> None:
    put(warm, MinSize=0, MaxGroupPreparedCapacity=0)
    warm.wait(59)
    assert states(warm) == ["Warmed:Terminating:Wait"]
    warm.wait(2)
    warm.stop_bodies()
    assert pool(warm) == {}


def test_lost_instance_is_replaced(warm: Any) -> None:
    (instance,) = pool(warm)
    warm.ec2.terminate_instances(InstanceIds=[instance])
    warm.wait(0)
    warm.stop_bodies()
    assert states(warm) == ["Warmed:Pending"]
    assert instance not in pool(warm)


def test_deleting_the_pool_by_force_ends_its_instances(warm: Any) -> None:
    delete = warm.groups.delete_warm_pool
    with pytest.raises(ClientError, match="ResourceInUse"):
        delete(AutoScalingGroupName="app")
    delete(AutoScalingGroupName="app", ForceDelete=True)
    answer = warm.groups.describe_warm_pool(AutoScalingGroupName="app")
    assert answer["WarmPoolConfiguration"]["Status"] == "PendingDelete"
    warm.stop_bodies()
    answer = warm.groups.describe_warm_pool(AutoScalingGroupName="app")
    assert answer["Instances"] == []
    assert "WarmPoolConfiguration" not in answer
    assert len(warm.instances()) == 1


def test_group_with_a_pool_is_deleted_by_force_alone(warm: Any) -> None:
    delete = warm.groups.delete_auto_scaling_group
    scale(warm, 0)
    with pytest.raises(ClientError, match="ResourceInUse"):
        delete(AutoScalingGroupName="app")
    delete(AutoScalingGroupName="app", ForceDelete=True)
    warm.stop_bodies()
    warm.wait(0)
    assert warm.instances() == []
    answer = warm.groups.describe_auto_scaling_groups(AutoScalingGroupNames=["app"])
    assert answer["AutoScalingGroups"] == []


def test_spot_instances_and_returning_ones_are_refused(app: Any) -> None:
    with pytest.raises(ClientError, match="return to a warm pool"):
        put(app, InstanceReusePolicy={"ReuseOnScaleIn": True})
    mixed = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateName": "app", "Version": "1"},
            "Overrides": [{"InstanceType": "t3.small"}, {"InstanceType": "t3a.small"}],
        },
        "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 100},
    }
    app.groups.update_auto_scaling_group(AutoScalingGroupName="app", MixedInstancesPolicy=mixed)
    put(app, MinSize=1, MaxGroupPreparedCapacity=0)
    mixed["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] = 50
    with pytest.raises(ClientError, match="Spot"):
        app.groups.update_auto_scaling_group(AutoScalingGroupName="app", MixedInstancesPolicy=mixed)
    app.groups.delete_warm_pool(AutoScalingGroupName="app", ForceDelete=True)
    app.stop_bodies()
    app.groups.update_auto_scaling_group(AutoScalingGroupName="app", MixedInstancesPolicy=mixed)
    with pytest.raises(ClientError, match="Spot"):
        put(app, MinSize=1)


def test_instance_of_the_pool_is_none_of_the_group(warm: Any) -> None:
    (instance,) = pool(warm)
    terminate = warm.groups.terminate_instance_in_auto_scaling_group
    with pytest.raises(ClientError, match="warm pool"):
        terminate(InstanceId=instance, ShouldDecrementDesiredCapacity=False)
