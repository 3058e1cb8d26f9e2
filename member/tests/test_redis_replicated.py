"""Replicated Redis as the tier sees it: its lease, its refusals, and a hand-over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import chatlift_member.redis as base_module
import pytest
from chatlift_member.errors import AgentError, NotInTime, Refused
from chatlift_member.facts import Peer
from chatlift_member.redis import check_users
from chatlift_member.redis_replicated import LEASE_SECONDS, RedisReplicated
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
    priorities: dict[str, int] = field(default_factory=dict)
    deaf: bool = False
    """Sentinel does not hear of a new priority."""

    def call(self, address: str, *words: str, port: int = 6379) -> Any:
        if port == SENTINEL and words[1] == "MASTER":
            flags = "s_down,master" if self.down else "master"
            return ["ip", self.named, "flags", flags, "config-epoch", "1"]
        if port == SENTINEL and words[1] == "REPLICAS":
            priority = str(self.priorities.get(OWN.address, 100))
            return [["ip", OWN.address, "slave-priority", priority]]
        if words[0] == "INFO":
            return self.info[address]
        if words[0] == "DBSIZE":
            return 1
        self.heard.append(words)
        if words[:2] == ("CONFIG", "SET") and not self.deaf:
            self.priorities[address] = int(words[-1])
        if words[:2] == ("SENTINEL", "FAILOVER"):
            successor = OWN if self.priorities.get(OWN.address) == 1 else OTHER
            self.info[successor.address] = dict(MASTER)
            self.named = successor.address
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


# -- leading on request ------------------------------------------------------------------------


@pytest.fixture
def follower(servers: Servers) -> dict[str, Any]:
    """redis-a1 follows redis-b2 and has every write; the test may change that."""
    near = {"ip": OWN.address, "state": "online", "offset": 7, "lag": 0}
    servers.info[OTHER.address] = dict(MASTER) | {"slave0": near}
    servers.info[OWN.address] = dict(REPLICA)
    servers.named = OTHER.address
    return near


@pytest.mark.usefixtures("follower")
def test_a_replica_that_is_asked_to_lead_is_preferred_and_chosen(
    tier: RedisReplicated, servers: Servers
) -> None:
    assert tier.status().leader == OTHER.name
    tier.lead(Deadline(5))
    assert servers.heard == [
        ("CONFIG", "SET", "replica-priority", "1"),
        ("CLIENT", "PAUSE", "10000", "WRITE"),
        ("SENTINEL", "FAILOVER", "chatlift"),
        ("REPLICAOF", OWN.address, "6379"),
        ("CLIENT", "UNPAUSE"),
        ("CONFIG", "SET", "replica-priority", "100"),
    ]
    status = tier.status()
    assert (status.leads, status.leader) == (True, OWN.name)
    tier.lead(Deadline(5))
    assert len(servers.heard) == 6, "it leads already"


@pytest.mark.usefixtures("follower")
def test_writes_wait_only_once_sentinel_would_choose_the_right_one(
    tier: RedisReplicated, servers: Servers
) -> None:
    servers.deaf = True
    with pytest.raises(NotInTime, match="takes it for one of 100"):
        tier.lead(Deadline(0))
    assert servers.heard == [
        ("CONFIG", "SET", "replica-priority", "1"),
        ("CONFIG", "SET", "replica-priority", "100"),
    ]


def test_writes_go_on_when_the_replica_does_not_catch_up(
    tier: RedisReplicated, servers: Servers, follower: dict[str, Any]
) -> None:
    follower["offset"] = 6
    with pytest.raises(NotInTime, match=f"writes of {OTHER.name} are still on their way"):
        tier.lead(Deadline(0))
    assert ("SENTINEL", "FAILOVER", "chatlift") not in servers.heard
    assert servers.heard[-2:] == [
        ("CLIENT", "UNPAUSE"),
        ("CONFIG", "SET", "replica-priority", "100"),
    ]


@pytest.mark.parametrize("change", [{"lag": 9}, {"state": "wait_bgsave"}, {"ip": "10.0.0.9"}])
def test_a_replica_that_is_not_in_sync_refuses(
    tier: RedisReplicated, servers: Servers, follower: dict[str, Any], change: dict[str, Any]
) -> None:
    follower.update(change)
    with pytest.raises(Refused, match=f"{OTHER.name} has not heard from it lately"):
        tier.lead(Deadline(5))
    assert servers.heard == []


@pytest.mark.usefixtures("follower")
def test_a_replica_without_its_link_refuses(tier: RedisReplicated, servers: Servers) -> None:
    servers.info[OWN.address]["master_link_status"] = "down"
    with pytest.raises(Refused, match="it has no link to a master"):
        tier.lead(Deadline(5))


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
