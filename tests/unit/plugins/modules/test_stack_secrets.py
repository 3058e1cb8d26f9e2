"""The secrets module against an emulated Secrets Manager."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from ...conftest import STACK, ModuleFailed

ADDRESSES = {"redis": ["10.42.32.11", "10.42.96.11"], "mysql": ["10.42.32.21"]}
OPTIONS = {"stack": STACK, "addresses": ADDRESSES, "app_extra": ["session_secret"]}


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _make(one: dict[str, Any], authority: dict[str, str], days: int) -> dict[str, str]:
    """The certificate that is due, as the role has community.crypto make it."""
    key = ec.generate_private_key(ec.SECP256R1())
    signer: Any = key
    if one["name"] != "ca":
        signer = load_pem_private_key(authority["private_key"].encode(), password=None)
    issuer = f"chatlift {STACK}"
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(_name(issuer), _name(one["common_name"]), key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=10))
        .not_valid_after(now + timedelta(days=days, minutes=1))
    )
    names = [text.split(":", 1) for text in one["names"]]
    listed = [x509.IPAddress(ip_address(n)) if k == "IP" else x509.DNSName(n) for k, n in names]
    if listed:
        builder = builder.add_extension(x509.SubjectAlternativeName(listed), critical=False)
    form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "name": one["name"],
        "certificate": builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM).decode(),
        "private_key": key.private_bytes(*form).decode(),
    }


@pytest.fixture
def keep(aws: Any, run_module: Any) -> Any:
    """Run the module as the role does: make what it says is due, and have it kept."""

    def run(days: int = 825, **options: Any) -> dict[str, Any]:
        result = dict(run_module("stack_secrets", **options))
        for one in result["due"]:
            authority = _secrets(aws)["ca"]
            made = _make(one, authority, days)
            kept = run_module("stack_secrets", **options, certificate=made)
            result["certificates"] = kept["certificates"]
        return result

    return run


def _secrets(aws: Any) -> dict[str, dict[str, str]]:
    client = aws("secretsmanager")
    return {
        name: json.loads(
            client.get_secret_value(SecretId=f"chatlift/{STACK}/{name}")["SecretString"]
        )
        for name in ("ca", "redis", "mysql", "app")
    }


def _logins(*users: str) -> set[str]:
    return {f"{user}_{part}" for user in users for part in ("username", "password")}


def test_the_secrets_hold_the_keys_of_the_contract(aws: Any, keep: Any) -> None:
    keep(**OPTIONS)
    secrets = _secrets(aws)
    tls = {"ca", "certificate", "private_key"}
    redis = _logins("app", "agent", "replication", "sentinel")
    mysql = _logins("app", "agent", "replication", "backup", "coordinator")
    assert secrets["ca"].keys() == {"certificate", "private_key"}
    assert secrets["redis"].keys() == tls | redis
    assert secrets["mysql"].keys() == tls | mysql | {"app_database", "root_password"}
    assert secrets["app"].keys() == {
        "ca",
        "redis_username",
        "redis_password",
        "mysql_username",
        "mysql_password",
        "mysql_database",
        "session_secret",
        *_logins("coordinator"),
    }
    assert secrets["app"]["redis_password"] == secrets["redis"]["app_password"]
    assert secrets["app"]["mysql_password"] == secrets["mysql"]["app_password"]
    assert secrets["app"]["coordinator_password"] == secrets["mysql"]["coordinator_password"]


def test_what_is_there_is_never_made_again(aws: Any, keep: Any, run_module: Any) -> None:
    keep(days=3650, **OPTIONS)
    before = _secrets(aws)
    again = run_module("stack_secrets", **OPTIONS)
    assert not again["changed"]
    assert not again["due"]
    assert _secrets(aws) == before


def test_what_a_secret_of_an_older_release_lacks_is_added(aws: Any, run_module: Any) -> None:
    run_module("stack_secrets", **OPTIONS)
    before = _secrets(aws)
    older = {k: v for k, v in before["mysql"].items() if not k.startswith("coordinator")}
    aws("secretsmanager").put_secret_value(
        SecretId=f"chatlift/{STACK}/mysql", SecretString=json.dumps(older)
    )
    run_module("stack_secrets", **OPTIONS)
    after = _secrets(aws)
    assert older.items() <= after["mysql"].items()
    assert after["app"]["coordinator_password"] == after["mysql"]["coordinator_password"]
    assert after["mysql"]["coordinator_username"] == "coordinator"


def test_no_result_holds_a_secret(aws: Any, keep: Any, run_module: Any) -> None:
    shown = json.dumps([keep(**OPTIONS), run_module("stack_secrets", **OPTIONS)])
    for secret in _secrets(aws).values():
        for key, value in secret.items():
            if key.endswith(("password", "private_key", "session_secret")):
                assert value not in shown


def _due(result: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["why"] for one in result["due"]}


def test_a_new_stack_needs_an_authority_before_all_others(aws: Any, run_module: Any) -> None:
    due = run_module("stack_secrets", **OPTIONS)["due"]
    assert [one["name"] for one in due] == ["ca", "redis", "mysql"]
    assert {one["why"] for one in due} == {"there is none"}
    assert due[2]["names"] == [
        f"DNS:mysql.{STACK}.internal",
        "DNS:localhost",
        "IP:127.0.0.1",
        "IP:10.42.32.21",
    ]


def test_a_new_member_renews_the_certificate_of_its_tier_only(aws: Any, keep: Any) -> None:
    keep(**OPTIONS)
    before = _secrets(aws)
    more = {**ADDRESSES, "redis": [*ADDRESSES["redis"], "10.42.160.11"]}
    result = keep(**{**OPTIONS, "addresses": more})
    after = _secrets(aws)
    assert _due(result) == {"redis": "its names are not those of the members"}
    assert after["redis"]["certificate"] != before["redis"]["certificate"]
    assert after["redis"]["app_password"] == before["redis"]["app_password"]
    assert after["mysql"] == before["mysql"]


def test_a_certificate_near_its_end_is_due(keep: Any, run_module: Any) -> None:
    keep(days=30, renew_days=10, **OPTIONS)
    assert run_module("stack_secrets", renew_days=30, **OPTIONS)["due"] == []
    ending = {"redis": "it ends in 30 days", "mysql": "it ends in 30 days"}
    assert _due(run_module("stack_secrets", renew_days=31, **OPTIONS)) == ending


def test_a_certificate_is_due_by_age_only_when_asked_for(keep: Any, run_module: Any) -> None:
    keep(**OPTIONS)
    assert run_module("stack_secrets", renew_older_days=1, **OPTIONS)["due"] == []
    older = dict.fromkeys(("redis", "mysql"), "it was made more than 0 days ago")
    assert _due(run_module("stack_secrets", renew_older_days=0, **OPTIONS)) == older


def test_an_authority_about_to_end_is_a_warning(keep: Any, run_module: Any) -> None:
    keep(days=899, **OPTIONS)
    warnings = json.dumps(run_module("stack_secrets", **OPTIONS)["warnings"])
    assert "ends in 899 days. Run playbooks/rotate_authority.yml." in warnings


def test_the_fingerprints_are_those_of_what_is_kept(aws: Any, keep: Any, run_module: Any) -> None:
    assert set(run_module("stack_secrets", **OPTIONS)["certificates"].values()) == {""}
    first = keep(**OPTIONS)["certificates"]
    assert len(set(first.values())) == 3
    assert run_module("stack_secrets", **OPTIONS)["certificates"] == first


def test_an_authority_is_replaced_in_three_stages(aws: Any, keep: Any, run_module: Any) -> None:
    keep(**OPTIONS)
    old = _secrets(aws)
    stage = partial(keep, **OPTIONS, renew_older_days=0)

    assert _due(stage(authority="trust")) == {"ca": "it was made more than 0 days ago"}
    trusting = _secrets(aws)
    both = trusting["redis"]["ca"]
    assert both == old["ca"]["certificate"] + trusting["ca"]["next_certificate"]
    assert trusting["redis"]["certificate"] == old["redis"]["certificate"]

    assert set(_due(stage(authority="issue"))) == {"redis", "mysql"}
    issuing = _secrets(aws)
    assert issuing["ca"]["certificate"] == trusting["ca"]["next_certificate"]
    assert issuing["app"]["ca"] == both

    assert _due(stage(authority="drop")) == {}
    dropped = _secrets(aws)
    assert dropped["ca"].keys() == {"certificate", "private_key"}
    assert dropped["mysql"]["ca"] == trusting["ca"]["next_certificate"]
    assert dropped["mysql"]["certificate"] == issuing["mysql"]["certificate"]
    assert not run_module("stack_secrets", **OPTIONS)["changed"]


@pytest.mark.parametrize("stages", [["trust"], ["trust", "issue"], ["trust", "issue", "drop"]])
def test_a_stage_that_is_done_changes_nothing(aws: Any, keep: Any, stages: list[str]) -> None:
    keep(**OPTIONS)
    for stage in stages:
        days = 0 if stage == stages[0] else 1
        keep(authority=stage, renew_older_days=days, **OPTIONS)
    before = _secrets(aws)
    for stage in stages:
        again = keep(authority=stage, renew_older_days=1, **OPTIONS)
        assert (again["changed"], again["due"]) == (False, [])
    assert _secrets(aws) == before


def test_a_further_name_gets_a_random_string(aws: Any, run_module: Any) -> None:
    run_module("stack_secrets", **OPTIONS)
    before = _secrets(aws)["app"]
    run_module("stack_secrets", **{**OPTIONS, "app_extra": ["session_secret", "pepper"]})
    after = _secrets(aws)["app"]
    assert after["session_secret"] == before["session_secret"]
    assert len(after["pepper"]) >= 32


def test_check_mode_makes_nothing_and_says_what_is_due(aws: Any, run_module: Any) -> None:
    planned = run_module("stack_secrets", check=True, **OPTIONS)
    assert planned["diff"]["after"]["certificate redis"] == "there is none"
    assert not aws("secretsmanager").list_secrets()["SecretList"]


def test_a_public_load_balancer_has_a_secret_of_its_own(aws: Any, run_module: Any) -> None:
    def header() -> str:
        found = aws("secretsmanager").get_secret_value(SecretId=f"chatlift/{STACK}/edge")
        return str(json.loads(found["SecretString"])["origin_header"])

    run_module("stack_secrets", **OPTIONS, origin_header=True)
    made = header()
    assert len(made) == 32
    assert not run_module("stack_secrets", **OPTIONS, origin_header=True)["changed"]
    assert header() == made
    run_module("stack_secrets", stack=STACK, state="absent", recovery_days=0)
    assert not aws("secretsmanager").list_secrets()["SecretList"]


def test_a_secret_scheduled_for_deletion_is_restored(aws: Any, run_module: Any) -> None:
    run_module("stack_secrets", **OPTIONS)
    before = _secrets(aws)
    assert run_module("stack_secrets", stack=STACK, state="absent")["changed"]
    assert not run_module("stack_secrets", stack=STACK, state="absent")["changed"]
    assert run_module("stack_secrets", **OPTIONS)["changed"]
    assert _secrets(aws) == before


def test_absent_without_recovery_leaves_nothing(aws: Any, run_module: Any) -> None:
    run_module("stack_secrets", **OPTIONS)
    run_module("stack_secrets", stack=STACK, state="absent", recovery_days=0)
    found = aws("secretsmanager").list_secrets(IncludePlannedDeletion=True)["SecretList"]
    assert not found


def test_a_damaged_secret_is_not_overwritten(aws: Any, run_module: Any) -> None:
    aws("secretsmanager").create_secret(Name=f"chatlift/{STACK}/mysql", SecretString="not JSON")
    with pytest.raises(ModuleFailed, match="Restore an earlier version"):
        run_module("stack_secrets", **OPTIONS)
