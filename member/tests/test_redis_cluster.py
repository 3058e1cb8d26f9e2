"""The Redis tier sends what the plan says, and remembers a formation as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import chatlift_member.redis as tier_module
import pytest
from chatlift_member.errors import NotInTime
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

    def survey(self, members: Iterable[Peer]) -> dict[str, View]:
        return self.views

    def view(self, address: str) -> View:
        return next(self.views[peer.name] for peer in REDIS if peer.address == address)

    def call(self, address: str, *words: str) -> dict[str, object]:
        if words != ("INFO",):
            self.heard.append(words)
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
