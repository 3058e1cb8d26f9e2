"""Memory in use is that of the machine, or of the control group that may use less."""

from pathlib import Path

import pytest
from chatlift_member.memory import Memory, look

MACHINE = "MemTotal:        2048 kB\nMemFree: 1 kB\nMemAvailable:    512 kB\nHugePages_Total: 0\n"
OF_THE_MACHINE = Memory(total=2048 << 10, used=1536 << 10)
VERSION_1 = {
    "memory/memory.usage_in_bytes": "900000\n",
    "memory/memory.stat": "inactive_file 0\ntotal_inactive_file 200000\n",
}
VERSION_2 = {"memory.current": "900000\n", "memory.stat": "anon 7\ninactive_file 200000\n"}


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        ({}, OF_THE_MACHINE),
        ({"memory.max": "max\n", **VERSION_2}, OF_THE_MACHINE),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n", **VERSION_1}, OF_THE_MACHINE),
        ({"memory.max": "1000000\n", **VERSION_2}, Memory(1000000, 700000)),
        ({"memory/memory.limit_in_bytes": "1000000\n", **VERSION_1}, Memory(1000000, 700000)),
    ],
)
def test_the_smaller_of_machine_and_control_group_is_looked_at(
    tmp_path: Path, files: dict[str, str], seen: Memory
) -> None:
    groups = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in {"proc/meminfo": MACHINE, **groups}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert look(tmp_path) == seen


def test_this_machine_uses_some_of_its_memory() -> None:
    assert 0 < look().metrics["memory_used_ratio"] < 1
