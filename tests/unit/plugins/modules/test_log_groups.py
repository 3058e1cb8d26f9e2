"""The module of log groups against an emulated account."""

from __future__ import annotations

from typing import Any

import pytest

from ...conftest import REGION, STACK, ModuleFailed

NAMES = [f"/chatlift/{STACK}/{tier}" for tier in ("app", "mysql", "redis")]
KEY = f"arn:aws:kms:{REGION}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _groups(aws: Any) -> dict[str, dict[str, Any]]:
    found = aws("logs").describe_log_groups()["logGroups"]
    return {group["logGroupName"]: group for group in found}


def test_groups_are_made_once_with_tags_retention_and_key(aws: Any, run_module: Any) -> None:
    options = {"stack": STACK, "retention_days": 90, "kms_key_arn": KEY}
    made = run_module("log_groups", **options)
    assert made["changed"]
    assert sorted(made["names"].values()) == NAMES
    groups = _groups(aws)
    assert sorted(groups) == NAMES
    assert {(one["retentionInDays"], one["kmsKeyId"]) for one in groups.values()} == {(90, KEY)}
    tags = aws("logs").list_tags_log_group(logGroupName=NAMES[2])["tags"]
    assert tags == {"Name": NAMES[2], "chatlift:stack": STACK, "chatlift:tier": "redis"}
    again = run_module("log_groups", **options)
    assert not again["changed"], again["diff"]


def test_retention_is_changed_and_lifted(aws: Any, run_module: Any) -> None:
    run_module("log_groups", stack=STACK)
    run_module("log_groups", stack=STACK, retention_days=7)
    assert {group["retentionInDays"] for group in _groups(aws).values()} == {7}
    lifted = run_module("log_groups", stack=STACK, retention_days=0)
    assert set(lifted["diff"]["before"].values()) == {7}
    assert not any("retentionInDays" in group for group in _groups(aws).values())
    assert not run_module("log_groups", stack=STACK, retention_days=0)["changed"]


@pytest.mark.parametrize(("before", "after"), [("", KEY), (KEY, "")])
def test_another_key_is_foretold(aws: Any, run_module: Any, before: str, after: str) -> None:
    run_module("log_groups", stack=STACK, kms_key_arn=before)
    planned = run_module("log_groups", check=True, stack=STACK, kms_key_arn=after)
    assert planned["diff"]["after"] == {f"key of {name}": after for name in NAMES}


def test_check_mode_makes_and_deletes_nothing(aws: Any, run_module: Any) -> None:
    assert run_module("log_groups", check=True, stack=STACK)["changed"]
    assert not _groups(aws)
    run_module("log_groups", stack=STACK)
    assert run_module("log_groups", check=True, stack=STACK, state="absent")["changed"]
    assert len(_groups(aws)) == 3


def test_a_retention_that_aws_does_not_know_is_refused(aws: Any, run_module: Any) -> None:
    with pytest.raises(ModuleFailed, match="retention_days"):
        run_module("log_groups", stack=STACK, retention_days=31)


def test_absent_deletes_the_groups_of_this_stack_only(aws: Any, run_module: Any) -> None:
    run_module("log_groups", stack=STACK)
    run_module("log_groups", stack=f"{STACK}2")
    assert run_module("log_groups", stack=STACK, state="absent")["changed"]
    assert sorted(_groups(aws)) == [
        f"/chatlift/{STACK}2/{tier}" for tier in ("app", "mysql", "redis")
    ]
    assert not run_module("log_groups", stack=STACK, state="absent")["changed"]
