"""Sentinel, which finds a dead Redis master and makes a replica its successor.

Sentinel writes what it has learned (the master, the number of the latest failover) into its own
configuration file. That file lies on the member's volume, so that the next instance knows it. The
rest of the file is rendered anew before each start: the agent's settings are always those in force,
and Sentinel does not quote what it writes, so that a password with a blank would not be read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .facts import Peer
from .files import write_atomically

UNIT = "redis-sentinel.service"
PORT = 26379
MASTER = "chatlift"
"""Sentinel's name for the master it watches."""

MOST = 5
"""Two members may be away at once, and one zone of three; more voters would only be slower."""

PING_MILLISECONDS = "250"
"""How often Sentinel asks each server. By its default of 1000 a dead master would be found up to
a second later; there is no such setting in its file, only ``SENTINEL DEBUG``."""

_LEARNED = ("current-epoch", "config-epoch", "leader-epoch", "known-replica", "monitor")


@dataclass(frozen=True)
class Word:
    """What one Sentinel says of the master."""

    address: str
    epoch: int
    """Number of the failover that made it master: the highest one is the latest."""
    down: bool
    """That Sentinel does not reach it, or knows that it is no master any more."""


def place(members: Sequence[Peer]) -> tuple[Peer, ...]:
    """The members that run a Sentinel: an odd number, spread over the zones, by name."""
    zones: dict[str, list[Peer]] = {}
    for peer in sorted(members, key=lambda peer: peer.name):
        zones.setdefault(peer.az, []).append(peer)
    ranked = sorted(
        ((rank, peer.name, peer) for peers in zones.values() for rank, peer in enumerate(peers)),
        key=lambda entry: entry[:2],
    )
    count = min(MOST, len(ranked) - 1 + len(ranked) % 2)
    return tuple(sorted((peer for *_rank, peer in ranked[:count]), key=lambda peer: peer.name))


def majority(sentinels: Sequence[Peer]) -> int:
    """How many Sentinels have to agree."""
    return len(sentinels) // 2 + 1


def fields(answer: Sequence[str]) -> dict[str, str]:
    """An answer of Sentinel, a list of names and values, by name."""
    return dict(zip(answer[::2], answer[1::2], strict=True))


def parse_word(answer: Sequence[str]) -> Word:
    """A `Word` from the answer to ``SENTINEL MASTER``, a list of names and values."""
    said = fields(answer)
    flags = set(said["flags"].split(","))
    return Word(
        address=said["ip"],
        epoch=int(said["config-epoch"]),
        down=bool(flags & {"s_down", "o_down", "disconnected"}),
    )


def merge(rendered: str, kept: str) -> str:
    """The settings of ``rendered`` with what a Sentinel learned, out of the file it ``kept``."""
    learned = [line for line in kept.splitlines() if _subject(line) in _LEARNED]
    replaced = {_subject(line) for line in learned}
    settings = [line for line in rendered.splitlines() if _subject(line) not in replaced]
    return "\n".join((*settings, *learned))


def write_config(run: Path, data: Path) -> None:
    """Write the file that Sentinel is about to be started with."""
    file = data / "redis/sentinel/sentinel.conf"
    kept = file.read_text() if file.exists() else ""
    text = merge((run / "redis/sentinel.conf").read_text(), kept)
    write_atomically(file, text, mode=0o600, user="redis", group="redis")


def _subject(line: str) -> str:
    words = line.split(maxsplit=2)
    return words[1] if len(words) > 1 and words[0] == "sentinel" else ""
