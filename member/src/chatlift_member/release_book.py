"""What the stack knows of a release's command: one row, whose changes only its holder makes.

See `coordinator` for the rules that all of this keeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .coordinator import Coordinator

LEASE_SECONDS = 60
"""A run that was not renewed for so long was cut short."""

State = Literal["running", "done", "failed"]

_LOOK = """
SELECT state, holder, attempt, CAST(COALESCE(ended, started) AS CHAR(19)) AS since,
       state = 'running' AND expires BETWEEN UTC_TIMESTAMP(3)
       AND UTC_TIMESTAMP(3) + INTERVAL 2 * %s SECOND AS live
  FROM chatlift.releases WHERE id = %s
"""
_FIRST = """
INSERT IGNORE INTO chatlift.releases (id, state, holder, attempt, started, expires)
VALUES (%s, 'running', %s, 1, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL %s SECOND)
"""
_AGAIN = """
UPDATE chatlift.releases
   SET holder = %s, attempt = attempt + 1,
       started = UTC_TIMESTAMP(3), expires = UTC_TIMESTAMP(3) + INTERVAL %s SECOND
 WHERE id = %s AND state = 'running' AND attempt = %s
"""
_RENEW = """
UPDATE chatlift.releases SET expires = UTC_TIMESTAMP(3) + INTERVAL %s SECOND
 WHERE id = %s AND state = 'running' AND holder = %s AND attempt = %s
"""
_END = """
UPDATE chatlift.releases SET state = %s, ended = UTC_TIMESTAMP(3)
 WHERE id = %s AND state = 'running' AND holder = %s AND attempt = %s
"""


@dataclass(frozen=True)
class Run:
    """The row of a release."""

    state: State
    holder: str
    """Id of the instance that runs the command, or did."""
    attempt: int
    """Counted from 1."""
    since: str
    """When it ended, or else when it began; UTC by the server's clock."""
    live: bool
    """It runs, and was renewed lately."""


class ReleaseBook:
    """The row of one release, as one instance sees it. Every method may raise `SqlError`."""

    def __init__(self, coordinator: Coordinator, release: str) -> None:
        self._coordinator = coordinator
        self._release = release

    @property
    def me(self) -> str:
        """The holder that this instance writes down: its id."""
        return self._coordinator.me

    def look(self) -> Run | None:
        """The row, or None where nobody has claimed the release yet."""
        with self._coordinator.session() as session:
            rows = session.query(_LOOK, LEASE_SECONDS, self._release)
        return Run(**{**rows[0], "live": bool(rows[0]["live"])}) if rows else None

    def claim(self, cut_short: Run | None) -> None:
        """Ask for the first attempt, or for the one after ``cut_short``; `look` says who got it."""
        with self._coordinator.session() as session:
            if cut_short:
                session.query(_AGAIN, self.me, LEASE_SECONDS, self._release, cut_short.attempt)
            else:
                session.query(_FIRST, self._release, self.me, LEASE_SECONDS)

    def renew(self, attempt: int) -> None:
        """Say that ``attempt``, this instance's, still runs."""
        with self._coordinator.session() as session:
            session.query(_RENEW, LEASE_SECONDS, self._release, self.me, attempt)

    def end(self, attempt: int, state: State) -> None:
        """Write down how ``attempt``, this instance's, ended."""
        with self._coordinator.session() as session:
            session.query(_END, state, self._release, self.me, attempt)
