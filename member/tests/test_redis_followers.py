"""What a master's words about its replicas come to."""

from __future__ import annotations

from typing import Any

import pytest
from chatlift_member.redis_followers import best, caught_up, is_near, longest_silence

MASTER: dict[str, object] = {
    "role": "master",
    "master_repl_offset": 9,
    "slave0": {"ip": "10.0.0.1", "state": "online", "offset": 5, "lag": 1},
    "slave1": {"ip": "10.0.0.2", "state": "online", "offset": 9, "lag": 7},
    "slave2": {"ip": "10.0.0.3", "state": "wait_bgsave", "offset": 99, "lag": 0},
}
REPLICA: dict[str, object] = {"role": "slave", "slave_repl_offset": 9, "slave_priority": 100}


def test_the_replica_with_most_of_the_data_takes_over() -> None:
    assert best(MASTER) == "10.0.0.2"
    assert best(REPLICA) == best({"role": "master"}) == ""


def test_the_longest_silence_is_the_lag_of_the_shard() -> None:
    assert longest_silence(MASTER) == {"redis_replication_lag_seconds": 7}
    assert longest_silence(REPLICA) == {}


@pytest.mark.parametrize(
    ("address", "near"), [("10.0.0.1", True), ("10.0.0.2", False), ("10.0.0.3", False)]
)
def test_who_is_silent_or_still_copies_is_not_near(address: str, near: bool) -> None:
    assert is_near(MASTER, address) is near


@pytest.mark.parametrize(
    ("replica", "expected"),
    [
        ({"state": "online", "lag": 1, "offset": 7}, True),
        ({"state": "online", "lag": 1, "offset": 6}, False),
        ({"state": "online", "lag": 9, "offset": 7}, False),
        ({"state": "wait_bgsave", "lag": 0, "offset": 7}, False),
    ],
)
def test_only_a_replica_with_every_write_may_take_over(
    replica: dict[str, Any], expected: bool
) -> None:
    assert caught_up({"master_repl_offset": 7, "slave0": replica}) is expected
