"""What depends on the settings in the policies of instances; test_forbidden_calls has the rest."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import REGION
from .iam_policies import MEMBERS, render

KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = f"arn:aws:kms:{REGION}:*:key/{KEY}"
OTHER = f"arn:aws:kms:{REGION}:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"


def _policy(part: str, **settings: Any) -> Any:
    """The statements of a role by their Sid."""
    return {statement["Sid"]: statement for statement in render(**settings)[part]}


def test_the_app_tier_and_every_member_have_a_policy() -> None:
    assert list(render()) == ["app", *sorted(MEMBERS)]


def test_without_keys_nothing_of_kms_is_allowed() -> None:
    assert "kms:" not in str(render())


def test_sessions_are_allowed_only_where_they_are_wanted() -> None:
    assert "ssm" not in str(render())
    allowed = _policy("app", sessions=True)["OpenSessions"]["Action"]
    assert {action.split(":")[0] for action in allowed} == {"ssm", "ssmmessages"}


@pytest.mark.parametrize("part", ["app", "mysql-a1"])
def test_the_key_of_the_secrets_may_decrypt_secrets(part: str) -> None:
    statement = _policy(part, secrets_key=KEY)["ReadSecretsOfOwnKey"]
    assert (statement["Action"], statement["Resource"]) == ("kms:Decrypt", [ARN])
    via = statement["Condition"]["StringEquals"]["kms:ViaService"]
    assert via == f"secretsmanager.{REGION}.amazonaws.com"


@pytest.mark.parametrize(("key", "arn"), [(KEY, ARN), (OTHER, OTHER)])
def test_the_key_of_the_volumes_is_lent_to_ec2_alone(key: str, arn: str) -> None:
    policy = _policy("redis-a1", volume_key=key)
    assert policy["UseVolumeKey"]["Resource"] == [arn]
    assert set(policy["UseVolumeKey"]["Action"]) == {
        "kms:Decrypt",
        "kms:DescribeKey",
        "kms:GenerateDataKeyWithoutPlaintext",
        "kms:ReEncrypt*",
    }
    lent = policy["LendVolumeKeyToEC2"]
    assert (lent["Action"], lent["Resource"]) == ("kms:CreateGrant", [arn])
    assert lent["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": True}}
    assert "kms:" not in str(_policy("app", volume_key=key))
