"""The module of IAM roles against an emulated account."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ...conftest import STACK, ModuleFailed

NAME = f"chatlift-{STACK}-redis-a1"
PATH = f"/chatlift/{STACK}/"
STATEMENT = {
    "Effect": "Allow",
    "Action": "secretsmanager:GetSecretValue",
    "Resource": "arn:aws:secretsmanager:*:*:secret:chatlift/demo/redis-??????",
}
OPTIONS = {"stack": STACK, "statements": {"redis-a1": [STATEMENT]}}


def test_role_policy_and_profile_are_made_once(aws: Any, run_module: Any) -> None:
    assert run_module("instance_roles", **OPTIONS)["changed"]
    iam = aws("iam")
    profile = iam.get_instance_profile(InstanceProfileName=NAME)["InstanceProfile"]
    assert [role["RoleName"] for role in profile["Roles"]] == [NAME]
    policy = iam.get_role_policy(RoleName=NAME, PolicyName="member-agent")["PolicyDocument"]
    assert policy["Statement"] == [STATEMENT]
    role = iam.get_role(RoleName=NAME)["Role"]
    assert (role["Path"], profile["Path"]) == (PATH, PATH)
    assert {tag["Key"]: tag["Value"] for tag in role["Tags"]} == {
        "Name": NAME,
        "chatlift:stack": STACK,
        "chatlift:tier": "redis",
        "chatlift:member": "redis-a1",
    }
    again = run_module("instance_roles", **OPTIONS)
    assert not again["changed"], again["diff"]


def test_a_policy_that_was_widened_by_hand_is_put_right(aws: Any, run_module: Any) -> None:
    run_module("instance_roles", **OPTIONS)
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    aws("iam").put_role_policy(
        RoleName=NAME,
        PolicyName="member-agent",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
    )
    mended = run_module("instance_roles", **OPTIONS)
    assert list(mended["diff"]["after"]) == [f"policy member-agent of {NAME}"]
    assert not run_module("instance_roles", **OPTIONS)["changed"]


def test_check_mode_makes_nothing(aws: Any, run_module: Any) -> None:
    assert run_module("instance_roles", check=True, **OPTIONS)["changed"]
    assert not aws("iam").list_roles()["Roles"]


def test_absent_deletes_what_was_begun(aws: Any, run_module: Any) -> None:
    run_module("instance_roles", **OPTIONS)
    aws("iam").delete_role_policy(RoleName=NAME, PolicyName="member-agent")
    assert run_module("instance_roles", stack=STACK, state="absent")["changed"]
    assert not aws("iam").list_roles()["Roles"]
    assert not aws("iam").list_instance_profiles()["InstanceProfiles"]
    assert not run_module("instance_roles", stack=STACK, state="absent")["changed"]


def test_the_role_of_a_member_that_is_no_longer_listed_goes_with_the_stack(
    aws: Any, run_module: Any
) -> None:
    run_module("instance_roles", **OPTIONS)
    run_module("instance_roles", stack="other", statements={"app": [STATEMENT]})
    assert run_module("instance_roles", stack=STACK, statements={"app": [STATEMENT]})["changed"]
    assert len(aws("iam").list_roles(PathPrefix=PATH)["Roles"]) == 2
    run_module("instance_roles", stack=STACK, state="absent")
    assert [one["RoleName"] for one in aws("iam").list_roles()["Roles"]] == ["chatlift-other-app"]


def test_a_role_of_somebody_else_is_not_taken_over(aws: Any, run_module: Any) -> None:
    aws("iam").create_role(RoleName=NAME, AssumeRolePolicyDocument="{}")
    with pytest.raises(ModuleFailed, match="at another path than /chatlift/demo/"):
        run_module("instance_roles", **OPTIONS)
