"""The security groups module against an emulated account."""

from __future__ import annotations

from typing import Any

import pytest

from ...conftest import STACK, ZONES, ModuleFailed

GROUPS = [
    {"name": "app", "description": "Application instances", "rules": []},
    {
        "name": "redis",
        "description": "Redis members",
        "rules": [{"port": 6379, "groups": ["app", "redis"], "cidrs": ["192.0.2.0/24"]}],
    },
]


@pytest.fixture(autouse=True)
def network(aws: Any, run_module: Any) -> None:
    run_module("vpc", stack=STACK, cidr="10.42.0.0/16", availability_zones=ZONES)


def _rules(aws: Any, group_id: str) -> set[tuple[int, str]]:
    (group,) = aws("ec2").describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    return {
        (permission["FromPort"], source)
        for permission in group["IpPermissions"]
        for source in (
            *(pair["GroupId"] for pair in permission["UserIdGroupPairs"]),
            *(block["CidrIp"] for block in permission["IpRanges"]),
        )
    }


def test_groups_name_each_other_and_themselves(aws: Any, run_module: Any) -> None:
    ids = run_module("security_groups", stack=STACK, groups=GROUPS)["group_ids"]
    assert _rules(aws, ids["redis"]) == {
        (6379, ids["app"]),
        (6379, ids["redis"]),
        (6379, "192.0.2.0/24"),
    }
    assert not run_module("security_groups", stack=STACK, groups=GROUPS)["changed"]


CLOUDFRONT = "com.amazonaws.global.cloudfront.origin-facing"


def test_a_group_lets_in_a_managed_prefix_list(aws: Any, run_module: Any) -> None:
    rule = {"port": 443, "prefix_lists": [CLOUDFRONT]}
    groups = [{"name": "alb", "description": "Load balancer", "rules": [rule]}]
    ids = run_module("security_groups", stack=STACK, groups=groups)["group_ids"]
    (group,) = aws("ec2").describe_security_groups(GroupIds=[ids["alb"]])["SecurityGroups"]
    (permission,) = group["IpPermissions"]
    assert permission["FromPort"] == 443
    assert permission["PrefixListIds"][0]["PrefixListId"].startswith("pl-")
    assert not run_module("security_groups", stack=STACK, groups=groups)["changed"]


def test_a_prefix_list_that_the_region_lacks_is_named(run_module: Any) -> None:
    rule = {"port": 443, "prefix_lists": ["com.amazonaws.nowhere"]}
    groups = [{"name": "alb", "description": "Load balancer", "rules": [rule]}]
    with pytest.raises(ModuleFailed, match=r"no managed prefix list com\.amazonaws\.nowhere"):
        run_module("security_groups", stack=STACK, groups=groups)


def test_a_rule_made_by_hand_is_revoked(aws: Any, run_module: Any) -> None:
    ids = run_module("security_groups", stack=STACK, groups=GROUPS)["group_ids"]
    wanted = _rules(aws, ids["redis"])
    aws("ec2").authorize_security_group_ingress(
        GroupId=ids["redis"], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
    )
    mended = run_module("security_groups", stack=STACK, groups=GROUPS)
    assert "tcp 22-22 from 0.0.0.0/0" in mended["diff"]["before"]["rules of security group redis"]
    assert _rules(aws, ids["redis"]) == wanted


def test_an_unknown_group_is_named_with_those_there_are(run_module: Any) -> None:
    groups = [{**GROUPS[0], "rules": [{"port": 80, "groups": ["alp"]}]}]
    with pytest.raises(ModuleFailed, match=r"lets alp connect .* Name one of app"):
        run_module("security_groups", stack=STACK, groups=groups)


def test_check_mode_makes_nothing(aws: Any, run_module: Any) -> None:
    assert run_module("security_groups", check=True, stack=STACK, groups=GROUPS)["changed"]
    assert not aws("ec2").describe_security_groups(
        Filters=[{"Name": "tag:chatlift:stack", "Values": [STACK]}]
    )["SecurityGroups"]


def test_absent_deletes_groups_that_name_each_other(aws: Any, run_module: Any) -> None:
    run_module("security_groups", stack=STACK, groups=GROUPS)
    absent = {"stack": STACK, "state": "absent", "delete_timeout": 1}
    assert run_module("security_groups", **absent)["changed"]
    assert not run_module("security_groups", **absent)["changed"]
    assert run_module("vpc", **absent)["changed"]
