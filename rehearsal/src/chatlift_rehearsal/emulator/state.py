"""What every mended part shares: one lock, one clock, and what is to go wrong."""

from __future__ import annotations

import threading
import time

from .trouble import Trouble

# API threads, the controllers and step() all change the same objects; moto itself locks nothing.
lock = threading.RLock()

# Seconds that CloudWatch's minute takes here; server.start() sets it. Metrics are published, and
# alarms and scaling policies evaluated, once in such a minute.
minute = 60.0

# The gate sets it, server.start() ends it.
trouble = Trouble()


def now() -> float:
    """Seconds on a clock that never goes backwards; tests put their own in its place."""
    return time.monotonic()


def seconds(period: float) -> float:
    """How long something takes here that takes CloudWatch ``period`` seconds."""
    return period * minute / 60
