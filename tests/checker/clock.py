"""One clock for all: the event loop's, so that tests can let it run as fast as they like; and how
long people wait by it before they try again."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass


def now() -> float:
    """Seconds; only differences mean something."""
    return asyncio.get_running_loop().time()


@dataclass(frozen=True)
class BackOff:
    """Seconds before an attempt: ``first``, then doubled up to ``longest``; each time ±50 %."""

    first: float = 0.5
    longest: float = 5.0

    def pause(self, failures: int) -> float:
        """How long to wait after so many failures in a row."""
        return min(self.longest, self.first * 2.0 ** min(failures, 16)) * random.uniform(0.5, 1.5)
