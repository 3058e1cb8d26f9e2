"""The release command: run once a release, on one instance, before any starts the application.

The row of the release says whether it runs, is done or has failed, and who did it when. The one who
runs it renews the row, so that the others can tell a long run from a dead one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from enum import Enum, auto

from .errors import AgentError, NotInTime
from .mysql_server import SqlError
from .notify import notify
from .release_book import ReleaseBook, Run, State
from .service import Services
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

UNIT = "chatlift-release.service"
RENEW_SECONDS = 5
FENCE_SECONDS = 45
"""A run that could not be renewed for so long is stopped, before anybody takes it for cut short."""

MOST_ATTEMPTS = 3
"""A command that takes its instance down with it must not take one after the other."""

STOP_SECONDS = 60
RECORD_SECONDS = 300
ABANDONED = -1
"""Stands for an attempt of this instance that it has stopped: it is over, and its end unknown."""

PROPERTIES = ("ActiveState", "Result", "ExecMainExitTimestampMonotonic")


class Step(Enum):
    """What an instance does next about the release command."""

    GO = auto()
    """It is done: start the application."""
    CLAIM = auto()
    """Nobody runs it, so this instance asks to."""
    RUN = auto()
    """It falls to this instance."""
    WAIT = auto()
    """Another one runs it."""
    GIVE_UP = auto()
    """It failed, or nobody knows whether it did and it must not run twice."""


def decide(run: Run | None, me: str, *, claimed: int, restartable: bool) -> Step:
    """The next step of ``me``, which last asked for the attempt ``claimed``; 0 means none.

    A run that was cut short has neither succeeded nor failed. Migrations keep a book of what they
    have done, so that by default another attempt follows, aloud; where that is not so, a person has
    to look.
    """
    if run is None:
        return Step.CLAIM
    if run.state != "running":
        return Step.GO if run.state == "done" else Step.GIVE_UP
    if run.holder == me and run.attempt == claimed:
        return Step.RUN
    if run.live:
        return Step.WAIT
    return Step.CLAIM if restartable and run.attempt < MOST_ATTEMPTS else Step.GIVE_UP


class ReleaseGate:
    """What every instance passes before it starts the application."""

    def __init__(
        self,
        book: ReleaseBook,
        services: Services,
        release: str,
        *,
        timeout: float,
        restartable: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._book = book
        self._services = services
        self._release = release
        self._timeout = timeout
        self._restartable = restartable
        self._clock = clock
        self._claimed = 0

    def pass_through(self, deadline: Deadline) -> None:
        """Return once the release command is done. Raises `AgentError` when it failed."""
        wait_for(
            f"the release command of {self._release}",
            self._step,
            deadline,
            interval=1,
            growth=1.2,
            longest=5,
        )

    def _step(self) -> None:
        try:
            run = self._book.look()
            if run and not self._claimed:
                self._adopt(run)
                run = self._book.look()
            step = decide(run, self._book.me, claimed=self._claimed, restartable=self._restartable)
            if step is Step.CLAIM:
                self._claim(run)
        except SqlError as error:
            raise NotYet(str(error).rstrip(".")) from None
        if step is Step.RUN:
            self._run()
            return self._step()
        if step is Step.GIVE_UP and run:
            raise AgentError(advice(self._release, run))
        if step is not Step.GO:
            raise NotYet(
                f"{run.holder} runs it since {run.since} UTC" if run else "it is about to run"
            )
        return None

    def _adopt(self, run: Run) -> None:
        """Go on with what this instance's agent began before it was restarted.

        If systemd knows nothing of it, the instance itself was restarted, and the command with it:
        what became of that attempt nobody knows.
        """
        known = outcome(self._services.show(UNIT, *PROPERTIES))
        if run.state == "running" and run.holder == self._book.me and known:
            self._claimed = run.attempt
            if known != "running":
                self._record(known)

    def _claim(self, run: Run | None) -> None:
        self._claimed = run.attempt + 1 if run else 1
        if run:
            log.warning(
                "The release command of %s was cut short on %s, where it began at %s UTC; "
                "attempt %d of %d begins.",
                *(self._release, run.holder, run.since, self._claimed, MOST_ATTEMPTS),
            )
        self._book.claim(run)

    def _run(self) -> None:
        """Run the command, or go on waiting for the run that systemd knows, and record the end."""
        log.info("Running the release command of %s.", self._release)
        notify("STATUS=Running the release command.")
        started = self._services.begin(UNIT)
        renewed = asked = self._clock()

        def probe() -> State:
            nonlocal renewed, asked
            code = started.poll()
            if code is not None:
                return "failed" if code else "done"
            if self._clock() - asked >= RENEW_SECONDS:
                asked = self._clock()
                if self._renew():
                    renewed = asked
            if self._clock() - renewed > FENCE_SECONDS:
                raise _Fenced
            raise NotYet("it runs")

        try:
            state = wait_for(
                "the release command to end", probe, Deadline(self._timeout, self._clock)
            )
        except _Fenced:
            self._services.stop(UNIT, timeout=STOP_SECONDS)
            self._claimed = ABANDONED
            log.error(
                "The release command of %s was stopped: MySQL has not answered for %d s, and "
                "another instance might take it for dead and run it too.",
                *(self._release, FENCE_SECONDS),
            )
        except NotInTime as error:
            log.error("%s", error)
            self._services.stop(UNIT, timeout=STOP_SECONDS)
            self._record("failed")
        else:
            self._record(state)

    def _renew(self) -> bool:
        try:
            self._book.renew(self._claimed)
        except SqlError as error:
            log.warning("The run of the release command could not be renewed: %s", error)
            return False
        return True

    def _record(self, state: State) -> None:
        def probe() -> None:
            try:
                self._book.end(self._claimed, state)
            except SqlError as error:
                raise NotYet(str(error).rstrip(".")) from None

        log.info("The release command of %s: %s.", self._release, state)
        wait_for("MySQL to take down how it ended", probe, Deadline(RECORD_SECONDS), interval=1)


class _Fenced(Exception):
    """The run could not be renewed for too long."""


def outcome(properties: Mapping[str, str]) -> State | None:
    """What systemd knows of the command since the instance booted: None when it never ran."""
    if properties["ActiveState"] in ("activating", "deactivating"):
        return "running"
    if properties["ExecMainExitTimestampMonotonic"] == "0":
        return None
    return "done" if properties["Result"] == "success" else "failed"


def advice(release: str, run: Run) -> str:
    """Why no instance of ``release`` starts, and what an operator does about it."""
    what = "failed on" if run.state == "failed" else "was cut short on"
    return (
        f"The release command of {release} {what} {run.holder} ({run.since} UTC). Look for "
        f"{UNIT} in the log of that instance, correct the release and deploy it as a new one. If "
        "the cause lay elsewhere, let the command run again: delete the release's row of the table "
        "chatlift.releases, as root on the MySQL primary."
    )
