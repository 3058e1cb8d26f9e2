"""What the instances of a tier may do, as the role renders it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import filter_loader
from ansible.template import Templar

from tests.unit.conftest import REGION, STACK

ROLE = Path(__file__).parents[2] / "roles" / "iam"
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
ARN = f"arn:aws:kms:{REGION}:*:key/{KEY}"
OTHER = f"arn:aws:kms:{REGION}:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"


def _policy(
    template: str, tier: str, secrets_key: str = "", volume_key: str = "", sessions: bool = False
) -> Any:
    """The statements by their Sid; redis-a1 has the volume key, redis-b1 none."""
    loader = DataLoader()
    variables = {
        **loader.load_from_file(str(ROLE / "vars" / "main.yml"), trusted_as_template=True),
        "chatlift_region": REGION,
        "chatlift_stack": STACK,
        "iam_session_manager": sessions,
        "secrets_kms_key_id": secrets_key,
        "groups": {"members": ["redis-a1", "redis-b1"]},
        "hostvars": {"redis-a1": {"data_tier_kms_key_id": volume_key}, "redis-b1": {}},
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    environment.filters["to_json"] = filter_loader.get("ansible.builtin.to_json").j2_function
    known = Templar(loader, variables=variables).template(variables)
    statements = yaml.safe_load(environment.get_template(template).render(**known, tier=tier))
    return {statement["Sid"]: statement for statement in statements}


def test_without_keys_nothing_of_kms_is_allowed() -> None:
    for template in ("instance.yml.j2", "member.yml.j2"):
        assert "kms:" not in str(_policy(template, "redis"))


def test_a_member_may_attach_its_own_volumes_only() -> None:
    own = {
        "StringEquals": {
            "aws:ResourceTag/chatlift:stack": STACK,
            "aws:ResourceTag/chatlift:tier": "redis",
        }
    }
    assert _policy("member.yml.j2", "redis")["AttachOwnVolumes"]["Condition"] == own


@pytest.mark.parametrize(
    ("template", "tier"), [("instance.yml.j2", "app"), ("member.yml.j2", "mysql")]
)
def test_an_instance_may_tag_its_tier_with_its_certificates_only(template: str, tier: str) -> None:
    statement = _policy(template, tier)["TellOwnCertificates"]
    assert statement["Action"] == "ec2:CreateTags"
    assert statement["Resource"] == f"arn:aws:ec2:{REGION}:*:instance/*"
    assert statement["Condition"] == {
        "StringEquals": {
            "aws:ResourceTag/chatlift:stack": STACK,
            "aws:ResourceTag/chatlift:tier": tier,
        },
        "ForAllValues:StringEquals": {"aws:TagKeys": "chatlift:certificates"},
    }


@pytest.mark.parametrize(
    ("template", "tier"), [("instance.yml.j2", "app"), ("member.yml.j2", "mysql")]
)
def test_an_instance_may_write_to_the_log_group_of_its_own_tier_only(
    template: str, tier: str
) -> None:
    statement = _policy(template, tier)["WriteOwnLogs"]
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"] == f"arn:aws:logs:{REGION}:*:log-group:/chatlift/{STACK}/{tier}:*"


def test_sessions_are_allowed_only_where_they_are_wanted() -> None:
    assert "ssm" not in str(_policy("instance.yml.j2", "app"))
    allowed = _policy("instance.yml.j2", "app", sessions=True)["OpenSessions"]["Action"]
    assert {action.split(":")[0] for action in allowed} == {"ssm", "ssmmessages"}


@pytest.mark.parametrize(
    ("template", "tier"), [("instance.yml.j2", "app"), ("member.yml.j2", "mysql")]
)
def test_the_key_of_the_secrets_may_decrypt_secrets(template: str, tier: str) -> None:
    statement = _policy(template, tier, secrets_key=KEY)["ReadSecretsOfOwnKey"]
    assert (statement["Action"], statement["Resource"]) == ("kms:Decrypt", [ARN])
    via = statement["Condition"]["StringEquals"]["kms:ViaService"]
    assert via == f"secretsmanager.{REGION}.amazonaws.com"


@pytest.mark.parametrize(("key", "arn"), [(KEY, ARN), (OTHER, OTHER)])
def test_the_key_of_the_volumes_is_lent_to_ec2_alone(key: str, arn: str) -> None:
    policy = _policy("member.yml.j2", "redis", volume_key=key)
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
    assert "kms:" not in str(_policy("instance.yml.j2", "app", volume_key=key))
