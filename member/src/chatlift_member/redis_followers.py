"""What a Redis master says of its replicas, in the section ``replication`` of ``INFO``.

https://redis.io/docs/latest/commands/info/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SILENCE_SECONDS = 2
"""A replica tells once a second how far it is. One that has said nothing for longer than this does
not count in a hand-over."""


@dataclass(frozen=True)
class Follower:
    """One replica, as its master sees it."""

    address: str
    online: bool
    offset: int
    """How far it is; the master itself is at ``master_repl_offset``."""
    silence: float
    """Seconds since it said so."""

    @property
    def near(self) -> bool:
        """It follows, and can be reached."""
        return self.online and self.silence <= SILENCE_SECONDS


def followers(replication: Mapping[str, object]) -> list[Follower]:
    """The replicas of a master; none of a replica."""
    return [
        Follower(
            address=str(value.get("ip", "")),
            online=value.get("state") == "online",
            offset=int(value.get("offset", 0)),
            silence=float(value.get("lag", 0)),
        )
        for key, value in replication.items()
        if key.startswith("slave") and isinstance(value, dict) and value
    ]


def best(replication: Mapping[str, object]) -> str:
    """Address of the online replica that is furthest, empty when there is none."""
    online = [one for one in followers(replication) if one.online]
    return max(online, key=lambda one: one.offset).address if online else ""


def caught_up(replication: Mapping[str, object]) -> bool:
    """Whether the master has replicas, and all that can be reached have every write.

    Sentinel does not choose one that cannot be reached.
    """
    near = [one for one in followers(replication) if one.near]
    return bool(near) and all(one.offset == replication["master_repl_offset"] for one in near)


def is_near(replication: Mapping[str, object], address: str) -> bool:
    """Whether the replica at ``address`` follows the master and can be reached by it."""
    return any(one.near and one.address == address for one in followers(replication))


def longest_silence(replication: Mapping[str, object]) -> dict[str, float]:
    """The metric of a master's least reliable replica; nothing on a replica, or without one."""
    found = [one.silence for one in followers(replication)]
    return {"redis_replication_lag_seconds": max(found)} if found else {}
