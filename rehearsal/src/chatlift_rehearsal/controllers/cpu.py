"""The CPU use of instances, as EC2 publishes it: of each, and of those in service by their group.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator

from chatlift_rehearsal.machine.instance_types import vcpus
from chatlift_rehearsal.model import InstanceView, MetricFigure

USUAL_VCPUS = 2
"""Of an instance type that the rule does not know."""


class CpuMeter:
    """Publishes once a minute, which takes ``minute`` seconds here."""

    def __init__(self, minute: float, processors: int | None = None) -> None:
        self._minute = minute
        self._processors = processors or os.cpu_count() or 1
        self._moment, self._read_at = -1, 0.0
        self._read: dict[str, float] = {}

    def turn(
        self, instances: Iterable[InstanceView], used: Callable[[str], float | None], now: float
    ) -> list[MetricFigure]:
        """The figures that are due at ``now`` (seconds), mostly none.

        ``used`` gives the seconds of one processor that an instance has used since it booted, None
        when it does not run.
        """
        # In the middle of each minute, so that every one has a figure.
        moment = int(now / self._minute + 0.5)
        if moment == self._moment:
            return []
        known = list(instances)
        elapsed, before = now - self._read_at, self._read
        self._moment, self._read_at = moment, now
        read = {instance.id: used(instance.id) for instance in known}
        self._read = {key: seconds for key, seconds in read.items() if seconds is not None}
        return [
            figure
            for instance in known
            if instance.id in before and instance.id in self._read
            for figure in self._figures(
                instance, (self._read[instance.id] - before[instance.id]) / elapsed
            )
        ]

    def _figures(self, instance: InstanceView, busy: float) -> Iterator[MetricFigure]:
        """``busy`` is how many processors were, on average; a reboot begins to count anew."""
        has = min(vcpus(instance.instance_type) or USUAL_VCPUS, self._processors)
        percent = 100 * min(max(busy, 0) / has, 1)
        named = {"InstanceId": instance.id}
        yield MetricFigure("AWS/EC2", "CPUUtilization", named, percent, "Percent")
        if instance.group and instance.lifecycle_state == "InService":
            group = {"AutoScalingGroupName": instance.group}
            yield MetricFigure("AWS/EC2", "CPUUtilization", group, percent, "Percent")
