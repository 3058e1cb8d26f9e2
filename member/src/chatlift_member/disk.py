"""How full the member's data volume is.

A server that cannot write stops answering writes, or ends; what it says then is hard to read. So
each tier says in its status, in one sentence, that the volume is what it lacks.
"""

from __future__ import annotations

import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

FULL = 0.95
"""Share in use from which a volume counts as full: early enough to hand over in good order."""

ROOMY = 0.90
"""Share in use up to which a member counts as one with room, apart from `FULL` so that two members
that fill at the same pace do not pass the lead back and forth."""

METRIC = "disk_used_ratio"
TIMEOUT = 1.0
"""Seconds for another member to say how full its volume is."""


@dataclass(frozen=True)
class Disk:
    """One look at a file system, in bytes as an unprivileged service counts them."""

    path: Path
    used: int
    free: int

    @property
    def ratio(self) -> float:
        """Share in use, from 0 to 1, as df(1) shows it."""
        return self.used / (self.used + self.free)

    @property
    def full(self) -> bool:
        """Whether the service will soon be unable to write, or is already."""
        return self.ratio >= FULL

    @property
    def detail(self) -> str:
        """A sentence for the status, empty while there is room."""
        if not self.full:
            return ""
        return (
            f"The data volume at {self.path} is {self.ratio:.0%} full, with {self.free >> 20} MiB "
            "free: enlarge it (data_tier_volume_size, playbooks/data_tier.yml), or remove data."
        )

    @property
    def metrics(self) -> dict[str, float]:
        """For `chatlift_member.health.Status.metrics`."""
        return {METRIC: self.ratio, "disk_free_bytes": float(self.free)}


def look(path: Path) -> Disk:
    """Look at the file system that holds ``path``; raises `OSError`."""
    stat = os.statvfs(path)
    size = stat.f_frsize
    return Disk(path, (stat.f_blocks - stat.f_bfree) * size, stat.f_bavail * size)


def has_room(address: str, port: int) -> bool:
    """Whether the member at ``address`` says that its volume has room; silence is a no."""
    try:
        with urllib.request.urlopen(f"http://{address}:{port}/metrics", timeout=TIMEOUT) as answer:
            return says_room(answer.read().decode())
    except (OSError, ValueError):
        return False


def says_room(metrics: str) -> bool:
    """`has_room`, from the text of ``/metrics``."""
    for line in metrics.splitlines():
        if line.startswith(f"chatlift_{METRIC}{{"):
            return float(line.rsplit(" ", 1)[1]) <= ROOMY
    return False
