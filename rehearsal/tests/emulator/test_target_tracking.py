"""Groups grow and shrink by themselves, with what is published of their instances."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from chatlift_rehearsal.emulator.target_tracking import Decision, Reading, Size, decide
from chatlift_rehearsal.model import MetricFigure

from .conftest import Cloud

GROUP = {"AutoScalingGroupName": "app"}
CPU = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}}
CONNECTIONS = {
    "CustomizedMetricSpecification": {
        "Namespace": "chatlift",
        "MetricName": "WebSocketConnections",
        "Statistic": "Average",
        "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "app"}],
    }
}


def policy(cloud: Cloud, name: str = "cpu", target: float = 50, **changes: Any) -> dict[str, Any]:
    """A policy of the group ``app``; ``changes`` are to its configuration."""
    answer: dict[str, Any] = cloud.groups.put_scaling_policy(
        AutoScalingGroupName="app",
        PolicyName=name,
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={"TargetValue": target, **(changes or CPU)},
    )
    return answer


def serve(cloud: Cloud, desired: int = 2, **parameters: Any) -> None:
    """A group ``app`` of instances in service, from one to six, which are warm after 120 s."""
    cloud.template("app")
    usual = {
        "MinSize": 1,
        "MaxSize": 6,
        "DefaultInstanceWarmup": 120,
        "VPCZoneIdentifier": cloud.network()[1][0],
    }
    cloud.group("app", desired, **{**usual, **parameters})
    start(cloud)


def start(cloud: Cloud) -> None:
    cloud.start_bodies()
    cloud.stop_bodies()


def minutes(cloud: Cloud, count: int, cpu: float | None = None, conns: float | None = None) -> None:
    """Let minutes pass in each of which both metrics have one value."""
    if cloud.seconds % 60 != 1:
        cloud.seconds = (cloud.seconds // 60 + 1) * 60 + 1
    for _ in range(count):
        figures = []
        if cpu is not None:
            figures.append(MetricFigure("AWS/EC2", "CPUUtilization", GROUP, cpu, "Percent"))
        if conns is not None:
            figures.append(MetricFigure("chatlift", "WebSocketConnections", GROUP, conns))
        cloud.emulator.publish(figures)
        cloud.wait(60)
        start(cloud)


def group(cloud: Cloud) -> dict[str, Any]:
    [found] = cloud.groups.describe_auto_scaling_groups()["AutoScalingGroups"]
    return dict(found)


def desired(cloud: Cloud) -> int:
    return int(group(cloud)["DesiredCapacity"])


def policies(cloud: Cloud) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cloud.groups.describe_policies()["ScalingPolicies"]
    return found


def test_a_policy_has_two_alarms_and_takes_them_with_it(cloud: Cloud) -> None:
    serve(cloud)
    made = policy(cloud, target=50)
    names = [one["AlarmName"] for one in made["Alarms"]]
    assert [name.rsplit("-", 5)[0] for name in names] == [
        "TargetTracking-app-AlarmHigh",
        "TargetTracking-app-AlarmLow",
    ]
    policy(cloud, target=60)
    watch = cloud.client("cloudwatch")
    alarms = {a["AlarmName"]: a for a in watch.describe_alarms()["MetricAlarms"]}
    assert sorted(alarms) == sorted(names)
    high, low = (alarms[name] for name in names)
    assert (high["Threshold"], high["EvaluationPeriods"], high["Dimensions"]) == (
        60,
        3,
        [{"Name": "AutoScalingGroupName", "Value": "app"}],
    )
    assert (low["Threshold"], low["EvaluationPeriods"]) == (54, 15)
    assert high["AlarmActions"] == [made["PolicyARN"]]
    [found] = policies(cloud)
    assert (found["PolicyARN"], found["Alarms"]) == (made["PolicyARN"], made["Alarms"])
    cloud.groups.delete_policy(AutoScalingGroupName="app", PolicyName="cpu")
    assert not watch.describe_alarms()["MetricAlarms"]


def test_policies_of_two_groups_may_have_one_name(cloud: Cloud) -> None:
    serve(cloud)
    policy(cloud)
    template = {"LaunchTemplateName": "app", "Version": "1"}
    cloud.group("other", LaunchTemplate=template, AvailabilityZones=["eu-central-1a"])
    cloud.groups.put_scaling_policy(
        AutoScalingGroupName="other",
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={"TargetValue": 50, **CPU},
    )
    cloud.groups.delete_auto_scaling_group(AutoScalingGroupName="other", ForceDelete=True)
    cloud.stop_bodies()
    assert [found["AutoScalingGroupName"] for found in policies(cloud)] == ["app"]


def test_a_group_grows_in_proportion_after_three_minutes(cloud: Cloud) -> None:
    serve(cloud, 2)
    policy(cloud, target=50)
    minutes(cloud, 2, cpu=100)
    assert desired(cloud) == 2
    minutes(cloud, 2, cpu=100)
    assert desired(cloud) == 4
    found = cloud.groups.describe_scaling_activities(AutoScalingGroupName="app")["Activities"]
    assert (
        "in state ALARM triggered a policy changing the desired capacity from 2 to 4"
        in (found[0]["Cause"])
    )


def test_the_same_load_is_not_answered_twice_while_instances_warm_up(cloud: Cloud) -> None:
    serve(cloud, 2, DefaultInstanceWarmup=600)
    policy(cloud, target=50)
    minutes(cloud, 9, cpu=100)  # the first two are not typical yet, either
    assert desired(cloud) == 2
    minutes(cloud, 6, cpu=100)
    assert desired(cloud) == 4


def test_it_never_leaves_its_bounds(cloud: Cloud) -> None:
    serve(cloud, 2, MaxSize=3)
    policy(cloud, target=10)
    minutes(cloud, 6, cpu=100)
    assert desired(cloud) == 3
    minutes(cloud, 40, cpu=0)
    assert desired(cloud) == 1


def test_it_shrinks_slowly_one_by_one(cloud: Cloud) -> None:
    serve(cloud, 4)
    policy(cloud, target=50)
    minutes(cloud, 14, cpu=5)
    assert desired(cloud) == 4
    minutes(cloud, 1, cpu=5)
    assert desired(cloud) == 3
    minutes(cloud, 5, cpu=5)
    assert desired(cloud) == 1


def test_any_policy_lets_it_grow_and_only_all_let_it_shrink(cloud: Cloud) -> None:
    serve(cloud, 2)
    policy(cloud, "cpu", 50)
    policy(cloud, "connections", 100, **CONNECTIONS)
    minutes(cloud, 4, cpu=1, conns=150)
    assert desired(cloud) == 3
    minutes(cloud, 20, cpu=1, conns=100)
    assert desired(cloud) == 3
    minutes(cloud, 20, cpu=1, conns=10)
    assert desired(cloud) == 1


def test_without_figures_nothing_shrinks(cloud: Cloud) -> None:
    serve(cloud, 3)
    policy(cloud, "cpu", 50)
    policy(cloud, "connections", 100, **CONNECTIONS)
    minutes(cloud, 20, cpu=1)
    assert desired(cloud) == 3


@pytest.mark.parametrize("how", ["suspended", "disabled"])
def test_a_policy_can_be_kept_from_acting(cloud: Cloud, how: str) -> None:
    serve(cloud, 2)
    policy(cloud, target=50)
    if how == "suspended":
        cloud.groups.suspend_processes(
            AutoScalingGroupName="app", ScalingProcesses=["AlarmNotification"]
        )
    else:
        cloud.groups.put_scaling_policy(
            AutoScalingGroupName="app",
            PolicyName="cpu",
            PolicyType="TargetTrackingScaling",
            TargetTrackingConfiguration={"TargetValue": 50, **CPU},
            Enabled=False,
        )
        assert [found["Enabled"] for found in policies(cloud)] == [False]
    minutes(cloud, 6, cpu=100)
    assert desired(cloud) == 2


def test_what_it_cannot_follow_is_refused(cloud: Cloud) -> None:
    serve(cloud)
    network = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageNetworkIn"}}
    with pytest.raises(ClientError, match="no other predefined metric"):
        policy(cloud, **network)
    assert not policies(cloud)


def _reading(load: float, high: bool = False, low: bool = False, shrinks: bool = True) -> Reading:
    return Reading("alarm", load, high, low, shrinks)


def test_a_policy_that_never_shrinks_keeps_no_other_from_it() -> None:
    size = Size(desired=4, smallest=1, largest=6, typical=4, settling=0)
    readings = [_reading(0.2, low=True), _reading(0.9, shrinks=False)]
    assert decide(readings, size) == Decision(3, "alarm")


def test_nothing_shrinks_while_an_instance_comes_or_goes() -> None:
    size = Size(desired=4, smallest=1, largest=6, typical=3, settling=1)
    assert decide([_reading(0.1, low=True)], size) is None
