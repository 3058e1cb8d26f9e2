"""An event loop whose clock stands still while there is something to do, and then jumps.

What takes a minute, over connections within this process, is over in a moment, and it does not
matter how busy the machine is.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

ARRIVAL = 0.005
"""Real seconds within which what was written is at the other end of a connection."""

SHORT = 0.1
"""Seconds that do no harm when they are skipped before something has arrived."""


class _Selector(selectors.DefaultSelector):
    """Waits for connections, but not for the time."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            return super().select()
        ready = super().select(0 if timeout < SHORT else ARRIVAL)
        if not ready:
            self.skipped += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._passing = _Selector()
        super().__init__(self._passing)

    def time(self) -> float:
        return self._passing.skipped


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(work)
