"""Entries of the journal as events of CloudWatch Logs, in batches that its API accepts.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

BATCH_BYTES = 1_048_576
"""Messages in UTF-8, and `EVENT_OVERHEAD` for each. One event may fill a batch, but no more."""

EVENT_OVERHEAD = 26
BATCH_EVENTS = 10_000
BATCH_SPAN = 24 * 3600 * 1000
"""Milliseconds between the oldest and the newest event."""

FUTURE = 2 * 3600 * 1000
"""Milliseconds an event may be ahead of AWS's clock."""

LONGEST_TEXT = 160_000
"""Characters of an entry's message; the rest is cut off. JSON writes a character in 6 bytes at
most, so that what is left fits into a batch."""

LONGEST_NAME = 256
"""Characters of a unit or identifier; any program may call itself what it likes."""

INFO = 6
_PRIORITIES = {str(priority): priority for priority in range(8)}


@dataclass(frozen=True)
class Event:
    """An entry of the journal."""

    cursor: str
    timestamp: int
    """Milliseconds since 1970 at which journald received it."""
    message: str

    @property
    def size(self) -> int:
        """Bytes that it takes in a batch."""
        return len(self.message.encode()) + EVENT_OVERHEAD


@dataclass
class Batch:
    """Events for one request, in the order in which they were read."""

    events: list[Event] = field(default_factory=list)
    size: int = 0
    _oldest: int = 0
    _newest: int = 0

    @property
    def cursor(self) -> str:
        """Where to go on reading once the batch is delivered."""
        return self.events[-1].cursor

    def add(self, event: Event) -> bool:
        """Take ``event``; false when it has to begin the next batch."""
        oldest = min(self._oldest, event.timestamp) if self.events else event.timestamp
        newest = max(self._newest, event.timestamp) if self.events else event.timestamp
        size = self.size + event.size
        if self.events and (
            len(self.events) == BATCH_EVENTS or size > BATCH_BYTES or newest - oldest > BATCH_SPAN
        ):
            return False
        self.events.append(event)
        self.size, self._oldest, self._newest = size, oldest, newest
        return True

    def request(self, now: int) -> list[dict[str, Any]]:
        """The events as PutLogEvents wants them: by time, which a clock that was set back breaks.

        An event from the future, written before the clock was put right, is given the time ``now``
        (milliseconds since 1970), because the API would reject it.
        """
        found = [
            {
                "timestamp": now if event.timestamp > now + FUTURE else event.timestamp,
                "message": event.message,
            }
            for event in self.events
        ]
        return sorted(found, key=lambda event: int(str(event["timestamp"])))


def parse_entry(line: str | bytes) -> Event:
    """The event of one line of ``journalctl --output=json``; raises ValueError or KeyError.

    Its message is JSON, whose fields CloudWatch Logs Insights finds by itself. The one of an
    application that writes JSON becomes a part of it.
    """
    entry = json.loads(line)
    text = _text(entry.get("MESSAGE"))
    document: dict[str, Any] = {
        "unit": _text(entry.get("_SYSTEMD_UNIT"))[:LONGEST_NAME],
        "identifier": _text(entry.get("SYSLOG_IDENTIFIER"))[:LONGEST_NAME],
        "priority": _PRIORITIES.get(_text(entry.get("PRIORITY")), INFO),
        "message": _structure(text) or text[:LONGEST_TEXT],
    }
    if len(text) > LONGEST_TEXT:
        document["characters"] = len(text)
    return Event(
        cursor=entry["__CURSOR"],
        timestamp=int(entry["__REALTIME_TIMESTAMP"]) // 1000,
        message=json.dumps(document, ensure_ascii=False, separators=(",", ":")),
    )


def _text(value: object) -> str:
    """A field as journalctl exports it: text, bytes as a list, several values, or none."""
    if isinstance(value, str):
        # A lone half of a surrogate pair is valid in JSON, but not in UTF-8.
        return value.encode(errors="replace").decode()
    if not isinstance(value, list):
        return ""
    if value and all(isinstance(byte, int) for byte in value):
        return bytes(value).decode(errors="replace")
    return "\n".join(_text(one) for one in value)


def _structure(text: str) -> dict[str, Any] | None:
    """The JSON object that ``text`` is."""
    if not text.startswith("{") or len(text) > LONGEST_TEXT:
        return None
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
