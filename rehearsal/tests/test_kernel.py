"""The kernel's settings are raised for a rehearsal, never lowered, and put back."""

from __future__ import annotations

from pathlib import Path

from chatlift_rehearsal.machine.kernel import WANTED, raise_settings, restore_settings


def test_what_is_too_low_is_raised_and_put_back(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    found = dict.fromkeys(WANTED, 0) | {"fs/inotify/max_user_instances": 4096}
    for name, value in found.items():
        (proc / name).parent.mkdir(parents=True, exist_ok=True)
        (proc / name).write_text(f"{value}\n")

    def values() -> dict[str, int]:
        return {name: int((proc / name).read_text()) for name in WANTED}

    raise_settings(tmp_path / "record", proc)
    assert values() == found | {"net/ipv4/ip_forward": 1}
    restore_settings(tmp_path / "record", proc)
    assert values() == found
