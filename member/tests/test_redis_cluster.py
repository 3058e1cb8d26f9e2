"""The Redis tier sends what the plan says, and remembers a formation as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import chatlift_member.redis as tier_module
import pytest
from chatlift_member.errors import NotInTime, Refused
from chatlift_member.facts import Peer
from chatlift_member.redis_cluster import RedisCluster
from chatlift_member.redis_nodes import Node, View
from chatlift_member.service import Services
from chatlift_member.tier import Context
from chatlift_member.wait import Deadline
from member_factory import REDIS, facts
from test_redis_plan import FORMED, blank, failed_over, formed_views, seen_by


@dataclass
class Cluster:
    """Stands in for the clients of all members: shows views, and hears commands."""

    views: dict[str, View] = field(default_factory=dict)
    heard: list[tuple[str, ...]] = field(default_factory=list)
    then: list[dict[str, View]] = field(default_factory=list)
    """What is shown after the next commands, and after each survey of those."""
    follower: dict[str, object] = field(default_factory=dict)

    def survey(self, members: Iterable[Peer]) -> dict[str, View]:
        shown = self.views
        self._go_on()
        return shown

    def replication(self, address: str) -> dict[str, object]:
        return {"role": "master", "slave0": self.follower}

    def _go_on(self) -> None:
        if self.then:
            self.views = self.then.pop(0)

    def view(self, address: str) -> View:
        return next(self.views[peer.name] for peer in REDIS if peer.address == address)

    def call(self, address: str, *words: str) -> dict[str, object]:
        if words != ("INFO",):
            self.heard.append(words)
            self._go_on()
        return {}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(tier_module, "Clients", lambda *_: made)
    return made


@pytest.fixture
def note(tmp_path: Path) -> Path:
    """Where redis-a1 notes that it forms the cluster."""
    (tmp_path / "redis").mkdir()
    return tmp_path / "redis/forming"


def tier(note: Path) -> RedisCluster:
    return RedisCluster(Context(facts(), {}, Services(), data=note.parent.parent))


def test_a_formation_is_noted_before_its_first_command(cluster: Cluster, note: Path) -> None:
    cluster.views = {peer.name: blank(peer) for peer in REDIS}
    with pytest.raises(NotInTime, match="to be met"):
        tier(note).join(Deadline(0))
    assert note.exists()
    assert cluster.heard[0] == ("CLUSTER", "MEET", REDIS[1].address, "6379")


def test_a_formation_is_noted_until_its_cluster_is_whole(cluster: Cluster, note: Path) -> None:
    note.touch()
    fewer = {name: replace(node, slots=()) for name, node in FORMED.items()}
    cluster.views = formed_views() | {"redis-a1": seen_by("redis-a1", fewer)}
    with pytest.raises(NotInTime, match="the masters to take their slots"):
        tier(note).join(Deadline(0))
    assert note.exists()
    cluster.views = formed_views()
    tier(note).join(Deadline(0))
    assert not note.exists()


@pytest.mark.parametrize("seen", [FORMED, failed_over()], ids=["before", "after"])
def test_a_formation_is_not_taken_up_again_after_a_failover(
    cluster: Cluster, note: Path, seen: dict[str, Node]
) -> None:
    """The first member died before it could drop its note, and comes back replaced."""
    note.touch()
    cluster.views = formed_views(nodes=failed_over()) | {"redis-a1": seen_by("redis-a1", seen)}
    with pytest.raises(NotInTime):
        tier(note).join(Deadline(0))
    assert not note.exists()
    assert not any("REPLICATE" in words and "redis-a1#1" in words for words in cluster.heard)


# -- leading on request ------------------------------------------------------------------------

REPLICA, MASTER = "redis-a2", "redis-c1"


def replica_tier(note: Path) -> RedisCluster:
    return RedisCluster(Context(facts(member=REPLICA), {}, Services(), data=note.parent.parent))


def elected() -> dict[str, Node]:
    """What all know once redis-a2 has taken over from redis-c1."""
    old, new = FORMED[MASTER], FORMED[REPLICA]
    return FORMED | {
        MASTER: replace(old, flags=frozenset(("slave",)), master_id=new.id, slots=()),
        REPLICA: replace(new, flags=frozenset(("master",)), master_id=None, slots=old.slots),
    }


@pytest.fixture
def near(cluster: Cluster) -> dict[str, object]:
    """What redis-c1 says of its replica; the test may change it."""
    address = next(peer.address for peer in REDIS if peer.name == REPLICA)
    cluster.follower = {"ip": address, "state": "online", "offset": 9, "lag": 0}
    cluster.views = formed_views()
    return cluster.follower


@pytest.mark.usefixtures("near")
def test_a_replica_that_is_asked_to_lead_takes_over_and_waits_until_all_know(
    cluster: Cluster, note: Path
) -> None:
    cluster.then = [
        formed_views(nodes=elected()) | {"redis-b1": seen_by("redis-b1", FORMED)},
        formed_views(nodes=elected()),
    ]
    replica_tier(note).lead(Deadline(5))
    assert cluster.heard == [("CLUSTER", "FAILOVER")]
    assert not cluster.then


@pytest.mark.usefixtures("near")
def test_who_leads_already_has_nothing_to_do(cluster: Cluster, note: Path) -> None:
    cluster.views = formed_views(nodes=elected())
    replica_tier(note).lead(Deadline(5))
    assert cluster.heard == []
    status = replica_tier(note).status()
    assert (status.role, status.leader) == ("primary", REPLICA)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [({"lag": 9}, "redis-c1 has not heard from it lately"), ({"state": "wait_bgsave"}, "not in")],
)
def test_a_replica_that_is_not_in_sync_refuses(
    cluster: Cluster, note: Path, near: dict[str, object], change: dict[str, object], sentence: str
) -> None:
    near.update(change)
    with pytest.raises(Refused, match=sentence):
        replica_tier(note).lead(Deadline(5))
    assert cluster.heard == []


@pytest.mark.usefixtures("near")
def test_a_replica_without_its_link_refuses(cluster: Cluster, note: Path) -> None:
    cluster.views[REPLICA] = seen_by(REPLICA, FORMED, link_up=False)
    with pytest.raises(Refused, match="its link to its master is down"):
        replica_tier(note).lead(Deadline(5))


@pytest.mark.usefixtures("near")
def test_a_replica_that_is_not_elected_says_so(cluster: Cluster, note: Path) -> None:
    with pytest.raises(NotInTime, match="redis-a2 to lead its shard; last seen: it has not been"):
        replica_tier(note).lead(Deadline(0))


@pytest.mark.usefixtures("near")
def test_a_replica_names_the_member_that_leads_its_shard(cluster: Cluster, note: Path) -> None:
    status = replica_tier(note).status()
    assert (status.role, status.leader) == ("replica", MASTER)
