"""Replicated Redis as the tier sees it: its lease, its refusals, and a hand-over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chatlift_member.redis as base_module
import pytest
from chatlift_member.errors import AgentError
from chatlift_member.facts import Peer
from chatlift_member.redis import check_users
from chatlift_member.redis_replicated import LEASE_SECONDS, RedisReplicated, caught_up
from chatlift_member.redis_sentinel import PORT as SENTINEL
from chatlift_member.service import Services
from chatlift_member.tier import Context
from chatlift_member.wait import Deadline
from member_factory import REDIS, Clock, facts

OWN, OTHER = REDIS[0], REDIS[3]
MASTER = {"role": "master", "master_repl_offset": 7, "slave0": {}}
REPLICA = {
    "role": "slave",
    "master_host": OTHER.address,
    "master_link_status": "up",
    "master_repl_offset": 7,
    "slave_priority": 100,
}


@dataclass
class Servers:
    """Stands in for the clients: shows what servers say, and hears commands."""

    info: dict[str, dict[str, Any]] = field(default_factory=dict)
    named: str = OWN.address
    down: bool = False
    answering: int = 5
    heard: list[tuple[str, ...]] = field(default_factory=list)

    def call(self, address: str, *words: str, port: int = 6379) -> Any:
        if port == SENTINEL and words[1] == "MASTER":
            flags = "s_down,master" if self.down else "master"
            return ["ip", self.named, "flags", flags, "config-epoch", "1"]
        if words[0] == "INFO":
            return self.info[address]
        if words[0] == "DBSIZE":
            return 1
        self.heard.append(words)
        if words[:2] == ("SENTINEL", "FAILOVER"):
            self.info[OTHER.address] = dict(MASTER)
            self.named = OTHER.address
        if words[0] == "REPLICAOF":
            self.info[address] = dict(REPLICA)
        return "OK"

    def replication(self, address: str) -> dict[str, Any]:
        return self.info[address]

    def ask(self, question: Any, peers: Any) -> Iterator[tuple[Peer, Any]]:
        for peer in list(peers)[: self.answering]:
            yield peer, question(peer)


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    made = Servers({peer.address: dict(REPLICA) for peer in REDIS} | {OWN.address: dict(MASTER)})
    monkeypatch.setattr(base_module, "Clients", lambda *_: made)
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tier(servers: Servers, clock: Clock, tmp_path: Path) -> RedisReplicated:
    (tmp_path / "redis").mkdir()
    context = Context(
        facts(redis_topology="replicated"), {}, Services(), data=tmp_path, run=tmp_path
    )
    return RedisReplicated(context, clock)


def test_a_master_leads_while_most_sentinels_say_so(
    tier: RedisReplicated, servers: Servers
) -> None:
    status = tier.status()
    assert (status.healthy, status.leads, status.role) == (True, True, "primary")
    assert status.good_for == LEASE_SECONDS
    servers.answering = 2
    status = tier.status()
    assert (status.healthy, status.leads, status.role) == (False, False, "unknown")
    assert "most Sentinels" in status.detail


def test_a_replica_just_promoted_leads_before_it_is_named(
    tier: RedisReplicated, servers: Servers, clock: Clock
) -> None:
    servers.info[OWN.address] = dict(REPLICA)
    assert tier.status().role == "replica"
    servers.info[OWN.address] = dict(MASTER)
    servers.named, servers.down = OTHER.address, True
    assert tier.status().leads
    clock.sleep(3)
    assert not tier.status().leads, "Sentinels have had the time to name it"


def test_a_master_that_was_none_before_waits_to_be_named(
    tier: RedisReplicated, servers: Servers
) -> None:
    servers.named, servers.down = OTHER.address, True
    assert not tier.status().leads


def test_a_full_disk_is_told(tier: RedisReplicated, servers: Servers) -> None:
    servers.info[OWN.address]["aof_last_write_status"] = "err"
    status = tier.status()
    assert not status.healthy
    assert "Redis refuses writes" in status.detail


def test_a_hand_over_loses_no_write(tier: RedisReplicated, servers: Servers) -> None:
    servers.info[OWN.address]["slave0"] = {"state": "online", "lag": 0, "offset": 7}
    tier.hand_over(Deadline(5))
    assert servers.heard == [
        ("CLIENT", "PAUSE", "10000", "WRITE"),
        ("SENTINEL", "FAILOVER", "chatlift"),
        ("REPLICAOF", OTHER.address, "6379"),
        ("CLIENT", "UNPAUSE"),
    ]


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


def test_data_of_the_other_topology_is_refused(
    tier: RedisReplicated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_module, "check_users", lambda _: None)
    (tmp_path / "redis/topology").write_text("cluster\n")
    with pytest.raises(AgentError, match="holds data of the topology 'cluster'"):
        tier.prepare(Deadline(1))


def test_a_user_with_a_blank_is_refused() -> None:
    users = {f"{who}_username": who for who in ("app", "agent", "replication", "sentinel")}
    check_users(users)
    with pytest.raises(AgentError, match="app_username is 'my app'"):
        check_users(users | {"app_username": "my app"})
