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


@pytest.mark.parametrize(
    ("line", "file", "serving", "booting"),
    [
        ("4:cpu,cpuacct:/hosts/libpod-1", "cpu,cpuacct/hosts/libpod-1/cpu.shares", "1024", "102"),
        ("0::/hosts/libpod-1/init.scope", "hosts/libpod-1/cpu.weight", "100", "10"),
    ],
)
def test_a_host_that_boots_lets_those_that_serve_go_first(
    tmp_path: Path, line: str, file: str, serving: str, booting: str
) -> None:
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/cgroup").write_text(line)
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text("1")
    for is_booting, weight in ((True, booting), (False, serving)):
        cgroups.weigh_host(7, is_booting, tmp_path, tmp_path / "proc")
        assert (tmp_path / file).read_text() == weight
    cgroups.weigh_host(8, booting=True, root=tmp_path, processes=tmp_path / "proc")


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
