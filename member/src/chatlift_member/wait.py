"""Waiting with a condition and a deadline, the only way anything here waits."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from .errors import NotInTime

Value = TypeVar("Value")
log = logging.getLogger(__name__)


class NotYet(Exception):
    """Raised by a probe whose condition does not hold; its text is what was seen instead."""


@dataclass(frozen=True)
class Deadline:
    """A moment, ``seconds`` after its creation, which every wait of one undertaking shares."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "started", self.clock())

    def remaining(self) -> float:
        """Seconds left, never below 0."""
        return max(0.0, self.started + self.seconds - self.clock())

    def at_most(self, seconds: float) -> Deadline:
        """A deadline for one step: ``seconds`` from now, but not after this one."""
        return Deadline(min(seconds, self.remaining()), self.clock)


def wait_for(
    what: str,
    probe: Callable[[], Value],
    deadline: Deadline,
    *,
    interval: float = 0.25,
    growth: float = 1.0,
    longest: float = 15.0,
    sleep: Callable[[float], None] | None = None,
) -> Value:
    """Call ``probe`` until it no longer raises `NotYet`, and return what it returns.

    ``what`` completes the sentence "waited for ...". Any other exception of the probe is passed on,
    so that a probe decides by itself which failures time can mend. Each new thing seen is logged
    once. The pause of ``interval`` seconds is multiplied by ``growth`` each time, up to
    ``longest``.

    Raises `NotInTime`, which says what was awaited, for how long, and what was last seen.
    """
    logged = ""
    while True:
        try:
            return probe()
        except NotYet as seen:
            if str(seen) != logged:
                logged = str(seen)
                log.info("Waiting for %s: %s.", what, logged)
            if deadline.remaining() <= 0:
                raise NotInTime(
                    f"Waited {deadline.seconds:.0f} s in vain for {what}; last seen: {seen}."
                ) from None
        (sleep or time.sleep)(min(interval, max(deadline.remaining(), 0.01)))
        interval = min(interval * growth, max(longest, interval))
