"""An application that ends by itself again and again, which a launch need not wait for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .errors import AgentError
from .service import Services

CRASHES = 20
"""Restarts of every process, with its data there. Systemd waits a second before each."""


def restarts(services: Services, units: Sequence[str]) -> list[int]:
    """How often systemd has started each unit again because it had ended by itself."""
    return [int(services.show(unit, "NRestarts").get("NRestarts") or 0) for unit in units]


@dataclass
class Crashes:
    """Counts the restarts of an application's processes while their data can be reached.

    Without it, ending and being started again is how many an application waits for its database.
    """

    services: Services
    units: Sequence[str]
    _before: list[int] = field(default_factory=list)

    def look(self, data_is_there: bool) -> None:
        """Count; raises `AgentError` when nothing is left to be waited for."""
        found = restarts(self.services, self.units)
        if not data_is_there or not self._before:
            self._before = found
        if min(now - then for now, then in zip(found, self._before, strict=True)) >= CRASHES:
            raise AgentError(
                f"The application ends by itself: systemd has restarted each process {CRASHES}"
                f" times, though Redis and MySQL answer; see journalctl -u {self.units[0]}."
            )
