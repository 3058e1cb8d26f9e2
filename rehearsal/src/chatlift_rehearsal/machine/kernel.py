"""Settings of this machine's kernel that a rehearsal raises, and puts back when it ends."""

from __future__ import annotations

import json
from pathlib import Path

PROC = Path("/proc/sys")
WANTED = {
    "net/ipv4/ip_forward": 1,
    # systemd of one host holds about ten, and this machine has 128 for all of root's processes.
    "fs/inotify/max_user_instances": 1024,
}


def raise_settings(record: Path, proc: Path = PROC) -> None:
    """Raise what is lower than `WANTED`; ``record`` is where `restore_settings` finds the rest."""
    before = {name: int((proc / name).read_text()) for name in WANTED}
    lower = {name: value for name, value in before.items() if value < WANTED[name]}
    record.write_text(json.dumps(lower))
    for name in lower:
        (proc / name).write_text(f"{WANTED[name]}\n")


def restore_settings(record: Path, proc: Path = PROC) -> None:
    """Put back what `raise_settings` raised, if it ever did."""
    if record.exists():
        for name, value in json.loads(record.read_text()).items():
            (proc / name).write_text(f"{value}\n")
