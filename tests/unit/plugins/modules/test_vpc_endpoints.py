"""The endpoints module against an emulated account."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.ec2.models.vpcs import VPCEndPoint

from ...conftest import PENDING, REGION, STACK, ZONES, ModuleFailed
from ...policy import allows

BUCKET = "arn:aws:s3:::bucket/object"
SERVICES = {"stack": STACK, "services": ["secretsmanager", "logs"]}


@pytest.fixture(autouse=True)
def network(aws: Any, run_module: Any) -> None:
    run_module("vpc", stack=STACK, cidr="10.42.0.0/16", availability_zones=ZONES)
    group = {"name": "endpoints", "description": "Interface endpoints", "rules": []}
    run_module("security_groups", stack=STACK, groups=[group])


def _endpoints(aws: Any) -> dict[str, dict[str, Any]]:
    found = aws("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    return {
        one["ServiceName"].removeprefix(f"com.amazonaws.{REGION}."): one
        for one in found
        if one["State"] == "available"
    }


def test_s3_is_reached_from_every_subnet_through_the_gateway(aws: Any, run_module: Any) -> None:
    assert run_module("vpc_endpoints", stack=STACK)["changed"]
    (endpoint,) = _endpoints(aws).values()
    assert (endpoint["ServiceName"], endpoint["VpcEndpointType"]) == (
        f"com.amazonaws.{REGION}.s3",
        "Gateway",
    )
    assert len(endpoint["RouteTableIds"]) == 4
    again = run_module("vpc_endpoints", stack=STACK)
    assert not again["changed"], again["diff"]


def test_what_is_written_to_s3_stays_in_the_account(aws: Any, run_module: Any) -> None:
    run_module("vpc_endpoints", stack=STACK)
    policy = json.loads(_endpoints(aws)["s3"]["PolicyDocument"])
    statements = [{**one} for one in policy["Statement"]]
    assert {statement.pop("Principal") for statement in statements} == {"*"}
    own = {"aws:PrincipalAccount": "1", "aws:ResourceAccount": "1"}
    other = {**own, "aws:ResourceAccount": "2"}
    assert allows(statements, "s3:PutObject", BUCKET, own)
    assert allows(statements, "s3:GetObject", BUCKET, other)
    assert not allows(statements, "s3:PutObject", BUCKET, other)
    assert not allows(statements, "s3:PutObject", BUCKET, {"aws:ResourceAccount": "2"})


def test_a_widened_policy_is_put_right(aws: Any, run_module: Any) -> None:
    run_module("vpc_endpoints", stack=STACK)
    open_to_all = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    aws("ec2").modify_vpc_endpoint(
        VpcEndpointId=_endpoints(aws)["s3"]["VpcEndpointId"],
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [open_to_all]}),
    )
    mended = run_module("vpc_endpoints", stack=STACK)
    assert list(mended["diff"]["after"]) == ["endpoint s3"]
    assert not run_module("vpc_endpoints", stack=STACK)["changed"]


def test_interface_endpoints_are_in_every_zone_behind_their_group(
    aws: Any, run_module: Any
) -> None:
    run_module("vpc_endpoints", **SERVICES)
    found = _endpoints(aws)
    assert set(found) == {"s3", "secretsmanager", "logs"}
    endpoint = found["logs"]
    assert endpoint["PrivateDnsEnabled"]
    assert len(endpoint["SubnetIds"]) == 3
    assert [group["GroupName"] for group in endpoint["Groups"]] == [f"chatlift-{STACK}-endpoints"]
    again = run_module("vpc_endpoints", **SERVICES)
    assert not again["changed"], again["diff"]


def test_an_endpoint_that_is_no_longer_listed_goes(aws: Any, run_module: Any) -> None:
    run_module("vpc_endpoints", **SERVICES)
    run_module("vpc_endpoints", stack=STACK, services=["logs"], s3=False)
    assert set(_endpoints(aws)) == {"logs"}


def test_an_endpoint_that_lost_a_subnet_gets_it_back(aws: Any, run_module: Any) -> None:
    run_module("vpc_endpoints", **SERVICES)
    endpoint = _endpoints(aws)["logs"]
    aws("ec2").modify_vpc_endpoint(
        VpcEndpointId=endpoint["VpcEndpointId"], RemoveSubnetIds=endpoint["SubnetIds"][:1]
    )
    assert run_module("vpc_endpoints", **SERVICES)["changed"]
    assert _endpoints(aws)["logs"]["SubnetIds"]
    assert not run_module("vpc_endpoints", **SERVICES)["changed"]


def test_check_mode_makes_nothing(aws: Any, run_module: Any) -> None:
    assert run_module("vpc_endpoints", check=True, **SERVICES)["changed"]
    assert not _endpoints(aws)


def test_without_a_network_it_says_what_comes_first(run_module: Any) -> None:
    with pytest.raises(ModuleFailed, match=r"There is no .*network\.yml first"):
        run_module("vpc_endpoints", stack="other", services=["logs"])


def test_absent_deletes_all_and_can_be_run_again(aws: Any, run_module: Any) -> None:
    run_module("vpc_endpoints", **SERVICES)
    assert run_module("vpc_endpoints", stack=STACK, state="absent")["changed"]
    assert not _endpoints(aws)
    assert not run_module("vpc_endpoints", stack=STACK, state="absent")["changed"]


def test_without_a_wait_it_says_whether_they_are_ready(
    run_module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(VPCEndPoint, "state", PENDING, raising=False)
        assert not run_module("vpc_endpoints", wait=False, **SERVICES)["ready"]
    again = run_module("vpc_endpoints", wait=False, **SERVICES)
    assert (again["ready"], again["changed"]) == (True, False)
