"""Calls are counted, and turned away in the words of each service when the gate is told to."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from .conftest import REGION

SERVICES = (
    ("ec2", "describe_vpcs", {}),
    ("autoscaling", "describe_auto_scaling_groups", {}),
    ("ssm", "describe_parameters", {}),
    ("cloudwatch", "list_dashboards", {}),
    ("s3", "list_buckets", {}),
    ("route53", "list_hosted_zones", {}),
)
# Those that a client repeats by itself.
THROTTLED = {"RequestLimitExceeded", "Throttling", "ThrottlingException", "SlowDown"}


def _tell(cloud: Any, fraction: float, **refused: str) -> None:
    body = json.dumps({"fraction": fraction, "refused": refused}).encode()
    url = f"{cloud.emulator.endpoint}/_rehearsal/trouble"
    with urllib.request.urlopen(urllib.request.Request(url, body, method="PUT")) as answer:
        assert json.load(answer)["fraction"] == fraction


def _calls(cloud: Any) -> dict[str, int]:
    with urllib.request.urlopen(f"{cloud.emulator.endpoint}/_rehearsal/calls") as answer:
        return dict(json.load(answer))


def _client(cloud: Any, service: str, attempts: int) -> Any:
    return boto3.client(
        service,
        region_name="eu-central-1",
        endpoint_url=cloud.emulator.endpoint,
        aws_access_key_id="rehearsal",
        aws_secret_access_key="rehearsal",
        config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
    )


def test_calls_are_counted_by_operation(cloud: Any) -> None:
    cloud.ec2.describe_vpcs()
    cloud.ec2.describe_vpcs()
    cloud.groups.describe_auto_scaling_groups()
    assert _calls(cloud) == {
        "ec2 DescribeVpcs": 2,
        "autoscaling DescribeAutoScalingGroups": 1,
    }


@pytest.mark.parametrize(("service", "operation", "arguments"), SERVICES)
def test_trouble_is_worded_as_the_service_does(
    cloud: Any, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    _tell(cloud, 1)
    client = _client(cloud, service, attempts=1)
    seen = set()
    for _ in range(40):
        with pytest.raises(ClientError) as caught:
            getattr(client, operation)(**arguments)
        status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
        code = caught.value.response["Error"]["Code"]
        assert code in THROTTLED or status == 500
        seen.add(code)
    assert len(seen) == 2


def test_a_client_that_repeats_gets_through(cloud: Any) -> None:
    _tell(cloud, 0.1)
    client = _client(cloud, "ec2", attempts=10)
    for _ in range(30):
        client.describe_vpcs()


def test_an_operation_is_refused_and_has_no_effect(cloud: Any) -> None:
    _tell(cloud, 0, CreateVpc="VpcLimitExceeded")
    before = len(cloud.ec2.describe_vpcs()["Vpcs"])
    with pytest.raises(ClientError, match="VpcLimitExceeded"):
        cloud.ec2.create_vpc(CidrBlock="10.9.0.0/16")
    _tell(cloud, 0)
    assert len(cloud.ec2.describe_vpcs()["Vpcs"]) == before


def test_a_group_is_refused_its_instances_too(cloud: Any) -> None:
    _tell(cloud, 0, RunInstances="VcpuLimitExceeded")
    cloud.template("one")
    cloud.group("one", AvailabilityZones=[f"{REGION}a"])
    cloud.wait(1)
    assert not cloud.instances()
    last = cloud.groups.describe_scaling_activities(AutoScalingGroupName="one")["Activities"][0]
    assert last["StatusCode"] == "Failed"
    assert "more vCPU capacity than your current vCPU limit of 32" in last["StatusMessage"]
    assert last["StatusMessage"].endswith("to this limit. Launching EC2 instance failed.")
    _tell(cloud, 0)
    cloud.wait(60)
    assert len(cloud.instances()) == 1
