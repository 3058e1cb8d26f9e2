"""Instance refreshes through the API: what AWS documents of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chatlift_rehearsal.emulator import state

from .test_autoscaling import activities, app, describe
from .test_lifecycle import HOOKS

FIRST = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110, "InstanceWarmup": 30}


class Bodies:
    """Lets time pass, with instances that obey."""

    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self.serving: list[int] = []
        self.alive: list[int] = []

    def pass_time(self, seconds: int, step: int = 5) -> None:
        for _ in range(0, seconds, step):
            self.cloud.wait(step)
            self.cloud.start_bodies()
            self.cloud.stop_bodies()
            states = [one.lifecycle_state for one in self.cloud.instances() if one.group]
            self.serving.append(states.count("InService"))
            self.alive.append(len(states))

    def until(self, status: str, step: int = 5) -> Any:
        for _ in range(500):
            if newest(self.cloud)["Status"] == status:
                return newest(self.cloud)
            self.pass_time(step, step)
        raise AssertionError(f"Not {status}: {newest(self.cloud)}")


def newest(cloud: Any) -> Any:
    found = cloud.groups.describe_instance_refreshes(AutoScalingGroupName="app")
    return found["InstanceRefreshes"][0]


def versions(cloud: Any) -> list[str]:
    return sorted(one["LaunchTemplate"]["Version"] for one in describe(cloud, "app")["Instances"])


def version(cloud: Any, **data: Any) -> None:
    cloud.ec2.create_launch_template_version(
        LaunchTemplateName="app", SourceVersion="1", LaunchTemplateData=data
    )


def desired(number: str) -> dict[str, Any]:
    return {"LaunchTemplate": {"LaunchTemplateName": "app", "Version": number}}


def start(cloud: Any, wanted: dict[str, Any] | None = None, **preferences: Any) -> str:
    found: str = cloud.groups.start_instance_refresh(
        AutoScalingGroupName="app",
        DesiredConfiguration=desired("2") if wanted is None else wanted,
        Preferences={**FIRST, **preferences},
    )["InstanceRefreshId"]
    return found


def alarm(cloud: Any, state: str, name: str = "errors") -> None:
    watch = cloud.client("cloudwatch")
    watch.put_metric_alarm(
        AlarmName=name,
        Namespace="x",
        MetricName="x",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    watch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")


@pytest.fixture
def bodies(cloud: Any) -> Iterator[Bodies]:
    """The group ``app`` of three on version 1 of its template, which has a version 2."""
    app(cloud, 3, MinSize=3, MaxSize=6)
    version(cloud, InstanceType="t3.large")
    yield Bodies(cloud)


def test_all_are_replaced_and_the_group_has_the_desired_version(cloud: Any, bodies: Bodies) -> None:
    refresh = start(cloud)
    assert newest(cloud)["Status"] == "Pending"
    cloud.wait(0)
    assert newest(cloud)["Status"] == "InProgress"
    assert newest(cloud)["InstancesToUpdate"] == 3
    ended = bodies.until("Successful")
    assert ended["InstanceRefreshId"] == refresh
    assert (ended["PercentageComplete"], ended["InstancesToUpdate"]) == (100, 0)
    assert ended["EndTime"] >= ended["StartTime"]
    assert ended["DesiredConfiguration"] == desired("2")
    assert versions(cloud) == ["2", "2", "2"]
    assert describe(cloud, "app")["LaunchTemplate"]["Version"] == "2"
    assert {one.instance_type for one in cloud.instances()} == {"t3.large"}


def test_it_launches_before_it_terminates_one_at_a_time(cloud: Any, bodies: Bodies) -> None:
    began = cloud.seconds
    start(cloud)
    bodies.until("Successful")
    assert min(bodies.serving) == 3
    assert max(bodies.alive) == 4
    assert cloud.seconds - began >= 3 * FIRST["InstanceWarmup"]


def test_the_group_keeps_its_version_until_the_end(cloud: Any, bodies: Bodies) -> None:
    start(cloud)
    bodies.pass_time(45)
    assert newest(cloud)["PercentageComplete"] == 33
    assert "is warming up" in newest(cloud)["StatusReason"]
    assert describe(cloud, "app")["LaunchTemplate"]["Version"] == "1"
    with pytest.raises(ClientError, match="An active instance refresh with a desired"):
        cloud.groups.update_auto_scaling_group(
            AutoScalingGroupName="app", LaunchTemplate=desired("1")["LaunchTemplate"]
        )
    cloud.groups.update_auto_scaling_group(AutoScalingGroupName="app", MaxSize=7)


def test_what_is_launched_meanwhile_is_new(cloud: Any, bodies: Bodies) -> None:
    start(cloud)
    bodies.pass_time(10)
    cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=5)
    bodies.pass_time(10)
    assert versions(cloud) == ["1", "1", "1", "2", "2", "2"]
    bodies.until("Successful")
    assert versions(cloud) == ["2"] * 5


def test_with_less_healthy_it_terminates_first(cloud: Any, bodies: Bodies) -> None:
    start(cloud, MinHealthyPercentage=90, MaxHealthyPercentage=100)
    bodies.until("Successful")
    assert min(bodies.serving) == 2
    assert max(bodies.alive) == 3


def test_all_can_be_replaced_at_once(cloud: Any, bodies: Bodies) -> None:
    start(cloud, MinHealthyPercentage=100, MaxHealthyPercentage=200)
    bodies.until("Successful")
    assert (min(bodies.serving), max(bodies.alive)) == (3, 6)


def test_the_groups_own_policy_and_warmup_are_the_default(cloud: Any) -> None:
    policy = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 200}
    app(cloud, 3, InstanceMaintenancePolicy=policy, DefaultInstanceWarmup=50, MaxSize=6)
    began, bodies = cloud.seconds, Bodies(cloud)
    cloud.groups.start_instance_refresh(AutoScalingGroupName="app")
    bodies.until("Successful")
    assert max(bodies.alive) == 6
    assert 50 <= cloud.seconds - began < 80


def test_without_skip_matching_all_are_replaced_again(cloud: Any, bodies: Bodies) -> None:
    before = {one.id for one in cloud.instances()}
    start(cloud, desired("1"))
    bodies.until("Successful")
    assert not before & {one.id for one in cloud.instances()}


def test_skip_matching_leaves_those_that_match(cloud: Any, bodies: Bodies) -> None:
    start(cloud)
    bodies.pass_time(45)
    cloud.groups.cancel_instance_refresh(AutoScalingGroupName="app")
    bodies.until("Cancelled")
    kept = [one.id for one in cloud.instances() if one.instance_type == "t3.large"]
    assert kept
    start(cloud, SkipMatching=True)
    bodies.until("Successful")
    assert set(kept) <= {one.id for one in cloud.instances()}
    start(cloud, SkipMatching=True)
    bodies.pass_time(10)
    assert newest(cloud)["Status"] == "Successful"


def test_a_mixed_group_gets_the_desired_policy(cloud: Any, bodies: Bodies) -> None:
    policy = {
        "LaunchTemplate": {
            "LaunchTemplateSpecification": {"LaunchTemplateName": "app", "Version": "2"},
            "Overrides": [{"InstanceType": "t3.xlarge"}, {"InstanceType": "t3.large"}],
        },
        "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 50},
    }
    start(cloud, {"MixedInstancesPolicy": policy})
    bodies.until("Successful")
    found = describe(cloud, "app")
    template = found["MixedInstancesPolicy"]["LaunchTemplate"]
    assert template["LaunchTemplateSpecification"]["Version"] == "2"
    assert "LaunchTemplate" not in found
    assert {one.instance_type for one in cloud.instances()} == {"t3.xlarge"}


def test_a_hook_is_waited_for_before_the_warm_up(cloud: Any, bodies: Bodies) -> None:
    for hook in HOOKS:
        cloud.groups.put_lifecycle_hook(AutoScalingGroupName="app", **hook)
    start(cloud)
    bodies.pass_time(20)
    assert "not yet" in newest(cloud)["StatusReason"]
    [new] = [one.id for one in cloud.instances() if one.instance_type == "t3.large"]
    cloud.complete("app", "launch", new)
    bodies.pass_time(FIRST["InstanceWarmup"] - 5)
    assert cloud.lifecycle("app").count("InService") == 4
    bodies.pass_time(10)
    assert cloud.lifecycle("app").count("Terminating:Wait") == 1
    assert newest(cloud)["PercentageComplete"] == 33
    assert "instance refresh" in activities(cloud, "app")[1]["Cause"]


def behind_a_balancer(cloud: Any, bodies: Bodies) -> str:
    """Make the target group of ``app`` and say that the present instances are healthy."""
    group: str = cloud.elb.create_target_group(
        Name="app", Protocol="HTTP", Port=8080, VpcId=cloud.ec2.describe_vpcs()["Vpcs"][-1]["VpcId"]
    )["TargetGroups"][0]["TargetGroupArn"]
    subnets = [s["SubnetId"] for s in cloud.ec2.describe_subnets()["Subnets"]][-3:]
    balancer = cloud.elb.create_load_balancer(Name="app", Subnets=subnets)["LoadBalancers"][0]
    cloud.elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    cloud.groups.attach_load_balancer_target_groups(
        AutoScalingGroupName="app", TargetGroupARNs=[group]
    )
    cloud.groups.update_auto_scaling_group(
        AutoScalingGroupName="app", HealthCheckType="ELB", HealthCheckGracePeriod=20
    )
    bodies.pass_time(5)
    for one in cloud.instances():
        cloud.emulator.target_health(group, one.id, "healthy")
    return group


def test_nobody_leaves_before_the_balancer_finds_a_new_one_healthy(
    cloud: Any, bodies: Bodies
) -> None:
    group = behind_a_balancer(cloud, bodies)
    start(cloud, InstanceWarmup=0)
    bodies.pass_time(10)
    assert cloud.lifecycle("app") == ["InService"] * 4
    for one in cloud.instances():
        cloud.emulator.target_health(group, one.id, "healthy")
    cloud.wait(1)
    assert cloud.lifecycle("app").count("Terminating") == 1
    cloud.wait(200)  # it drains for 300 s
    assert cloud.lifecycle("app").count("Terminating") == 1
    cloud.wait(101)
    assert cloud.instances("shutting-down")


def test_those_that_fail_their_health_check_are_replaced_for_an_hour(
    cloud: Any, bodies: Bodies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "minute", 10.0)  # an hour of CloudWatch takes 600 s
    group = behind_a_balancer(cloud, bodies)
    old = {one.id for one in cloud.instances()}
    began = cloud.seconds
    start(cloud, AutoRollback=True)
    seen = set()
    while newest(cloud)["Status"] in ("Pending", "InProgress"):
        bodies.pass_time(20, 20)
        for one in cloud.instances("running"):
            if one.id not in old:
                seen.add(one.id)
                cloud.emulator.target_health(group, one.id, "unhealthy")
    assert 600 <= cloud.seconds - began < 700
    assert len(seen) > 1
    assert newest(cloud)["Status"] == "RollbackInProgress"
    assert "hour" in newest(cloud)["RollbackDetails"]["RollbackReason"]
    cloud.wait(300)
    bodies.until("RollbackSuccessful")
    assert old == {one.id for one in cloud.instances()}
    assert describe(cloud, "app")["LaunchTemplate"]["Version"] == "1"


def test_launches_that_fail_leave_the_others_alone(cloud: Any, bodies: Bodies) -> None:
    old = {one.id for one in cloud.instances()}
    version(cloud, ImageId="ami-00000000000000000")
    start(cloud, desired("3"))
    ended = bodies.until("Failed", 60)
    assert "No instance was replaced" in ended["StatusReason"]
    assert old == {one.id for one in cloud.instances()}
    assert "ami-00000000000000000" in activities(cloud, "app")[0]["StatusMessage"]


def test_an_alarm_rolls_it_back(cloud: Any, bodies: Bodies) -> None:
    alarm(cloud, "OK")
    start(cloud, AutoRollback=True, AlarmSpecification={"Alarms": ["errors"]})
    while newest(cloud)["PercentageComplete"] < 66:
        bodies.pass_time(5)
    alarm(cloud, "ALARM")
    cloud.wait(1)
    begun = newest(cloud)
    assert begun["Status"] == "RollbackInProgress"
    details = begun["RollbackDetails"]
    assert "errors" in details["RollbackReason"]
    assert details["PercentageCompleteOnRollback"] == begun["PercentageComplete"] == 66
    ended = bodies.until("RollbackSuccessful")
    assert (ended["PercentageComplete"], ended["InstancesToUpdate"]) == (0, 1)
    assert versions(cloud) == ["1", "1", "1"]
    assert min(bodies.serving) == 3
    assert describe(cloud, "app")["LaunchTemplate"]["Version"] == "1"


def test_an_alarm_in_the_bake_time_rolls_it_back_too(cloud: Any, bodies: Bodies) -> None:
    alarm(cloud, "OK")
    start(cloud, AutoRollback=True, AlarmSpecification={"Alarms": ["errors"]}, BakeTime=60)
    bodies.until("Baking")
    alarm(cloud, "ALARM")
    bodies.until("RollbackSuccessful")
    assert versions(cloud) == ["1", "1", "1"]


def test_an_alarm_without_rollback_leaves_it_as_it_is(cloud: Any, bodies: Bodies) -> None:
    alarm(cloud, "OK")
    start(cloud, AlarmSpecification={"Alarms": ["errors"]})
    while newest(cloud)["PercentageComplete"] < 33:
        bodies.pass_time(5)
    alarm(cloud, "ALARM")
    bodies.until("Failed")
    bodies.pass_time(10)
    left = versions(cloud)
    assert (len(left), set(left)) == (3, {"1", "2"})
    bodies.pass_time(100)
    assert versions(cloud) == left


@pytest.mark.parametrize("state", ["ALARM", "INSUFFICIENT_DATA"])
def test_an_alarm_has_to_be_ok_when_it_begins(cloud: Any, bodies: Bodies, state: str) -> None:
    alarm(cloud, state)
    with pytest.raises(ClientError, match=state):
        start(cloud, AlarmSpecification={"Alarms": ["errors"]})
    with pytest.raises(ClientError, match="nobody does not exist"):
        start(cloud, AlarmSpecification={"Alarms": ["nobody"]})


def test_it_can_be_rolled_back_by_hand(cloud: Any, bodies: Bodies) -> None:
    old = {one.id for one in cloud.instances()}
    refresh = start(cloud)
    bodies.pass_time(10)
    answer = cloud.groups.rollback_instance_refresh(AutoScalingGroupName="app")
    assert answer["InstanceRefreshId"] == refresh
    assert newest(cloud)["Status"] == "RollbackInProgress"
    with pytest.raises(ClientError, match="IrreversibleInstanceRefresh"):
        cloud.groups.rollback_instance_refresh(AutoScalingGroupName="app")
    bodies.until("RollbackSuccessful")
    assert old == {one.id for one in cloud.instances()}
    with pytest.raises(ClientError, match="ActiveInstanceRefreshNotFound"):
        cloud.groups.rollback_instance_refresh(AutoScalingGroupName="app")


def test_cancelling_finishes_what_has_begun_and_undoes_nothing(cloud: Any, bodies: Bodies) -> None:
    start(cloud)
    cloud.wait(1)
    cloud.wait(1)
    assert len(cloud.instances("pending")) == 1
    cloud.groups.cancel_instance_refresh(AutoScalingGroupName="app")
    assert newest(cloud)["Status"] == "Cancelling"
    bodies.until("Cancelled")
    assert versions(cloud) == ["1", "1", "2"]
    assert describe(cloud, "app")["LaunchTemplate"]["Version"] == "1"
    with pytest.raises(ClientError, match="ActiveInstanceRefreshNotFound"):
        cloud.groups.cancel_instance_refresh(AutoScalingGroupName="app")


def test_cancelling_need_not_wait(cloud: Any, bodies: Bodies) -> None:
    start(cloud)
    cloud.wait(1)
    cloud.wait(1)
    cloud.groups.cancel_instance_refresh(
        AutoScalingGroupName="app", WaitForTransitioningInstances=False
    )
    assert newest(cloud)["Status"] == "Cancelled"
    bodies.pass_time(10)
    assert versions(cloud) == ["1", "1", "1"]


def test_there_is_one_at_a_time_and_the_past_is_told(cloud: Any, bodies: Bodies) -> None:
    first = start(cloud)
    with pytest.raises(ClientError, match="InstanceRefreshInProgress"):
        start(cloud)
    bodies.until("Successful")
    second = start(cloud, desired("1"))
    told = cloud.groups.describe_instance_refreshes(AutoScalingGroupName="app")
    assert [one["InstanceRefreshId"] for one in told["InstanceRefreshes"]] == [second, first]
    named = cloud.groups.describe_instance_refreshes(
        AutoScalingGroupName="app", InstanceRefreshIds=[first]
    )
    assert [one["Status"] for one in named["InstanceRefreshes"]] == ["Successful"]


def test_a_checkpoint_is_waited_at(cloud: Any, bodies: Bodies) -> None:
    start(cloud, CheckpointPercentages=[30, 100], CheckpointDelay=600)
    bodies.pass_time(100)
    assert versions(cloud) == ["1", "1", "2"]
    assert "checkpoint of 30 percent" in newest(cloud)["StatusReason"]
    bodies.pass_time(600, 60)
    bodies.until("Successful")


def test_the_last_checkpoint_ends_it(cloud: Any, bodies: Bodies) -> None:
    start(cloud, CheckpointPercentages=[60])
    bodies.until("Successful")
    assert versions(cloud) == ["1", "2", "2"]


@pytest.mark.parametrize(
    ("preference", "end", "left"),
    [("Refresh", "Successful", 0), ("Ignore", "Successful", 1), ("Wait", "Failed", 1)],
)
def test_protected_instances(
    cloud: Any, bodies: Bodies, preference: str, end: str, left: int
) -> None:
    kept = cloud.instances()[0].id
    cloud.groups.set_instance_protection(
        AutoScalingGroupName="app", InstanceIds=[kept], ProtectedFromScaleIn=True
    )
    start(cloud, ScaleInProtectedInstances=preference)
    bodies.until(end, 20)
    assert [one.id for one in cloud.instances()].count(kept) == left
    assert len(cloud.instances()) == 3


@pytest.mark.parametrize(
    ("preference", "end", "left"),
    [("Terminate", "Successful", 0), ("Ignore", "Successful", 1), ("Wait", "Failed", 1)],
)
def test_instances_in_standby(
    cloud: Any, bodies: Bodies, preference: str, end: str, left: int
) -> None:
    kept = cloud.instances()[0].id
    cloud.groups.enter_standby(
        AutoScalingGroupName="app", InstanceIds=[kept], ShouldDecrementDesiredCapacity=False
    )
    bodies.pass_time(10)
    start(cloud, StandbyInstances=preference)
    bodies.until(end, 20)
    assert [one.id for one in cloud.instances()].count(kept) == left


def test_a_suspended_refresh_waits(cloud: Any, bodies: Bodies) -> None:
    cloud.groups.suspend_processes(AutoScalingGroupName="app", ScalingProcesses=["InstanceRefresh"])
    start(cloud)
    bodies.pass_time(10)
    assert newest(cloud)["Status"] == "Pending"
    cloud.groups.resume_processes(AutoScalingGroupName="app")
    bodies.until("Successful")


@pytest.mark.parametrize(
    ("preferences", "refused"),
    [
        ({"MinHealthyPercentage": 50, "MaxHealthyPercentage": 200}, "greater than 100"),
        ({"CheckpointDelay": 5}, "requires CheckpointPercentages"),
        ({"CheckpointPercentages": [50, 20]}, "ascending"),
        ({"AlarmSpecification": {"Alarms": ["x"] * 11}}, "up to 10 alarms"),
    ],
)
def test_preferences_that_aws_refuses(
    cloud: Any, bodies: Bodies, preferences: dict[str, Any], refused: str
) -> None:
    with pytest.raises(ClientError, match=refused):
        start(cloud, **preferences)


def test_a_rollback_needs_to_know_where_to(cloud: Any, bodies: Bodies) -> None:
    start_without = {"AutoScalingGroupName": "app", "Preferences": {"AutoRollback": True}}
    with pytest.raises(ClientError, match="DesiredConfiguration parameter is empty"):
        cloud.groups.start_instance_refresh(**start_without)
    cloud.groups.start_instance_refresh(AutoScalingGroupName="app")
    with pytest.raises(ClientError, match="IrreversibleInstanceRefresh"):
        cloud.groups.rollback_instance_refresh(AutoScalingGroupName="app")


@pytest.mark.parametrize("moving", ["$Latest", "$Default"])
def test_a_version_that_moves_is_no_way_back(cloud: Any, bodies: Bodies, moving: str) -> None:
    cloud.groups.update_auto_scaling_group(
        AutoScalingGroupName="app", LaunchTemplate=desired(moving)["LaunchTemplate"]
    )
    with pytest.raises(ClientError, match=r"\$Latest or \$Default"):
        start(cloud, AutoRollback=True)
    start(cloud)
    with pytest.raises(ClientError, match="IrreversibleInstanceRefresh"):
        cloud.groups.rollback_instance_refresh(AutoScalingGroupName="app")


def test_what_is_desired_has_to_exist(cloud: Any, bodies: Bodies) -> None:
    with pytest.raises(ClientError, match="ValidationError"):
        start(cloud, desired("9"))
    with pytest.raises(ClientError, match="either launchTemplateId or LaunchTemplateName"):
        start(cloud, {"LaunchTemplate": {"Version": "1"}})


@pytest.mark.parametrize("least", [100, 50])
def test_the_warm_pool_comes_last(cloud: Any, bodies: Bodies, least: int) -> None:
    cloud.groups.put_warm_pool(AutoScalingGroupName="app", MinSize=2, PoolState="Running")
    bodies.pass_time(20)
    old = {one.id for one in cloud.instances()}
    assert len(old) == 6
    start(cloud, MinHealthyPercentage=least, MaxHealthyPercentage=110)
    while newest(cloud)["PercentageComplete"] < 100:
        warm = [one for one in cloud.instances() if one.lifecycle_state == "Warmed:Running"]
        assert {one.id for one in warm} <= old
        bodies.pass_time(5)
    ended = bodies.until("Successful")
    assert ended["ProgressDetails"]["WarmPoolProgress"] == {
        "PercentageComplete": 100,
        "InstancesToUpdate": 0,
    }
    assert len(cloud.instances()) == 6
    assert not old & {one.id for one in cloud.instances()}


def test_what_is_warm_and_old_is_not_taken_meanwhile(cloud: Any, bodies: Bodies) -> None:
    cloud.groups.put_warm_pool(AutoScalingGroupName="app", MinSize=2, PoolState="Running")
    bodies.pass_time(20)
    start(cloud)
    bodies.pass_time(10)
    cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=4)
    bodies.pass_time(10)
    assert versions(cloud) == ["1", "1", "1", "2", "2"]
    cloud.groups.rollback_instance_refresh(AutoScalingGroupName="app")
    bodies.until("RollbackSuccessful")
    assert versions(cloud) == ["1"] * 4
    assert {one.instance_type for one in cloud.instances()} == {"t3.small"}
