"""What CloudWatch knows: the figures of each metric, by the time they are of.

moto keeps all of them in one list, for ever, and adds up what has other dimensions. Alarms and
scaling policies ask here; the API's answers come from the same figures.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.cloudwatch import models
from moto.core.utils import utcnow

from . import state

KEPT = 2000
"""Figures of a metric: hours of them, even where minutes are short."""

Series = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions: what makes a metric."""


@dataclass(frozen=True)
class Figure:
    """What one PutMetricData said of a metric; ``at`` is a time of ``state.now``."""

    at: float
    minimum: float
    maximum: float
    total: float
    count: float
    stored: models.MetricDatumBase
    """As moto has it, whose answers need it."""


def series(namespace: str, name: str, dimensions: Mapping[str, str]) -> Series:
    """The metric with exactly these dimensions; with fewer or more it is another one."""
    return namespace, name, frozenset(dimensions.items())


def aggregate(figures: Iterable[Figure], statistic: str) -> float | None:
    """``Sum``, ``Average``, ``Minimum``, ``Maximum``, ``SampleCount`` or a percentile (``p99``).

    None without a figure. A percentile takes what was published as a set for its average.
    """
    found = list(figures)
    if not found:
        return None
    count, total = sum(f.count for f in found), sum(f.total for f in found)
    match statistic:
        case "Sum":
            return total
        case "Average":
            return total / count if count else None
        case "Minimum":
            return min(f.minimum for f in found)
        case "Maximum":
            return max(f.maximum for f in found)
        case "SampleCount":
            return count
    return _percentile(found, float(statistic.removeprefix("p")))


def _percentile(figures: list[Figure], percent: float) -> float:
    ordered = sorted(f.total / f.count for f in figures for _ in range(max(1, int(f.count))))
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


class MetricData:
    """The metrics of one region."""

    def __init__(self) -> None:
        self._figures: dict[Series, deque[Figure]] = {}

    def add(self, stored: models.MetricDatumBase) -> None:
        """Keep one figure as moto made it of a request."""
        dimensions = {str(d.name): str(d.value) for d in stored.dimensions}
        key = series(stored.namespace, stored.name, dimensions)
        self._figures.setdefault(key, deque(maxlen=KEPT)).append(_figure(stored))

    def statistic(self, key: Series, statistic: str, start: float, end: float) -> float | None:
        """Of what was published from ``start`` until before ``end``; None without a figure."""
        found = self._figures.get(key, ())
        return aggregate((f for f in found if start <= f.at < end), statistic)

    def periods(
        self, key: Series, statistic: str, period: float, count: int, before: float
    ) -> list[float | None]:
        """The last ``count`` periods that ended by ``before``, the latest first.

        A period of ``period`` seconds takes as long here as `state.seconds` says.
        """
        length = state.seconds(period)
        last = math.floor(before / length)
        periods: list[list[Figure]] = [[] for _ in range(count)]
        for figure in self._figures.get(key, ()):
            number = last - 1 - math.floor(figure.at / length)
            if 0 <= number < count:
                periods[number].append(figure)
        return [aggregate(figures, statistic) for figures in periods]

    def names(self) -> list[models.MetricDatumBase]:
        """One figure of each metric, the latest."""
        return [figures[-1].stored for figures in self._figures.values()]

    def stored(self) -> list[models.MetricDatumBase]:
        """Everything, as moto's own answers need it."""
        return [figure.stored for figures in self._figures.values() for figure in figures]


def _figure(stored: models.MetricDatumBase) -> Figure:
    at = state.now() - (utcnow() - stored.timestamp).total_seconds()
    if isinstance(stored, models.MetricAggregatedDatum):
        return Figure(at, stored.min, stored.max, stored.sum, stored.sample_count, stored)
    assert isinstance(stored, models.MetricDatum)
    return Figure(at, stored.value, stored.value, stored.value, 1, stored)


class MetricMends(models.CloudWatchBackend):
    """Metrics that are kept apart, and not for ever."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.figures = MetricData()

    def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        super().put_metric_data(namespace, metric_data)
        for stored in self.metric_data:
            self.figures.add(stored)
        self.metric_data = []

    def get_all_metrics(self) -> list[models.MetricDatumBase]:
        return self.figures.stored() + super().get_all_metrics()

    def get_filtered_metrics(
        self, metric_name: str, namespace: str, dimensions: list[dict[str, str]]
    ) -> list[models.MetricDatumBase]:
        return [
            one for one in self.figures.names() if one.filter(namespace, metric_name, dimensions)
        ]

    def publish(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        value: float,
        unit: str = "Count",
    ) -> None:
        """A figure that AWS itself publishes, of this moment."""
        named = [{"Name": key, "Value": dimensions[key]} for key in dimensions]
        when: datetime = utcnow()
        self.figures.add(models.MetricDatum(namespace, name, value, named, when, unit))


class Dimension(models.Dimension):
    """Dimensions that can be sorted: moto compares names and values each for themselves."""

    def __lt__(self, other: models.Dimension) -> bool:
        return (str(self.name), str(self.value)) < (str(other.name), str(other.value))
