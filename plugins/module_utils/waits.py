# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run waited for, and the longest chain of waits of which each needs the one before.

Modules note their waits and return them as ``waits``; the callback chatlift.aws.waits shows the
chain. A run cannot be shorter than it, and should not be much longer.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Iterable

# What has to be ready before each of these can begin to become ready.
NEEDS: dict[str, tuple[str, ...]] = {
    "images": (),
    "NAT gateways": (),
    "interface endpoints": (),
    "certificates": (),
    "load balancer": (),
    "members": ("images", "NAT gateways", "interface endpoints"),
    # Nobody asks for the health of its instances before the load balancer is active.
    "application": (
        "images",
        "NAT gateways",
        "interface endpoints",
        "members",
        "load balancer",
        "certificates",
    ),
    "VPC origin": ("load balancer",),
    "distribution": ("VPC origin", "certificates"),
}

_noted: list[dict[str, Any]] = []


@dataclass(frozen=True)
class Link:
    """One link of a chain: what was waited for, and how many seconds it alone took."""

    name: str
    seconds: float


def note(name: str, began: float, ended: float | None = None) -> None:
    """Note that ``name``, one of `NEEDS`, became ready; both are in seconds since the epoch."""
    _noted.append({"name": name, "began": began, "ended": time.time() if ended is None else ended})


def noted() -> list[dict[str, Any]]:
    """What this module waited for."""
    return list(_noted)


def longest_chain(waits: Iterable[dict[str, Any]]) -> list[Link]:
    """The chain that took longest, in the order of time."""
    began: dict[str, float] = {}
    ended: dict[str, float] = {}
    for one in waits:
        name = one["name"]
        began[name] = min(one["began"], began.get(name, one["began"]))
        ended[name] = max(one["ended"], ended.get(name, one["ended"]))
    chains: dict[str, list[Link]] = {}
    # `NEEDS` names everything after what it needs.
    for name, needs in NEEDS.items():
        before = max((chains[need] for need in needs), key=_seconds, default=[])
        if name in ended:
            ready = [ended[need] for need in needs if need in ended]
            seconds = ended[name] - max([began[name], *ready])
            chains[name] = [*before, Link(name, seconds)] if seconds > 0 else before
        else:
            chains[name] = before
    return max(chains.values(), key=_seconds)


def _seconds(chain: list[Link]) -> float:
    return sum(link.seconds for link in chain)
