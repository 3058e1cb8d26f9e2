"""How much of the memory that this machine may use is in use, which is a container's limit in one.

What the page cache can give back at once counts as free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

METRIC = "memory_used_ratio"

_CGROUPS = (
    ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    (
        "sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)
"""Where each version of control groups has its limit, what is used, and what of that is cache."""


@dataclass(frozen=True)
class Memory:
    """One look, in bytes."""

    total: int
    used: int

    @property
    def metrics(self) -> dict[str, float]:
        """For `chatlift_member.health.Status.metrics`: the share in use, from 0 to 1."""
        return {METRIC: self.used / self.total}


def look(root: Path = Path("/")) -> Memory:
    """The machine's memory, or its control group's where that may use less; raises `OSError`."""
    machine = _pairs(root / "proc/meminfo")
    total = machine["MemTotal"] * 1024
    for folder, limit, used, cache in _CGROUPS:
        file = root / folder / limit
        if file.exists() and (text := file.read_text().strip()).isdigit() and int(text) < total:
            charged = int((root / folder / used).read_text())
            return Memory(int(text), charged - _pairs(root / folder / "memory.stat")[cache])
    return Memory(total, total - machine["MemAvailable"] * 1024)


def _pairs(file: Path) -> Mapping[str, int]:
    lines = (line.replace(":", "").split() for line in file.read_text().splitlines())
    return {words[0]: int(words[1]) for words in lines}
