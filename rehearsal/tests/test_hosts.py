from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from chatlift_rehearsal.machine import cgroups
from chatlift_rehearsal.machine.hosts import BOOT_SECONDS, Hosts
from chatlift_rehearsal.machine.network import Network
from chatlift_rehearsal.machine.process import Process
from chatlift_rehearsal.settings import Settings


def process_of_age(seconds: float) -> Process:
    began = time.clock_gettime(time.CLOCK_BOOTTIME) - seconds
    return Process(os.getpid(), int(began * os.sysconf("SC_CLK_TCK")))


@pytest.mark.parametrize(
    ("booting", "age", "waits"),
    [(True, 5, True), (True, BOOT_SECONDS + 5, False), (False, 5, False)],
)
def test_a_host_waits_for_the_others_until_it_serves_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, booting: bool, age: float, waits: bool
) -> None:
    told: list[bool] = []
    monkeypatch.setattr(cgroups, "weigh_host", lambda pid, booting: told.append(booting))
    settings = Settings(tmp_path)
    known = Hosts(settings, Network(settings))
    known._processes["i-1"] = process_of_age(age)
    for _ in range(2):
        known.weigh({"i-1": booting, "i-2": True})
    assert told == [waits]
