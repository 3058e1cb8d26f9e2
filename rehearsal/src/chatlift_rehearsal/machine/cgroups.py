"""What the kernel accounts to a host, whose init process has the id ``pid``.

Each function gives None when that has ended.
"""

from __future__ import annotations

from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


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


def _group(pid: int, controller: str) -> tuple[Path, int]:
    """The control group of a host, and which version it is of; one that is not there for None."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return _CGROUPS / "ended", 2
    paths = dict(line.split(":", 2)[1:] for line in lines)
    names = next((names for names in paths if controller in names.split(",")), "")
    # systemd moves itself into a child group; limits and sums are the container's.
    path = paths[names].lstrip("/").removesuffix("/init.scope")
    return _CGROUPS / names / path, 1 if names else 2


def _statistics(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in path.read_text().splitlines())
    return {name: int(value) for name, value in pairs}
