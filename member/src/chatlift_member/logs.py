"""``chatlift-member logs``: the journal in CloudWatch Logs, at least once.

The group ``/chatlift/<stack>/<tier>`` is made by the role ``observability``; the stream is the
instance. The place reached in the journal is kept after AWS has taken a batch, never before: what
was sent last may come twice after a restart, but nothing is left out.
"""

from __future__ import annotations

import logging
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .aws import API_ERRORS, client, describe, error_code
from .identity import read_identity
from .imds import Imds
from .journal import Journal, read_cursor, write_cursor
from .logs_batch import Batch, Event, parse_entry
from .notify import notify

log = logging.getLogger(__name__)

CURSOR = Path("/var/lib/chatlift/journal.cursor")
LINGER_SECONDS = 1.0
"""How long the first entry of a batch waits for company."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
LAST_WORDS_SECONDS = 5.0
"""For what is still to be sent when systemd stops the service."""


def run() -> None:
    """Forward the journal until SIGTERM; raises `AgentError`."""
    identity = read_identity()
    stream = Stream(
        client("logs", identity),
        group=f"/chatlift/{identity.stack}/{identity.tier}",
        name=Imds().require("instance-id"),
    )
    forwarder = Forwarder(stream, Journal(read_cursor(CURSOR)), CURSOR)
    signal.signal(signal.SIGTERM, lambda signum, frame: forwarder.stop())
    forwarder.run()


@dataclass
class Stream:
    """A log stream, made when it is first used."""

    client: Any
    group: str
    name: str
    rejected: int = 0
    """Events that AWS did not want."""
    _made: bool = False

    def put(self, events: list[dict[str, Any]]) -> None:
        """Deliver ``events``. Those that AWS rejects for what they are will not get better: they
        are counted, and the journal says so. Any other refusal is one of `API_ERRORS`.
        """
        names = {"logGroupName": self.group, "logStreamName": self.name}
        if not self._made:
            self._make(names)
        try:
            answer = self.client.put_log_events(**names, logEvents=events)
        except API_ERRORS as error:
            # Group or stream were deleted: the next attempt finds out which.
            self._made = error_code(error) != "ResourceNotFoundException"
            if error_code(error) != "InvalidParameterException":
                raise
            self._put_what_is_valid(events, error)
        else:
            self._count(answer.get("rejectedLogEventsInfo") or {}, len(events))

    def _make(self, names: dict[str, str]) -> None:
        try:
            self.client.create_log_stream(**names)
        except API_ERRORS as error:
            if error_code(error) != "ResourceAlreadyExistsException":
                raise
        self._made = True

    def _put_what_is_valid(self, events: list[dict[str, Any]], error: Exception) -> None:
        """One event must not hold up all others: try the halves, down to the one to blame."""
        if len(events) > 1:
            half = len(events) // 2
            self.put(events[:half])
            self.put(events[half:])
            return
        self.rejected += 1
        log.warning("An entry is left out (%d so far): %s.", self.rejected, describe(error))

    def _count(self, info: dict[str, int], sent: int) -> None:
        too_old = max(
            (
                1 + info[key]
                for key in ("tooOldLogEventEndIndex", "expiredLogEventEndIndex")
                if key in info
            ),
            default=0,
        )
        too_new = sent - info.get("tooNewLogEventStartIndex", sent)
        if too_old or too_new:
            self.rejected += too_old + too_new
            log.warning(
                "CloudWatch Logs left out %d entries as older than 14 days or than %s keeps them, "
                "and %d as more than 2 h in the future (%d so far).",
                too_old,
                self.group,
                too_new,
                self.rejected,
            )


@dataclass
class Forwarder:
    """Carries the journal to the stream, batch by batch."""

    stream: Stream
    journal: Journal
    cursor: Path
    _first: Event | None = None
    """Read, but of the next batch."""
    _stop: threading.Event = field(default_factory=threading.Event)
    _end: float = float("inf")

    def stop(self) -> None:
        """Send what is left, for `LAST_WORDS_SECONDS` at most, and return from `run`."""
        self._end = time.monotonic() + LAST_WORDS_SECONDS
        self._stop.set()

    def run(self) -> None:
        """Forward until `stop`; raises `AgentError` when the journal cannot be read."""
        delivered = 0
        try:
            while time.monotonic() < self._end:
                batch = self._collect()
                if not batch.events and self._stop.is_set():
                    break
                if batch.events:
                    if not self._deliver(batch):
                        break
                    delivered += len(batch.events)
                    notify(f"STATUS={delivered} entries forwarded to {self.stream.group}.")
        finally:
            self.journal.close()

    def _collect(self) -> Batch:
        """What the journal has by now, up to one batch; empty when nothing came for a while."""
        batch = Batch()
        until = time.monotonic() + LINGER_SECONDS
        while True:
            event = self._first or self._read(until - time.monotonic())
            self._first = None
            if event is None:
                return batch
            if not batch.add(event):
                self._first = event
                return batch

    def _read(self, timeout: float) -> Event | None:
        while (line := self.journal.line(timeout)) is not None:
            try:
                return parse_entry(line)
            except (KeyError, ValueError) as error:
                log.warning("A line of journalctl is left out, as it is no entry: %r.", error)
        return None

    def _deliver(self, batch: Batch) -> bool:
        """Send ``batch`` until AWS has it; false when `stop` came first."""
        pause = FIRST_PAUSE
        said = ""
        while True:
            try:
                self.stream.put(batch.request(now=int(time.time() * 1000)))
                break
            except API_ERRORS as error:
                sentence = self._explain(error)
                if sentence != said:
                    log.warning("%s Meanwhile the entries wait in the journal.", sentence)
                    said = sentence
            # With jitter: the instances of a stack do not come back all at once.
            if self._stop.wait(random.uniform(pause / 2, pause)):  # noqa: S311
                return False
            pause = min(2 * pause, LONGEST_PAUSE)
        if said:
            log.info("Forwarding to %s again.", self.stream.group)
        self._remember(batch.cursor)
        return True

    def _explain(self, error: Exception) -> str:
        if error_code(error) == "ResourceNotFoundException":
            return (
                f"The log group {self.stream.group} or this instance's stream in it does not exist;"
                " playbooks/observability.yml makes the group."
            )
        return f"CloudWatch Logs does not take entries for {self.stream.group}: {describe(error)}."

    def _remember(self, cursor: str) -> None:
        try:
            write_cursor(self.cursor, cursor)
        except OSError as error:
            log.warning(
                "%s cannot be written (%s): entries will come twice after a restart.",
                self.cursor,
                error.strerror,
            )
