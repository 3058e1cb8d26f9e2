"""The network module against an emulated account."""

from __future__ import annotations

from typing import Any

import pytest
from moto.ec2.models.nat_gateways import NatGateway

from ...conftest import PENDING, STACK, ZONES, ModuleFailed

OPTIONS = {"stack": STACK, "cidr": "10.42.0.0/16", "availability_zones": ZONES}


def test_the_network_is_made_once(aws: Any, run_module: Any) -> None:
    made = run_module("vpc", **OPTIONS)
    assert made["changed"]
    assert sorted(made["subnets"]) == [
        f"{tier}-{az}" for tier in ("app", "data", "edge") for az in "abc"
    ]
    again = run_module("vpc", **OPTIONS)
    assert not again["changed"], again["diff"]
    assert again["subnets"] == made["subnets"]


def test_check_mode_makes_nothing(aws: Any, run_module: Any) -> None:
    assert run_module("vpc", check=True, **OPTIONS)["changed"]
    assert not aws("ec2").describe_vpcs(
        Filters=[{"Name": "tag:chatlift:stack", "Values": [STACK]}]
    )["Vpcs"]


def test_private_subnets_leave_through_the_nat_of_their_zone(aws: Any, run_module: Any) -> None:
    made = run_module("vpc", **OPTIONS)
    tables = aws("ec2").describe_route_tables(
        Filters=[{"Name": "tag:chatlift:stack", "Values": [STACK]}]
    )["RouteTables"]
    targets = {
        association["SubnetId"]: route.get("NatGatewayId") or route.get("GatewayId")
        for table in tables
        for association in table["Associations"]
        for route in table["Routes"]
        if route.get("DestinationCidrBlock") == "0.0.0.0/0"
    }
    subnets = made["subnets"]
    assert targets[subnets["app-a"]] == targets[subnets["data-a"]]
    assert targets[subnets["data-a"]].startswith("nat-")
    assert len({targets[subnets[f"data-{az}"]] for az in "abc"}) == 3
    assert {targets[subnets[f"edge-{az}"]][:4] for az in "abc"} == {"igw-"}


@pytest.mark.parametrize("nat", ["one", "per_az"])
def test_routes_wait_for_nat_gateways_that_are_pending(
    aws: Any, run_module: Any, monkeypatch: pytest.MonkeyPatch, nat: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(NatGateway, "state", PENDING, raising=False)
        assert not run_module("vpc", wait=False, nat=nat, **OPTIONS)["ready"]
        again = run_module("vpc", wait=False, nat=nat, **OPTIONS)
        assert (again["ready"], again["changed"]) == (False, False)
    ended = run_module("vpc", nat=nat, **OPTIONS)
    assert ended["ready"]
    assert sorted(ended["diff"]["after"]) == [f"default route of private-{az}" for az in "abc"]


def test_one_nat_gateway_serves_all_zones(aws: Any, run_module: Any) -> None:
    run_module("vpc", nat="one", **OPTIONS)
    assert len(aws("ec2").describe_nat_gateways()["NatGateways"]) == 1
    assert not run_module("vpc", nat="one", **OPTIONS)["changed"]


def test_going_from_one_nat_gateway_to_one_a_zone_replaces_routes(
    aws: Any, run_module: Any
) -> None:
    run_module("vpc", nat="one", **OPTIONS)
    changed = run_module("vpc", nat="per_az", **OPTIONS)
    assert "default route of private-b" in changed["diff"]["after"]
    assert not run_module("vpc", nat="per_az", **OPTIONS)["changed"]


def test_the_default_security_group_is_emptied(aws: Any, run_module: Any) -> None:
    vpc_id = run_module("vpc", **OPTIONS)["vpc_id"]
    (group,) = aws("ec2").describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc_id]}]
    )["SecurityGroups"]
    assert (group["IpPermissions"], group["IpPermissionsEgress"]) == ([], [])


def test_a_changed_range_is_refused_with_what_to_do(aws: Any, run_module: Any) -> None:
    run_module("vpc", **OPTIONS)
    with pytest.raises(ModuleFailed, match=r"Set chatlift_network_cidr to 10\.42\.0\.0/16"):
        run_module("vpc", **{**OPTIONS, "cidr": "10.43.0.0/16"})


def test_reordered_zones_are_refused(aws: Any, run_module: Any) -> None:
    run_module("vpc", **OPTIONS)
    with pytest.raises(ModuleFailed, match="Keep the order of chatlift_availability_zones"):
        run_module("vpc", **{**OPTIONS, "availability_zones": ZONES[::-1]})


def test_absent_leaves_nothing_and_can_be_run_again(aws: Any, run_module: Any) -> None:
    run_module("vpc", **OPTIONS)
    assert run_module("vpc", stack=STACK, state="absent", delete_timeout=1)["changed"]
    ec2 = aws("ec2")
    of_stack = [{"Name": "tag:chatlift:stack", "Values": [STACK]}]
    assert not ec2.describe_vpcs(Filters=of_stack)["Vpcs"]
    assert not ec2.describe_addresses(Filters=of_stack)["Addresses"]
    assert not ec2.describe_internet_gateways(Filters=of_stack)["InternetGateways"]
    assert not run_module("vpc", stack=STACK, state="absent", delete_timeout=1)["changed"]


def test_absent_takes_a_half_made_network(aws: Any, run_module: Any) -> None:
    ec2 = aws("ec2")
    tags = [{"Key": "Name", "Value": "chatlift-demo"}, {"Key": "chatlift:stack", "Value": STACK}]
    ec2.create_vpc(
        CidrBlock="10.42.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}]
    )
    assert run_module("vpc", stack=STACK, state="absent", delete_timeout=1)["changed"]
    assert not run_module("vpc", stack=STACK, state="absent", delete_timeout=1)["changed"]


def test_a_subnet_that_was_made_public_by_hand_is_private_again(aws: Any, run_module: Any) -> None:
    subnets = run_module("vpc", **OPTIONS)["subnets"]
    for name in ("data-a", "edge-a"):
        aws("ec2").modify_subnet_attribute(
            SubnetId=subnets[name], MapPublicIpOnLaunch={"Value": True}
        )
    mended = run_module("vpc", **OPTIONS)
    assert list(mended["diff"]["after"]) == ["public addresses in subnet data-a"]
    assert not run_module("vpc", **OPTIONS)["changed"]


LOGGED = {**OPTIONS, "flow_logs": "all", "flow_log_retention_days": 7}


def _flow_logs(aws: Any) -> list[dict[str, Any]]:
    return list(aws("ec2").describe_flow_logs()["FlowLogs"])


def test_flow_logs_are_delivered_by_a_role_that_may_do_nothing_else(
    aws: Any, run_module: Any
) -> None:
    vpc_id = run_module("vpc", **LOGGED)["vpc_id"]
    (log,) = _flow_logs(aws)
    assert (log["ResourceId"], log["TrafficType"]) == (vpc_id, "ALL")
    assert log["LogGroupName"] == "/chatlift/demo/flow"
    assert log["DeliverLogsStatus"] == "SUCCESS"
    (group,) = aws("logs").describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/chatlift/demo/flow", 7)
    role = aws("iam").get_role(RoleName="chatlift-demo-flow")["Role"]
    assert role["Arn"] == log["DeliverLogsPermissionArn"]
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trusted["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    policy = aws("iam").get_role_policy(RoleName="chatlift-demo-flow", PolicyName="deliver")
    write, _find = policy["PolicyDocument"]["Statement"]
    group_arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/chatlift/demo/flow"
    assert write["Resource"] == f"{group_arn}:*"
    assert not run_module("vpc", **LOGGED)["changed"]


def test_other_flow_logs_replace_those_there_are(aws: Any, run_module: Any) -> None:
    run_module("vpc", **LOGGED)
    assert run_module("vpc", **{**LOGGED, "flow_logs": "reject"})["changed"]
    assert [log["TrafficType"] for log in _flow_logs(aws)] == ["REJECT"]


def test_flow_logs_end_and_what_was_logged_stays(aws: Any, run_module: Any) -> None:
    run_module("vpc", **LOGGED)
    assert run_module("vpc", **OPTIONS)["changed"]
    assert not _flow_logs(aws)
    assert not aws("iam").list_roles()["Roles"]
    assert aws("logs").describe_log_groups()["logGroups"]
    assert not run_module("vpc", **OPTIONS)["changed"]


def test_absent_ends_the_flow_logs_too(aws: Any, run_module: Any) -> None:
    run_module("vpc", **LOGGED)
    run_module("vpc", stack=STACK, state="absent", delete_timeout=1)
    assert not _flow_logs(aws)
    assert not aws("iam").list_roles()["Roles"]
