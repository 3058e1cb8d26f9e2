"""What the kernel accounts to a host."""

from __future__ import annotations

from pathlib import Path

_V1_MEMORY = Path("/sys/fs/cgroup/memory")
_V2 = Path("/sys/fs/cgroup")


def memory_used(pid: int) -> int | None:
    """Bytes that a host's processes use, without the page cache that can be given back.

    ``pid`` is the host's init process; None when it has ended.
    """
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    paths = dict(line.split(":", 2)[1:] for line in lines)
    if _V1_MEMORY.is_dir():
        root, path = _V1_MEMORY, paths["memory"]
        used, cache = "memory.usage_in_bytes", "total_inactive_file"
    else:
        root, path = _V2, paths[""]
        used, cache = "memory.current", "inactive_file"
    # systemd moves itself into a child group; the limit and the sum are the container's.
    group = root / path.lstrip("/").removesuffix("/init.scope")
    try:
        statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return int((group / used).read_text()) - int(statistics[cache])
    except FileNotFoundError:
        return None
