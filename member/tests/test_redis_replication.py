"""Who leads and who follows in replicated Redis, by what members and Sentinels say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chatlift_member.redis_plan import Plan
from chatlift_member.redis_replication import (
    CANDIDATE,
    View,
    leads,
    next_plan,
    parse_view,
    plan_force,
)
from chatlift_member.redis_sentinel import Word, place
from member_factory import REDIS

A1, A2, B1, *_ = REDIS
SENTINELS = place(REDIS)
NEW = View(leads=False, follows="127.0.0.1", link_up=False, keys=0, priority=0)
OLD = replace(NEW, keys=5)
MASTER = View(leads=True, follows="", link_up=False, keys=5, priority=CANDIDATE)
REPLICA = View(leads=False, follows=A1.address, link_up=True, keys=5, priority=CANDIDATE)
WHOLE = {peer.name: MASTER if peer == A1 else REPLICA for peer in REDIS}


def words(address: str = A1.address, *, down: bool = False, count: int = 5) -> list[Word]:
    return [Word(address, 0, down)] * count


def plan(own: object, views: dict[str, View], said: list[Word]) -> Plan:
    return next_plan(own, REDIS, views, said, len(SENTINELS))  # type: ignore[arg-type]


def commands(made: Plan) -> list[str]:
    return [" ".join((command.member, *command.words)) for command in made.commands]


@pytest.mark.parametrize("own", REDIS, ids=lambda peer: peer.name)
def test_nothing_is_done_while_all_is_well(own: object) -> None:
    assert plan(own, WHOLE, words()).is_done


def test_a_new_stack_is_led_by_its_first_member() -> None:
    views = {peer.name: NEW for peer in REDIS}
    assert commands(plan(A1, views, words())) == ["redis-a1 REPLICAOF NO ONE"]
    assert "redis-a1, the last master, to lead again" in plan(A2, views, words()).awaits


def test_a_member_that_starts_follows_the_master_and_is_no_candidate_before_it_has_its_data() -> (
    None
):
    views = {**WHOLE, "redis-b1": OLD}
    assert commands(plan(B1, views, words())) == [f"redis-b1 REPLICAOF {A1.address} 6379"]
    copying = replace(REPLICA, link_up=False, priority=0)
    made = plan(B1, {**views, "redis-b1": copying}, words())
    assert not made.commands
    assert "the data of redis-a1 to be copied" in made.awaits
    copied = replace(REPLICA, priority=0)
    made = plan(B1, {**views, "redis-b1": copied}, words())
    assert commands(made) == ["redis-b1 CONFIG SET replica-priority 100"]


def test_after_an_outage_of_all_the_last_master_leads_once_all_are_there() -> None:
    views = {peer.name: OLD for peer in REDIS}
    said = [*words(count=4), Word(B1.address, 3, down=True)]
    assert commands(plan(B1, views, said)) == ["redis-b1 REPLICAOF NO ONE"]
    assert not plan(A1, views, said).commands


@pytest.mark.parametrize(
    ("missing", "count", "says"),
    [("redis-c2", 5, "once redis-c2 can be reached"), ("", 4, "once every Sentinel can be")],
)
def test_nobody_leads_while_one_that_may_know_more_is_away(
    missing: str, count: int, says: str
) -> None:
    views = {peer.name: OLD for peer in REDIS if peer.name != missing}
    made = plan(A1, views, words(count=count))
    assert not made.commands
    assert says in made.awaits
    assert not made.stuck


def test_a_last_master_without_data_waits_for_an_operator() -> None:
    views = {peer.name: OLD for peer in REDIS} | {"redis-a1": NEW}
    made = plan(A1, views, words())
    assert made.stuck
    assert not made.commands
    assert "redis-a1 was master last and its data is lost" in made.awaits
    assert commands(plan_force(B1, views)) == ["redis-b1 CONFIG SET replica-priority 100"]
    assert not plan_force(B1, WHOLE).commands


def test_sentinel_has_its_time_to_choose() -> None:
    orphans = {peer.name: replace(REPLICA, link_up=False) for peer in REDIS if peer != A1}
    assert not plan(B1, orphans, words(down=True, count=4)).commands
    promoted = {**orphans, "redis-b1": MASTER}
    assert not plan(A2, promoted, words(down=True, count=4)).commands
    assert plan(B1, promoted, words(down=True, count=4)).is_done


def test_an_old_master_follows_the_one_that_replaced_it() -> None:
    views = {**WHOLE, "redis-b1": MASTER}
    assert commands(plan(A1, views, words(B1.address))) == [f"redis-a1 REPLICAOF {B1.address} 6379"]
    assert plan(A1, views, words(B1.address, count=2)).is_done, "a minority replaces nobody"
    assert plan(B1, views, words(B1.address)).is_done


def test_a_member_waits_for_a_sentinel() -> None:
    assert "a Sentinel" in plan(A1, WHOLE, []).awaits


@pytest.mark.parametrize(
    ("said", "just_promoted", "expected"),
    [
        (words(count=3), False, True),
        (words(count=2), False, False),
        (words(down=True), False, False),
        (words(B1.address), False, False),
        (words(B1.address), True, False),
        (words(B1.address, down=True), False, False),
        (words(B1.address, down=True, count=3), True, True),
        ([*words(count=2), *words(B1.address, down=True, count=1)], True, True),
    ],
)
def test_a_master_leads_by_the_word_of_most_sentinels(
    said: list[Word], just_promoted: bool, expected: bool
) -> None:
    assert leads(A1, said, SENTINELS, just_promoted) is expected


def test_a_view_is_read() -> None:
    replica = {
        "role": "slave",
        "master_host": A1.address,
        "master_link_status": "up",
        "slave_priority": 100,
    }
    assert parse_view(replica, 5) == REPLICA
    assert parse_view({"role": "master"}, 5) == MASTER
