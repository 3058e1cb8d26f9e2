"""Which instance runs the application, where one process serves the whole stack.

The active instance holds a lease and runs the process; every other is a standby, whose HAProxy
passes its clients on to the active one. When the lease expires, or its holder gives it up, the
first standby to ask becomes the active instance. An active one that cannot renew its lease stops
its process before anybody else may start theirs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from .coordinator import Coordinator
from .errors import AgentError
from .mysql_server import SqlError
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

NAME = "active"
LEASE_SECONDS = 15
"""How long after the active instance's death a standby takes over."""

FENCE_SECONDS = 9.0
"""The active instance stops its process when its lease was renewed so long ago. A new MySQL primary
takes less; and one more attempt, 4 s, and killing the process fit before the lease expires."""

BEAT_SECONDS = 1.0
SUCCESSOR_SECONDS = 10.0
"""How long an active instance that leaves looks for its successor, to pass its clients on to it."""


class Act(Enum):
    """What to do after a look at the lease."""

    START = auto()
    """The lease is this instance's: run the process."""
    FOLLOW = auto()
    """It is another's: run nothing, and pass clients on."""
    FENCE = auto()
    """It may soon be another's: stop at once."""
    KEEP = auto()
    """Nothing is known that would change anything."""


def decide(holder: str | None, me: str, *, runs: bool, since_renewal: float) -> Act:
    """What ``me`` does when the lease is ``holder``'s; None means that MySQL did not answer."""
    if holder == me:
        return Act.KEEP if runs else Act.START
    if holder is not None:
        return Act.FOLLOW
    return Act.FENCE if runs and since_renewal >= FENCE_SECONDS else Act.KEEP


class Role(Protocol):
    """What changes on an instance with the lease; what raises an `AgentError` is tried again."""

    def runs(self) -> bool:
        """Whether the process runs, as it may when the agent was restarted."""

    def start(self) -> None:
        """Pass clients on to this instance's own process, and run it."""

    def kill(self) -> None:
        """End the process now; nothing happens when none runs."""

    def follow(self, address: str) -> None:
        """Pass clients on to the instance at ``address``."""


class Active:
    """This instance's part, played in a thread of its own from `start` to `leave`."""

    def __init__(
        self, coordinator: Coordinator, role: Role, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._coordinator = coordinator
        self._role = role
        self._clock = clock
        self._renewed = clock()
        self._said = ""
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="active", daemon=True)
        self.since = clock() if role.runs() else None
        """When this instance became the active one, by the clock; None while it is not."""
        self.follows: str | None = None
        """Address of the active instance, while that is another one."""

    def start(self, deadline: Deadline) -> None:
        """Find a part, and play it from now on. Raises `NotInTime` when MySQL does not answer."""

        def probe() -> None:
            self.step()
            if self.since is None and self.follows is None:
                raise NotYet(self._said.rstrip("."))

        wait_for("the lease of the active instance", probe, deadline, interval=1, growth=1.5)
        self._thread.start()

    def step(self) -> None:
        """Take one look at the lease, and do what follows from it."""
        asked = self._clock()
        holder, address = None, ""
        try:
            lease = self._coordinator.hold(NAME, LEASE_SECONDS)
            holder, address = lease.holder, lease.address
            self._said = ""
        except SqlError as error:
            self._say(str(error))
        if holder == self._coordinator.me:
            self._renewed = asked
        act = decide(
            holder,
            self._coordinator.me,
            runs=self.since is not None,
            since_renewal=self._clock() - self._renewed,
        )
        if act is Act.START:
            log.info("This instance is the active one now: it runs the application.")
            self._role.start()
            self.since, self.follows = self._clock(), None
        elif act is Act.FENCE:
            log.error(
                "The lease of the active instance could not be renewed: stopping its process."
            )
            self._role.kill()
            self.since = None
        elif act is Act.FOLLOW and address != self.follows:
            self._follow(address)

    def _follow(self, address: str) -> None:
        log.info("The application runs on %s: clients are passed on to it.", address)
        self._role.kill()
        self.since = None
        self._role.follow(address)
        self.follows = address

    def leave(self, end: Callable[[], None]) -> None:
        """Give the lease up after ``end`` has stopped the process, and pass clients on.

        Raises `AgentError`, for example when nobody is there to take over.
        """
        if self.since is not None:
            end()  # the lease is renewed meanwhile
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.since is None:
            return
        self.since = None
        self._coordinator.release(NAME)
        successor = wait_for(
            "a successor", self._successor, Deadline(SUCCESSOR_SECONDS, self._clock)
        )
        self._follow(successor)

    def _successor(self) -> str:
        try:
            leases = self._coordinator.leases(NAME)
        except SqlError as error:
            raise NotYet(str(error).rstrip(".")) from None
        if not leases:
            raise NotYet("no other instance has taken the lease")
        return leases[0].address

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                self.step()
            except AgentError as error:
                self._say(str(error))
            except Exception:
                log.exception("Looking after the lease of the active instance failed.")

    def _say(self, sentence: str) -> None:
        """Log what stays wrong once."""
        if sentence != self._said:
            log.warning("%s", sentence)
        self._said = sentence
