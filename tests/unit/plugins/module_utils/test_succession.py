"""When a tier can do without a member, who leads then, and who is replaced first."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import pytest

QUESTION = "1f"


@pytest.fixture
def succession() -> Any:
    return import_module("ansible_collections.chatlift.aws.plugins.module_utils.succession")


def _member(
    name: str, follows: str, *, state: str = "InService", run: str = "1", **said: Any
) -> Any:
    module = import_module("ansible_collections.chatlift.aws.plugins.module_utils.member_reports")
    words: dict[str, Any] = {
        "id": QUESTION,
        "role": "primary" if name == follows else "replica",
        "healthy": True,
        "leader": follows,
        **({"uncovered": 0.0} if name.startswith("redis") else {"version": "9.7.0"}),
        **said,
    }
    return module.Member(
        name=name,
        zone=name.split("-")[1][0],
        instance_id="i-1",
        state=state,
        version=run,
        wanted="2",
        image_id="ami-1",
        report=module.Report(**words),
    )


def _tier(*members: Any) -> dict[str, Any]:
    return {one.name: one for one in members}


def _mysql(**others: Any) -> dict[str, Any]:
    """A group that mysql-a1 leads, with other words by member."""
    names = ("mysql-a1", "mysql-b1", "mysql-c1")
    return _tier(*(_member(name, "mysql-a1", **others.get(name[-2:], {})) for name in names))


def _redis() -> dict[str, Any]:
    return _tier(
        _member("redis-a1", "redis-a1"),
        _member("redis-b2", "redis-a1"),
        _member("redis-b1", "redis-b1"),
        _member("redis-a2", "redis-b1"),
    )


def _troubles(succession: Any, tier: dict[str, Any], spare: str = "") -> list[str]:
    limits = succession.Limits(lag=1.0, open_transaction=15.0)
    return list(succession.troubles(tier, QUESTION, limits, spare))


def test_a_whole_tier_can_do_without_anybody(succession: Any) -> None:
    for tier in (_mysql(), _redis()):
        assert [_troubles(succession, tier, spare) for spare in ("", *tier)] == [[]] * (
            len(tier) + 1
        )


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        ({"b1": {"state": "Pending:Wait"}}, r"mysql-b1 is not in service \(Pending:Wait\)"),
        ({"b1": {"id": "old"}}, "mysql-b1 did not answer"),
        ({"b1": {"healthy": False, "said": "RECOVERING"}}, "not in good standing: RECOVERING"),
        ({"b1": {"lag": 2.5}}, r"lags 2.5 s behind, where 1 s are allowed"),
        ({"b1": {"leader": ""}}, "mysql-b1 follows nobody"),
        ({"b1": {"leader": "mysql-c1"}}, "mysql-b1 follows mysql-c1, which does not lead"),
        ({"a1": {"oldest": 99.0}}, "transaction open for 99 s, where 15 s are allowed"),
    ],
)
def test_what_stands_in_the_way_is_named(
    succession: Any, others: dict[str, Any], sentence: str
) -> None:
    found = _troubles(succession, _mysql(**others), spare="mysql-a1")
    assert any(re.search(sentence, one) for one in found), found


def test_a_member_that_is_ill_may_itself_be_taken_away(succession: Any) -> None:
    ill = {"b1": {"healthy": False, "leader": "", "lag": 9.0}}
    assert _troubles(succession, _mysql(**ill), spare="mysql-b1") == []
    assert _troubles(succession, _mysql(**ill), spare="mysql-c1")


def test_a_slot_without_a_master_and_a_shard_without_a_replica_stand_in_the_way(
    succession: Any,
) -> None:
    tier = _redis()
    tier["redis-a1"] = _member("redis-a1", "redis-a1", uncovered=12.0)
    assert "redis-a1 sees 12 slots without a master" in _troubles(succession, tier)
    tier = _redis()
    tier["redis-b2"] = _member("redis-b2", "redis-b1")
    assert "redis-a1 leads without a replica" in _troubles(succession, tier)


def test_two_leaders_of_one_group_stand_in_the_way(succession: Any) -> None:
    tier = _mysql()
    tier["mysql-c1"] = _member("mysql-c1", "mysql-c1")
    assert "the members do not agree on who leads: mysql-a1, mysql-c1" in _troubles(
        succession, tier
    )


def test_the_successor_is_a_good_replica_of_the_same_shard(succession: Any) -> None:
    assert succession.successor(_redis(), "redis-a1") == "redis-b2"
    assert succession.successor(_mysql(), "mysql-a1", outdated=["mysql-b1"]) == "mysql-c1"
    assert succession.successor(_mysql(b1={"healthy": False}), "mysql-a1") == "mysql-c1"


def test_a_newer_mysql_is_not_asked_to_lead(succession: Any) -> None:
    newer = {"version": "9.10.0"}
    assert succession.successor(_mysql(b1=newer), "mysql-a1") == "mysql-c1"
    assert succession.successor(_mysql(b1=newer, c1=newer), "mysql-a1") == ""


def test_the_missing_go_first_then_replicas_then_leaders(succession: Any) -> None:
    tier = _mysql(c1={"state": "empty"})
    steps = succession.plan(tier, {}, list(tier), always=False)
    assert [one.member for one in steps] == ["mysql-c1", "mysql-b1", "mysql-a1"]
    assert [one.hand_over_to for one in steps] == ["", "", "mysql-b1"]


def test_who_runs_the_version_or_was_not_chosen_is_left_alone(succession: Any) -> None:
    tier = _mysql(b1={"run": "2"})
    plan = succession.plan
    assert [one.member for one in plan(tier, {}, ["mysql-a1", "mysql-b1"], always=False)] == [
        "mysql-a1"
    ]
    assert [one.member for one in plan(tier, {}, ["mysql-b1"], always=True)] == ["mysql-b1"]
    assert plan(tier, {"mysql-c1": "1"}, ["mysql-c1"], always=False) == []
