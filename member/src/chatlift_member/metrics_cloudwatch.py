"""The member's figures in CloudWatch, once a minute: what alarms and scaling policies look at.

Figures are what the instance is now, so one that could not be delivered is not sent later.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .aws import API_ERRORS, describe
from .facts import Identity
from .health import Status

log = logging.getLogger(__name__)

NAMESPACE = "chatlift"
PERIOD_SECONDS = 60.0
LONGEST_PAUSE = 600.0
"""Between two attempts when CloudWatch refuses again and again."""


@dataclass(frozen=True)
class Metric:
    """One figure; ``unit`` is one of CloudWatch's, such as ``Count``, ``Seconds``, ``Percent``."""

    name: str
    value: float
    unit: str = "Count"


PUBLISHED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"app_connections": ("WebSocketConnections", "Count")}
)
"""Name and unit in CloudWatch of those of `Status.metrics` that are published."""


def metrics_of(status: Status) -> list[Metric]:
    """What is published of ``status``; a service that is down has no figures of its own."""
    return [
        Metric(name, status.metrics[key], unit)
        for key, (name, unit) in PUBLISHED.items()
        if key in status.metrics
    ]


def dimensions(identity: Identity) -> dict[str, str]:
    """A durable member has a series of its own; app instances share the one of their group, whose
    average over the instances is what a scaling policy holds to its target."""
    last = (
        {"Member": identity.member} if identity.member else {"AutoScalingGroupName": identity.asg}
    )
    return {"Stack": identity.stack, "Tier": identity.tier, **last}


@dataclass
class Publisher:
    """Sends what ``measure`` finds from a thread of its own; no failure reaches the agent."""

    cloudwatch: Any
    dimensions: Mapping[str, str]
    measure: Callable[[], Sequence[Metric]]
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
            return PERIOD_SECONDS
        pause = min(PERIOD_SECONDS * 2**self._failures, LONGEST_PAUSE)
        # With jitter: the instances of a stack do not come back all at once.
        return random.uniform(PERIOD_SECONDS, pause)  # noqa: S311

    def _put(self, metrics: Sequence[Metric]) -> None:
        if not metrics:
            return
        named = [{"Name": name, "Value": value} for name, value in self.dimensions.items()]
        self.cloudwatch.put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[
                {"MetricName": m.name, "Value": m.value, "Unit": m.unit, "Dimensions": named}
                for m in metrics
            ],
        )

    def _complain(self, sentence: str) -> None:
        self._failures += 1
        if sentence != self._said:
            log.warning("%s", sentence)
            self._said = sentence

    def _run(self) -> None:
        while not self._stop.wait(self.publish()):
            pass
