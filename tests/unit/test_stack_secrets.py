"""The secrets module against an emulated Secrets Manager."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.conftest import STACK, ModuleFailed

ADDRESSES = {"redis": ["10.42.32.11", "10.42.96.11"], "mysql": ["10.42.32.21"]}
OPTIONS = {"stack": STACK, "addresses": ADDRESSES, "app_extra": ["session_secret"]}


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


def test_the_secrets_hold_the_keys_of_the_contract(aws: Any, run_module: Any) -> None:
    run_module("stack_secrets", **OPTIONS)
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


def test_what_is_there_is_never_made_again(aws: Any, run_module: Any) -> None:
    run_module("stack_secrets", **OPTIONS)
    before = _secrets(aws)
    assert not run_module("stack_secrets", **OPTIONS)["changed"]
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


def test_no_result_holds_a_secret(aws: Any, run_module: Any) -> None:
    shown = json.dumps(run_module("stack_secrets", **OPTIONS))
    for secret in _secrets(aws).values():
        for key, value in secret.items():
            if key.endswith(("password", "private_key", "session_secret")):
                assert value not in shown


def test_openssl_accepts_the_certificate_for_every_member(
    aws: Any, run_module: Any, tmp_path: Path
) -> None:
    run_module("stack_secrets", **OPTIONS)
    secrets = _secrets(aws)
    (tmp_path / "ca.pem").write_text(secrets["ca"]["certificate"])
    (tmp_path / "redis.pem").write_text(secrets["redis"]["certificate"])
    names = [["-verify_ip", ip] for ip in (*ADDRESSES["redis"], "127.0.0.1")]
    names += [["-verify_hostname", host] for host in ("localhost", f"redis.{STACK}.internal")]
    strict = ["-x509_strict", "-CAfile", "ca.pem"]
    for name in names:
        for purpose in ("sslserver", "sslclient"):
            subprocess.run(
                ["openssl", "verify", *strict, "-purpose", purpose, *name, "redis.pem"],
                cwd=tmp_path,
                check=True,
                capture_output=True,
            )


def test_a_new_member_renews_the_certificate_of_its_tier_only(aws: Any, run_module: Any) -> None:
    run_module("stack_secrets", **OPTIONS)
    before = _secrets(aws)
    more = {**ADDRESSES, "redis": [*ADDRESSES["redis"], "10.42.160.11"]}
    changed = run_module("stack_secrets", **{**OPTIONS, "addresses": more})
    after = _secrets(aws)
    assert list(changed["diff"]["after"]) == [f"secret chatlift/{STACK}/redis"]
    assert after["redis"]["certificate"] != before["redis"]["certificate"]
    assert after["redis"]["app_password"] == before["redis"]["app_password"]
    assert after["mysql"] == before["mysql"]


def test_a_certificate_near_its_end_is_renewed(aws: Any, run_module: Any) -> None:
    run_module("stack_secrets", certificate_days=30, renew_days=10, **OPTIONS)
    before = _secrets(aws)
    assert run_module("stack_secrets", certificate_days=30, renew_days=31, **OPTIONS)["changed"]
    after = _secrets(aws)
    assert after["ca"] == before["ca"]
    assert after["mysql"]["certificate"] != before["mysql"]["certificate"]


def test_a_further_name_gets_a_random_string(aws: Any, run_module: Any) -> None:
    run_module("stack_secrets", **OPTIONS)
    before = _secrets(aws)["app"]
    run_module("stack_secrets", **{**OPTIONS, "app_extra": ["session_secret", "pepper"]})
    after = _secrets(aws)["app"]
    assert after["session_secret"] == before["session_secret"]
    assert len(after["pepper"]) >= 32


def test_check_mode_makes_nothing(aws: Any, run_module: Any) -> None:
    assert run_module("stack_secrets", check=True, **OPTIONS)["changed"]
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
