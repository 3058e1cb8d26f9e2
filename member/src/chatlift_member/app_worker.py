"""The worker number: a small integer that no other app instance of the stack has.

Applications make identifiers of it (snowflakes) or name their servers by it. It is leased only when
a template of the image uses it.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from .coordinator import Coordinator, Lease
from .errors import AgentError
from .files import write_atomically
from .mysql_server import SqlError
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

PREFIX = "worker/"
LEASE_SECONDS = 600
"""How long the number of a lost instance stays unused. An instance that cannot reach MySQL for so
long serves nobody who could notice a number that is used twice."""

RENEW_SECONDS = 60
PLACEHOLDER = 0
"""What templates see before there is a number; no process starts before there is."""

_USE = re.compile(r"{[{%][^}]*\bworker\b")


def is_used(templates: Path) -> bool:
    """Whether a template below ``templates`` mentions the variable ``worker``."""
    files = (path for path in templates.rglob("*") if path.is_file())
    return any(_USE.search(path.read_text()) for path in files)


def lowest_free(leases: Iterable[Lease], me: str) -> int:
    """The number that ``me`` holds already, or else the lowest that nobody holds."""
    taken = set()
    for lease in leases:
        number = int(lease.name.removeprefix(PREFIX))
        if lease.holder == me:
            return number
        if lease.live:
            taken.add(number)
    return next(number for number in range(len(taken) + 1) if number not in taken)


class Worker:
    """This instance's number. It survives a restart of the agent in a file below ``/run``."""

    def __init__(
        self, coordinator: Coordinator, file: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._coordinator = coordinator
        self._file = file
        self._clock = clock
        self._renew_at = 0.0
        self.number = int(file.read_text()) if file.exists() else PLACEHOLDER
        self.lost = False
        """Another instance has the number by now: this one must not serve any longer."""

    def take(self, deadline: Deadline) -> None:
        """Get a number, or make sure of the one this instance has; raises `NotInTime`."""
        self.number = wait_for("a worker number", self._take, deadline, interval=0.5, growth=1.5)
        write_atomically(self._file, str(self.number), mode=0o644)

    def _take(self) -> int:
        try:
            number = lowest_free(self._coordinator.leases(f"{PREFIX}%"), self._coordinator.me)
            if self._hold(number):
                return number
        except SqlError as error:
            raise NotYet(str(error).rstrip(".")) from None
        raise NotYet(f"another instance was quicker to take {number}")

    def confirm(self, deadline: Deadline) -> None:
        """Make sure that the number is still this instance's; raises `AgentError` if it is not."""

        def probe() -> None:
            try:
                self._renew_at = 0.0
                self.renew()
            except SqlError as error:
                raise NotYet(str(error).rstrip(".")) from None

        wait_for("the worker number to be confirmed", probe, deadline, interval=0.5, growth=1.5)

    def renew(self) -> None:
        """Renew the lease when it is time. Raises `AgentError` when the number is lost."""
        if self._clock() < self._renew_at:
            return
        if not self._hold(self.number):
            self.lost = True
            raise AgentError(
                f"This instance was cut off from MySQL for so long that another one has taken its "
                f"worker number {self.number}: it serves no longer, and its group replaces it."
            )

    def release(self) -> None:
        """Give the number up; raises `SqlError`."""
        self._coordinator.release(f"{PREFIX}{self.number}")

    def _hold(self, number: int) -> bool:
        lease = self._coordinator.hold(f"{PREFIX}{number}", LEASE_SECONDS)
        self._renew_at = self._clock() + RENEW_SECONDS
        return lease.holder == self._coordinator.me
