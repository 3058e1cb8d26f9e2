"""Control groups: what the kernel accounts to a host, and what share of the processors all have.

A host is named by the id of its init process; what is asked of one that has ended is None.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from chatlift_rehearsal.errors import RehearsalError

EMPTY_SECONDS = 5.0
"""How long the processes of hosts that were killed may take to be gone."""

BOOTING_SHARE = 0.1
"""What a host that boots counts beside one that serves. On AWS it takes nothing from it at all."""

_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


def memory_used(pid: int) -> int | None:
    """Bytes that a host's processes use, without the page cache that can be given back."""
    group, version = _group(pid, "memory")
    if version == 1:
        used, cache = "memory.usage_in_bytes", "total_inactive_file"
    else:
        used, cache = "memory.current", "inactive_file"
    try:
        statistics = _statistics(group / "memory.stat")
        return int((group / used).read_text()) - statistics[cache]
    except FileNotFoundError:
        return None


def cpu_seconds(pid: int) -> float | None:
    """Seconds of one processor that a host's processes have used since it booted."""
    group, version = _group(pid, "cpuacct")
    try:
        if version == 1:
            return int((group / "cpuacct.usage").read_text()) / 1e9
        return _statistics(group / "cpu.stat")["usage_usec"] / 1e6
    except FileNotFoundError:
        return None


def weigh(parent: str, root: Path = _CGROUPS) -> None:
    """Let each host in a group count as much as one of this machine's processes that is in none.

    Otherwise all of them together do, and starve while a playbook keeps every processor busy.
    """
    for group, file, one, most in (
        (root / "cpu" / parent, "cpu.shares", 1024, 262144),
        (root / parent, "cpu.weight", 100, 10000),
    ):
        if (group / file).exists():
            hosts = sum(1 for _ in group.glob("libpod-*"))
            (group / file).write_text(str(min(max(hosts, 1) * one, most)))


def weigh_host(pid: int, booting: bool, root: Path = _CGROUPS, processes: Path = _PROC) -> None:
    """Let a host that boots wait for those that serve, where not all of them can be busy at once.

    While nobody else wants the processors, it has them all the same.
    """
    for file, whole in (("cpu.shares", 1024), ("cpu.weight", 100)):
        path = _group(pid, "cpu", root, processes)[0] / file
        if path.exists():
            path.write_text(str(round(whole * BOOTING_SHARE) if booting else whole))


def remove(parent: str, root: Path = _CGROUPS) -> None:
    """Remove a group of hosts that have ended, with what podman left in it.

    Raises RehearsalError when there are processes in it still.
    """
    hierarchies = [root] if (root / "cgroup.controllers").exists() else root.iterdir()
    deadline = time.monotonic() + EMPTY_SECONDS
    for group in _below(hierarchy / parent for hierarchy in hierarchies):
        _remove(group, deadline)


def _remove(group: Path, deadline: float) -> None:
    while group.exists():
        try:
            group.rmdir()
        except OSError as error:
            if time.monotonic() > deadline:
                raise RehearsalError(
                    f"The control group {group} could not be removed ({error.strerror}); end "
                    f"the processes that {group}/cgroup.procs names, then run it again."
                ) from error
            # Processes that were killed are still ending; version 1 has no event for the last one.
            time.sleep(0.05)


def _below(trees: Iterable[Path]) -> list[Path]:
    """All groups of some trees, the deepest first."""
    found = {group for tree in trees if tree.is_dir() for group in (tree, *tree.rglob("*/"))}
    return sorted((group for group in found if group.is_dir()), reverse=True)


def _group(
    pid: int, controller: str, root: Path = _CGROUPS, processes: Path = _PROC
) -> tuple[Path, int]:
    """The control group of a host, and which version it is of; one that is not there for None."""
    try:
        lines = (processes / str(pid) / "cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return root / "ended", 2
    paths = dict(line.split(":", 2)[1:] for line in lines)
    names = next((names for names in paths if controller in names.split(",")), "")
    # systemd moves itself into a child group; limits and sums are the container's.
    path = paths[names].lstrip("/").removesuffix("/init.scope")
    return root / names / path, 1 if names else 2


def _statistics(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in path.read_text().splitlines())
    return {name: int(value) for name, value in pairs}
