"""Control groups of hosts on machines that still have the first version of them."""

from __future__ import annotations

from pathlib import Path

NAMED = Path("/sys/fs/cgroup/systemd")
"""systemd's own hierarchy, which exists beside the controllers' in version 1 only."""

_MEMORY = Path("/sys/fs/cgroup/memory")


class NamedHierarchy:
    """A part of systemd's hierarchy for each host.

    podman gives a systemd container all of it. Hosts would then share their groups, and the first
    that shuts down would remove what the others need.
    """

    def __init__(self, tag: str) -> None:
        self._own = NAMED / tag

    def mounts(self, instance_id: str) -> list[str]:
        """Options for podman that give a host a part of its own."""
        if not NAMED.is_dir():
            return []
        part = self._own / instance_id
        part.mkdir(parents=True, exist_ok=True)
        return ["--volume", f"{part}:{NAMED}"]

    def remove(self, instance_id: str = "") -> None:
        """Remove the part of a host that has ended or, with no name, those of all."""
        part = self._own / instance_id
        if part.is_dir():
            # Groups are directories whose files cannot be removed: children go first.
            for group in sorted(part.rglob("*/"), reverse=True):
                group.rmdir()
            part.rmdir()


def memory_used(pid: int) -> int | None:
    """Bytes that a host's processes use, without the page cache that can be given back.

    ``pid`` is the host's init process; None when it has ended.
    """
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    paths = dict(line.split(":", 2)[1:] for line in lines)
    if _MEMORY.is_dir():
        root, path = _MEMORY, paths["memory"]
        used, cache = "memory.usage_in_bytes", "total_inactive_file"
    else:
        root, path = Path("/sys/fs/cgroup"), paths[""]
        used, cache = "memory.current", "inactive_file"
    # systemd moves itself into a child group; the limit and the sum are the container's.
    group = root / path.lstrip("/").removesuffix("/init.scope")
    try:
        statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return int((group / used).read_text()) - int(statistics[cache])
    except FileNotFoundError:
        return None
