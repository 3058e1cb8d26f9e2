"""The CPU use that is published follows from what the kernel accounts."""

from __future__ import annotations

import os

from chatlift_rehearsal.controllers.cpu import CpuMeter
from chatlift_rehearsal.machine import cgroups
from chatlift_rehearsal.model import MetricFigure

from .views import instance

SERVING = instance("i-1", group="app", lifecycle_state="InService")
LAUNCHING = instance("i-2", group="app", lifecycle_state="Pending:Wait")


def figures(found: list[MetricFigure]) -> list[tuple[dict[str, str], float]]:
    assert {(figure.namespace, figure.name) for figure in found} == {("AWS/EC2", "CPUUtilization")}
    return [(dict(figure.dimensions), figure.value) for figure in found]


def test_it_is_published_once_a_minute_of_the_processors_of_the_type() -> None:
    meter = CpuMeter(minute=10, processors=8)
    used = {"i-1": 100.0}
    assert meter.turn([SERVING], used.get, 1006) == []
    used["i-1"] = 105.0
    assert meter.turn([SERVING], used.get, 1014) == []
    assert figures(meter.turn([SERVING], used.get, 1016)) == [
        ({"InstanceId": "i-1"}, 25.0),
        ({"AutoScalingGroupName": "app"}, 25.0),
    ]


def test_a_type_has_no_more_processors_than_the_machine() -> None:
    meter = CpuMeter(minute=10, processors=1)
    meter.turn([SERVING], lambda _: 0.0, 1006)
    [(_, percent), _] = figures(meter.turn([SERVING], lambda _: 5.0, 1016))
    assert percent == 50


def test_only_instances_in_service_count_for_their_group() -> None:
    meter = CpuMeter(minute=10, processors=2)
    meter.turn([LAUNCHING], lambda _: 0.0, 1006)
    assert figures(meter.turn([LAUNCHING], lambda _: 20.0, 1016)) == [({"InstanceId": "i-2"}, 100)]


def test_what_does_not_run_has_no_figure_and_a_reboot_no_negative_one() -> None:
    meter = CpuMeter(minute=10, processors=2)
    meter.turn([SERVING], lambda _: 50.0, 1006)
    assert meter.turn([SERVING], lambda _: None, 1016) == []
    assert meter.turn([SERVING], lambda _: 3.0, 1026) == []
    [(_, percent), _] = figures(meter.turn([SERVING], lambda _: 1.0, 1036))
    assert percent == 0


def test_the_kernel_accounts_the_processor_time_of_this_process() -> None:
    before = cgroups.cpu_seconds(os.getpid())
    assert before is not None
    sum(number * number for number in range(200_000))
    assert (cgroups.cpu_seconds(os.getpid()) or 0) > before
    assert cgroups.memory_used(os.getpid()) is not None
    assert cgroups.cpu_seconds(2**22 + 1) is None
