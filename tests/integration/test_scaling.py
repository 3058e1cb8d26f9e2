"""From the agents' figures to more instances, by way of the API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from chatlift_member.facts import Identity
from chatlift_member.metrics_cloudwatch import NAMESPACE, Metric, Publisher, dimensions
from chatlift_rehearsal.emulator import state

from tests.integration.cloud import DEBIAN, Cloud

GROUP = "chatlift-demo-app"
IDENTITY = Identity(
    stack="demo",
    region="eu-central-1",
    tier="app",
    member=None,
    asg=GROUP,
    launch_hook="",
    terminate_hook="",
    volume_id=None,
    secret_arn="",
    endpoint_url="",
    redis=(),
    mysql=(),
    mysql_group_name="",
    redis_topology="cluster",
)


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds that CloudWatch's minute takes."""
    monkeypatch.setattr(state, "minute", 1.0)
    return 1.0


@pytest.fixture
def group(cloud: Cloud) -> Iterator[Any]:
    """A group of two instances that grows to four; gives a function that describes it."""
    ec2, autoscaling = cloud.client("ec2"), cloud.client("autoscaling")
    vpc = ec2.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.42.0.0/20")["Subnet"]["SubnetId"]
    ec2.create_launch_template(
        LaunchTemplateName=GROUP,
        LaunchTemplateData={"ImageId": DEBIAN.id, "InstanceType": "t3.small"},
    )
    autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=GROUP,
        LaunchTemplate={"LaunchTemplateName": GROUP, "Version": "1"},
        VPCZoneIdentifier=subnet,
        MinSize=2,
        MaxSize=4,
        DefaultInstanceWarmup=60,
    )
    yield lambda: autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]
    autoscaling.delete_auto_scaling_group(AutoScalingGroupName=GROUP, ForceDelete=True)


def _wait_for(what: str, probe: Any, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not probe():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)


def _in_service(group: Any) -> int:
    return sum(one["LifecycleState"] == "InService" for one in group()["Instances"])


def test_connections_that_agents_publish_make_their_group_grow_and_shrink(
    cloud: Cloud, group: Any, minute: float
) -> None:
    [named] = dimensions(IDENTITY)
    cloud.client("autoscaling").put_scaling_policy(
        AutoScalingGroupName=GROUP,
        PolicyName="connections",
        PolicyType="TargetTrackingScaling",
        TargetTrackingConfiguration={
            "TargetValue": 100,
            "CustomizedMetricSpecification": {
                "Namespace": NAMESPACE,
                "MetricName": "WebSocketConnections",
                "Statistic": "Average",
                "Dimensions": [{"Name": key, "Value": value} for key, value in named.items()],
            },
        },
    )
    _wait_for("two instances", lambda: _in_service(group) == 2)
    clients = {"all": 300}

    def measure() -> list[Metric]:
        """The share of one instance: the load balancer spreads the clients evenly."""
        share = clients["all"] / max(_in_service(group), 1)
        return [Metric("WebSocketConnections", share)]

    with ExitStack() as agents:
        for _ in range(2):
            agent = Publisher(cloud.client("cloudwatch"), [named], measure, period=minute)
            agent.start()
            agents.callback(agent.stop)
        _wait_for("a third instance", lambda: _in_service(group) == 3)
        time.sleep(5 * minute)
        assert group()["DesiredCapacity"] == 3, "three are enough for 300 clients"
        clients["all"] = 50
        _wait_for("the least again", lambda: len(group()["Instances"]) == 2, 60)
