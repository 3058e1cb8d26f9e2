"""Where Sentinels run, what they say, and what outlives their instance."""

from __future__ import annotations

from collections import Counter

import pytest
from chatlift_member.facts import Peer
from chatlift_member.redis_sentinel import Word, majority, merge, parse_word, place
from member_factory import REDIS


@pytest.mark.parametrize(
    ("members", "names"),
    [
        (REDIS, ["redis-a1", "redis-a2", "redis-b1", "redis-b2", "redis-c1"]),
        (REDIS[::2], ["redis-a1", "redis-b1", "redis-c1"]),
        (REDIS[:4], ["redis-a1", "redis-a2", "redis-b1"]),
        ((), []),
    ],
)
def test_an_odd_number_of_members_runs_a_sentinel(
    members: tuple[Peer, ...], names: list[str]
) -> None:
    assert [peer.name for peer in place(tuple(reversed(members)))] == names


def test_the_loss_of_a_zone_leaves_a_majority() -> None:
    sentinels = place(REDIS)
    (_, most), *_ = Counter(peer.az for peer in sentinels).most_common()
    assert len(sentinels) - most >= majority(sentinels)


def test_a_word_is_read() -> None:
    answer = ["name", "chatlift", "ip", "10.42.32.11", "flags", "master", "config-epoch", "7"]
    assert parse_word(answer) == Word("10.42.32.11", 7, down=False)
    answer[5] = "s_down,o_down,master"
    assert parse_word(answer).down


RENDERED = """\
port 0
sentinel myid 0a
sentinel monitor chatlift 10.42.32.11 6379 3
sentinel auth-pass chatlift "\\x6e\\x65\\x77"
"""

KEPT = """\
port 0
sentinel myid 0a
# ??? sentinel auth-pass chatlift it's old
sentinel monitor chatlift 10.42.33.12 6379 3
sentinel auth-pass chatlift it's old
sentinel known-sentinel chatlift 10.42.34.11 26379 0b
sentinel known-replica chatlift 10.42.32.11 6379
sentinel config-epoch chatlift 4
sentinel current-epoch 5
"""


def test_what_a_sentinel_learned_is_kept_and_nothing_else() -> None:
    assert merge(RENDERED, KEPT).splitlines() == [
        "port 0",
        "sentinel myid 0a",
        'sentinel auth-pass chatlift "\\x6e\\x65\\x77"',
        "sentinel monitor chatlift 10.42.33.12 6379 3",
        "sentinel known-replica chatlift 10.42.32.11 6379",
        "sentinel config-epoch chatlift 4",
        "sentinel current-epoch 5",
    ]


def test_a_new_sentinel_has_what_was_rendered() -> None:
    assert merge(RENDERED, "") == RENDERED.rstrip("\n")
