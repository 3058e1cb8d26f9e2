"""What every mended part shares: one lock and one clock."""

from __future__ import annotations

import threading
import time

# API threads, the controllers and step() all change the same objects; moto itself locks nothing.
lock = threading.RLock()


def now() -> float:
    """Seconds on a clock that never goes backwards; tests put their own in its place."""
    return time.monotonic()
