"""What is done again and again for each of several things."""

from __future__ import annotations

from collections.abc import Iterable


class Rhythm:
    """Every thing in its own time, the first time ``seconds`` after it was first heard of."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def due(self, keys: Iterable[str], now: float) -> list[str]:
        """Those of the things there are whose time has come at ``now`` (monotonic seconds)."""
        self._last = {key: self._last.get(key, now) for key in keys}
        found = [key for key, last in self._last.items() if now - last >= self._seconds]
        self._last |= dict.fromkeys(found, now)
        return found
