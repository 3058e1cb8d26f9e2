"""The member's figures in CloudWatch, once a minute: what alarms and scaling policies look at.

They are those of ``/metrics`` under CloudWatch's names. They say what the instance is now, so what
could not be delivered is not sent later.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import memory
from .aws import API_ERRORS, describe
from .facts import Identity
from .health import Status

log = logging.getLogger(__name__)

NAMESPACE = "chatlift"
PERIOD_SECONDS = 60.0
"""CloudWatch keeps one figure a minute of a metric of standard resolution."""

LONGEST_PAUSE = 600.0
"""Between two attempts when CloudWatch refuses again and again."""

MOST_AT_ONCE = 1000
"""Figures that one request may carry."""


@dataclass(frozen=True)
class Metric:
    """One figure; ``unit`` is one of CloudWatch's, such as ``Count``, ``Seconds``, ``Percent``."""

    name: str
    value: float
    unit: str = "Count"


@dataclass(frozen=True)
class Source:
    """Which of the agent's own values (`Status.values`) a metric is, and in what unit.

    Of one that ``grows``, such as a count of events, the metric is by how much it has grown since
    the metric before.
    """

    key: str
    name: str
    unit: str = "Count"
    factor: float = 1
    grows: bool = False


OF_EVERY_TIER = (
    Source("healthy", "Healthy"),
    Source("certificate_expiry_seconds", "CertificateDaysLeft", "None", 1 / 86400),
)
OF_MEMBERS = (Source("disk_used_ratio", "DataVolumeUsedPercent", "Percent", 100),)
OF_TIER = {
    "app": (
        Source("app_connections", "WebSocketConnections"),
        Source("app_restarts", "ProcessRestarts", grows=True),
        Source(memory.METRIC, "MemoryUsedPercent", "Percent", 100),
    ),
    "redis": (
        *OF_MEMBERS,
        Source("leads", "MasterOfShard"),
        Source("redis_slots_uncovered", "SlotsUncovered"),
        Source("redis_replication_link_down", "ReplicationLinkDown"),
        Source("redis_memory_used_ratio", "MemoryUsedPercent", "Percent", 100),
        Source("redis_connected_clients", "Connections"),
        Source("redis_connections_used_ratio", "ConnectionsUsedPercent", "Percent", 100),
    ),
    "mysql": (
        *OF_MEMBERS,
        Source("leads", "Primary"),
        Source("mysql_members_online", "GroupMembersOnline"),
        Source("mysql_replication_lag_seconds", "ReplicationLagSeconds", "Seconds"),
        Source("mysql_applier_queue_transactions", "ReplicationQueueTransactions"),
        Source("mysql_connections", "Connections"),
        Source("mysql_connections_used_ratio", "ConnectionsUsedPercent", "Percent", 100),
    ),
}


@dataclass
class Figures:
    """What is published of each status, one after the other, as far as the service says it."""

    tier: str
    _before: dict[str, float] = field(default_factory=dict)
    """The last value of each that grows."""

    def of(self, status: Status) -> list[Metric]:
        """The metrics of ``status``."""
        values = status.values
        return [
            Metric(source.name, self._value(source, values[source.key]), source.unit)
            for source in (*OF_EVERY_TIER, *OF_TIER[self.tier])
            if source.key in values
        ]

    def _value(self, source: Source, now: float) -> float:
        if not source.grows:
            return now * source.factor
        before = self._before.get(source.key, now)
        self._before[source.key] = now
        return max(now - before, 0) * source.factor  # it begins anew when what counts does


def dimensions(identity: Identity) -> list[dict[str, str]]:
    """Under which dimensions this instance publishes each figure.

    A durable member has series of its own and those of its tier, so that one alarm can watch the
    tier: when the largest ``Primary`` is 0, nobody leads. App instances share the series of their
    group, whose average is what a scaling policy holds to its target.
    """
    tier = {"Stack": identity.stack, "Tier": identity.tier}
    if identity.member:
        return [tier, {**tier, "Member": identity.member}]
    return [{**tier, "AutoScalingGroupName": identity.asg}]


@dataclass
class Publisher:
    """Sends what ``measure`` finds from a thread of its own; no failure reaches the agent."""

    cloudwatch: Any
    dimensions: Sequence[Mapping[str, str]]
    measure: Callable[[], Sequence[Metric]]
    period: float = PERIOD_SECONDS
    clock: Callable[[], float] = time.time
    offset: float = field(default_factory=random.random)
    """This instance's moment, from 0 to 1, within the inner part of each period: every period has
    one figure of it, and the instances of a stack do not call all at once."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _failures: int = 0
    _said: str = ""

    def start(self) -> None:
        """Publish now and once a minute from now on."""
        threading.Thread(target=self._run, name="metrics", daemon=True).start()

    def stop(self) -> None:
        """Publish no more: an instance on its way out would falsify the average of its group."""
        self._stop.set()

    def publish(self) -> float:
        """Send the figures of this moment; the seconds until the next ones are due."""
        try:
            self._put(self.measure())
        except API_ERRORS as error:
            self._complain(f"CloudWatch takes no metrics of this instance: {describe(error)}.")
        except Exception as error:
            self._complain(f"The figures of this instance could not be had: {error!r}.")
        else:
            if self._failures:
                log.info("CloudWatch takes the metrics of this instance again.")
            self._failures, self._said = 0, ""
        due = self._due()
        pause = min(self.period * 2**self._failures - self.period, LONGEST_PAUSE)
        # With jitter: the instances of a stack do not come back all at once.
        return due + random.uniform(0, pause)  # noqa: S311

    def _due(self) -> float:
        """Seconds until this instance's next moment."""
        moment = (0.2 + 0.6 * self.offset) * self.period
        return self.period - (self.clock() - moment) % self.period

    def _put(self, metrics: Sequence[Metric]) -> None:
        data = [
            {
                "MetricName": metric.name,
                "Value": metric.value,
                "Unit": metric.unit,
                "Dimensions": [{"Name": name, "Value": value} for name, value in series.items()],
            }
            for metric in metrics
            for series in self.dimensions
        ]
        for first in range(0, len(data), MOST_AT_ONCE):
            self.cloudwatch.put_metric_data(
                Namespace=NAMESPACE, MetricData=data[first : first + MOST_AT_ONCE]
            )

    def _complain(self, sentence: str) -> None:
        self._failures += 1
        if sentence != self._said:
            log.warning("%s", sentence)
            self._said = sentence

    def _run(self) -> None:
        while not self._stop.wait(self.publish()):
            pass
