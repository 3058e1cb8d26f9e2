"""The control group above the hosts: what share of the processors they have, and its end."""

from __future__ import annotations

from pathlib import Path

import pytest
from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine import cgroups


@pytest.mark.parametrize(
    ("file", "hosts", "weight"),
    [
        ("cpu/hosts/cpu.shares", 0, 1024),
        ("cpu/hosts/cpu.shares", 12, 12288),
        ("hosts/cpu.weight", 12, 1200),
        ("hosts/cpu.weight", 120, 10000),
    ],
)
def test_each_host_weighs_as_much_as_one_process(
    tmp_path: Path, file: str, hosts: int, weight: int
) -> None:
    group = (tmp_path / file).parent
    for name in ("conmon", *(f"libpod-{number}" for number in range(hosts))):
        (group / name).mkdir(parents=True)
    (tmp_path / file).write_text("1")
    cgroups.weigh("hosts", tmp_path)
    assert (tmp_path / file).read_text() == str(weight)


def test_without_groups_of_our_own_nothing_is_weighed(tmp_path: Path) -> None:
    cgroups.weigh("hosts", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("controllers", [("cpu", "pids"), ("",)])
def test_a_group_goes_with_all_below_it_and_no_other(
    tmp_path: Path, controllers: tuple[str, ...]
) -> None:
    if controllers == ("",):
        (tmp_path / "cgroup.controllers").touch()
    for controller in controllers:
        (tmp_path / controller / "hosts" / "conmon").mkdir(parents=True)
        (tmp_path / controller / "others" / "hosts").mkdir(parents=True)
    cgroups.remove("hosts", tmp_path)
    assert not list(tmp_path.glob("**/conmon"))
    assert len(list(tmp_path.glob("**/others/hosts"))) == len(controllers)


def test_a_group_that_is_in_use_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroups, "EMPTY_SECONDS", 0.1)
    (tmp_path / "cpu" / "hosts").mkdir(parents=True)
    (tmp_path / "cpu" / "hosts" / "held").touch()
    with pytest.raises(RehearsalError, match=r"cgroup\.procs names, then run it again"):
        cgroups.remove("hosts", tmp_path)
