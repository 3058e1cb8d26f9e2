"""One clock for all: the event loop's, so that tests can let it run as fast as they like."""

from __future__ import annotations

import asyncio


def now() -> float:
    """Seconds; only differences mean something."""
    return asyncio.get_running_loop().time()
