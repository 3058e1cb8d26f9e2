"""What the parts of a running check write down: second by second, and fault by fault."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

from tests.checker.clock import now
from tests.checker.measures import Histogram, LongestGap, Timeline
from tests.checker.report import Note

ACKNOWLEDGED = "acknowledged"
DELIVERED = "delivered"
WAIT = "longest wait, s"
REGISTERED = "registered"
CONNECTIONS_LOST = "connections lost"
CONNECTIONS_FAILED = "attempts failed"
REQUESTS_FAILED = "requests failed"


class Journal:
    """Times given to it are of the monotonic clock; those it writes are seconds of the check."""

    def __init__(self) -> None:
        self.is_open = False
        self.start = 0.0
        self.started = ""
        self.timeline = Timeline(
            [
                ACKNOWLEDGED,
                DELIVERED,
                WAIT,
                REGISTERED,
                CONNECTIONS_LOST,
                CONNECTIONS_FAILED,
                REQUESTS_FAILED,
            ]
        )
        self.durations: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.deliveries = LongestGap()
        self.registrations = LongestGap()
        self.notes: list[Note] = []
        self.faults: defaultdict[str, list[str]] = defaultdict(list)

    def begin(self) -> None:
        """The check begins now."""
        self.is_open = True
        self.start = now()
        self.started = datetime.now(UTC).isoformat(timespec="milliseconds")

    def acknowledged(self, due: float, moment: float) -> None:
        """A message was."""
        self.timeline.count(ACKNOWLEDGED, moment - self.start)
        self.timeline.raise_to(WAIT, moment - self.start, moment - due)
        self.durations["acknowledgement"].add(moment - due)

    def delivered(self, due: float, moment: float) -> None:
        """A client got a message."""
        self.timeline.count(DELIVERED, moment - self.start)
        self.durations["delivery"].add(moment - due)
        self.deliveries.occurred(moment)

    def registered(self, due: float, moment: float) -> None:
        """An account was."""
        self.timeline.count(REGISTERED, moment - self.start)
        self.durations["registration"].add(moment - due)
        self.registrations.occurred(moment)

    def fault(self, figure: str, sentence: str, row: str = "") -> None:
        """Something happened, now, that the figure counts, and perhaps a row of the time line."""
        second = now() - self.start
        self.faults[figure].append(
            f"{sentence} (second {second:.1f})" if self.is_open else sentence
        )
        if row:
            self.timeline.count(row, second)

    def close(self) -> None:
        """What happens from now on is no part of the check."""
        self.is_open = False

    def note(self, text: str) -> None:
        """Mark this second, for whoever reads the time line."""
        self.notes.append(Note(now() - self.start, text))
