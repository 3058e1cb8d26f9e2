"""Sets of global transaction identifiers, to compare what servers have without asking one of them.

The text form is that of ``@@gtid_executed``: ``UUID[:TAG]:FIRST-LAST[:...]``, comma-separated; see
https://dev.mysql.com/doc/refman/9.7/en/replication-gtids-concepts.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

Interval = tuple[int, int]
"""First and last number, both included."""


@dataclass(frozen=True)
class GtidSet:
    """An immutable set of transactions; false when empty."""

    intervals: Mapping[str, tuple[Interval, ...]] = field(default_factory=dict)
    """``UUID`` or ``UUID:TAG`` to sorted intervals that neither overlap nor touch."""

    @classmethod
    def parse(cls, text: str | None) -> GtidSet:
        """Read the text form; None, which MySQL shows for a missing channel, is the empty set.

        Raises `ValueError` when the text is anything else.
        """
        found: dict[str, list[Interval]] = {}
        for part in "".join((text or "").split()).lower().split(","):
            if not part:
                continue
            uuid, *rest = part.split(":")
            source = uuid
            for item in rest:
                if item[:1].isdigit():
                    first, _dash, last = item.partition("-")
                    found.setdefault(source, []).append((int(first), int(last or first)))
                else:
                    source = f"{uuid}:{item}"
        return cls({source: _merge(intervals) for source, intervals in found.items()})

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def __len__(self) -> int:
        return sum(last - first + 1 for part in self.intervals.values() for first, last in part)

    def __or__(self, other: GtidSet) -> GtidSet:
        sources = self.intervals.keys() | other.intervals.keys()
        return GtidSet(
            {source: _merge((*self._of(source), *other._of(source))) for source in sources}
        )

    def __sub__(self, other: GtidSet) -> GtidSet:
        left = {
            source: tuple(_subtract(intervals, other._of(source)))
            for source, intervals in self.intervals.items()
        }
        return GtidSet({source: intervals for source, intervals in left.items() if intervals})

    def __ge__(self, other: GtidSet) -> bool:
        """Whether this set contains ``other``."""
        return not other - self

    def __str__(self) -> str:
        return ",".join(
            ":".join([source, *(_show(interval) for interval in intervals)])
            for source, intervals in sorted(self.intervals.items())
        )

    def _of(self, source: str) -> tuple[Interval, ...]:
        return self.intervals.get(source, ())


def _merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def _subtract(intervals: Iterable[Interval], holes: tuple[Interval, ...]) -> Iterator[Interval]:
    for first, last in intervals:
        for hole_first, hole_last in holes:
            if hole_last < first or hole_first > last:
                continue
            if hole_first > first:
                yield first, hole_first - 1
            first = hole_last + 1
        if first <= last:
            yield first, last


def _show(interval: Interval) -> str:
    first, last = interval
    return str(first) if first == last else f"{first}-{last}"
