"""A member does what the account asks of it, once, and says so.

It sees the request in the instance metadata, which shows the instance's tags, so that nothing has
to connect to it. Beside that it tells by itself when it begins or ceases to lead or to be healthy.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import report
from .errors import AgentError, Refused
from .health import Status
from .imds import Imds, ImdsError
from .report import Answer, Request
from .wait import Deadline

log = logging.getLogger(__name__)

LEAD_SECONDS = 30
"""For a member to lead. With what else the agent does, it is less than systemd waits for the next
sign of life."""

PAUSE_SECONDS = 5.0
"""Between two reports that nobody asked for: a standing that comes and goes deserves no more."""


@dataclass(frozen=True)
class Hooks:
    """What the rest of the agent does for a request."""

    look: Callable[[], Status]
    """How the member is at this moment."""
    known: Callable[[], Status]
    """How it was at the last look."""
    lead: Callable[[Deadline], None]
    """Make it lead; raises `AgentError`, `Refused` when it must not."""
    tell: Callable[[str], None]
    """Publish the report; raises `AgentError`."""


class Mailbox:
    """Looks for a request whenever `attend` is called."""

    def __init__(
        self,
        imds: Imds,
        hooks: Hooks,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._imds = imds
        self._hooks = hooks
        self._clock = clock
        self._wall = wall
        self._answer: Answer | None = None
        self._told_id = ""
        self._told_standing: tuple[bool, str, str] | None = None
        self._not_before = clock()
        self._said = ""

    def attend(self) -> None:
        """Answer a request that is new, or tell a standing that changed; never raises."""
        try:
            self._attend()
        except ImdsError as error:
            log.debug("%s", error)
        except AgentError as error:
            self._complain(f"How this member is could not be told: {error}")
        except ValueError as error:
            self._complain(f"The tag {report.REQUEST_TAG} of this instance is no request: {error}.")
        else:
            self._said = ""

    def _attend(self) -> None:
        if self._answer is None:
            # An agent that was restarted does not do again what it did before.
            self._answer = report.answered(self._tag(report.REPORT_TAG))
            self._told_id = self._answer.id
        text = self._tag(report.REQUEST_TAG)
        request = report.parse_request(text) if text else None
        if request and request.id != self._answer.id:
            self._answer = self._obey(request)
        if self._answer.id != self._told_id:
            self._tell(self._hooks.look(), self._answer)
        elif self._clock() >= self._not_before:
            status = self._hooks.known()
            if _standing(status) != self._told_standing:
                self._tell(status, self._answer)

    def _obey(self, request: Request) -> Answer:
        if request.do == "report":
            return Answer(request.id, "done")
        if self._wall() > request.until:
            said = "The request to lead came too late, for nobody waits for it any more."
            log.warning("%s", said)
            return Answer(request.id, "refused", said)
        log.info("Asked to lead.")
        try:
            self._hooks.lead(Deadline(LEAD_SECONDS))
        except Refused as error:
            log.warning("Not leading, as was asked: %s", error)
            return Answer(request.id, "refused", str(error))
        except AgentError as error:
            log.error("Leading, as was asked, failed: %s", error)
            return Answer(request.id, "failed", str(error))
        log.info("This member leads, as was asked.")
        return Answer(request.id, "done")

    def _tell(self, status: Status, answer: Answer) -> None:
        self._not_before = self._clock() + PAUSE_SECONDS
        self._hooks.tell(report.write(status, answer))
        self._told_id = answer.id
        self._told_standing = _standing(status)

    def _tag(self, key: str) -> str:
        return self._imds.get(f"tags/instance/{key}") or ""

    def _complain(self, sentence: str) -> None:
        if sentence != self._said:
            log.warning("%s", sentence)
        self._said = sentence


def _standing(status: Status) -> tuple[bool, str, str]:
    return status.healthy, status.role, status.leader
