"""Figures taken while the checker runs, each at the cost of a few additions."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

_SMALLEST = 0.0001
_GROWTH = math.log(1.02)


@dataclass(frozen=True)
class Spread:
    """How many, and how long they took, in seconds; percentiles are right to 2 %."""

    count: int
    p50: float
    p90: float
    p99: float
    longest: float


class Histogram:
    """Durations in seconds, in classes that are 2 % wide."""

    def __init__(self) -> None:
        self._counts: defaultdict[int, int] = defaultdict(int)
        self._longest = 0.0

    def add(self, seconds: float) -> None:
        """Note one duration."""
        self._counts[math.ceil(math.log(max(seconds, _SMALLEST) / _SMALLEST) / _GROWTH)] += 1
        self._longest = max(seconds, self._longest)

    def spread(self) -> Spread:
        """All of them, in five figures."""
        count = sum(self._counts.values())
        p50, p90, p99 = (self._percentile(count * share) for share in (0.5, 0.9, 0.99))
        return Spread(count, p50, p90, p99, self._longest)

    def _percentile(self, rank: float) -> float:
        seen = 0
        for number in sorted(self._counts):
            seen += self._counts[number]
            if seen >= rank:
                return min(_SMALLEST * math.exp(number * _GROWTH), self._longest)
        return 0.0


class LongestGap:
    """The longest time between two occurrences, and when it ended (monotonic clock)."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.ended = 0.0
        self._last = math.inf

    def begin(self, moment: float) -> None:
        """From now on something is due."""
        self._last = self.ended = moment

    def occurred(self, moment: float) -> None:
        """It happened."""
        if moment - self._last > self.seconds:
            self.seconds, self.ended = moment - self._last, moment
        self._last = max(moment, self._last)

    def end(self, moment: float) -> None:
        """Nothing is due any more, and what is late is no gap: whoever waits for it knows."""
        self.occurred(moment)
        self._last = math.inf


class Timeline:
    """What happened in each second since the beginning, in named rows."""

    def __init__(self, rows: Iterable[str]) -> None:
        self._rows: dict[str, list[float]] = {row: [] for row in rows}

    def count(self, row: str, second: float) -> None:
        """Add one to what happened in that second."""
        self._values(row, second)[int(second)] += 1

    def raise_to(self, row: str, second: float, value: float) -> None:
        """Keep the largest value of that second."""
        values = self._values(row, second)
        values[int(second)] = max(values[int(second)], value)

    def rows(self) -> dict[str, list[float]]:
        """All rows, of one length: a check that was ended at once had a first second, too."""
        seconds = max(1, *(len(values) for values in self._rows.values()))
        return {row: values + [0.0] * (seconds - len(values)) for row, values in self._rows.items()}

    def _values(self, row: str, second: float) -> list[float]:
        values = self._rows[row]
        if second >= len(values):
            values.extend([0.0] * (int(second) + 1 - len(values)))
        return values
