"""What a room was told, what it acknowledged, and what each of its clients received."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.checker.client import StreamKey
from tests.checker.measures import LongestGap

HISTORY = -1
"""Stands for a place, where a fault is in what the chat keeps of a room."""


@dataclass(slots=True)
class Message:
    """A message of the client at ``place``; times are of the monotonic clock."""

    place: int
    due: float
    acknowledged: float | None = None
    refusal: str = ""


@dataclass(frozen=True)
class Loss:
    """An acknowledged message that did not come to these places, or that the chat lost."""

    number: int
    places: list[int]
    is_kept: bool


class Room:
    """A room with ``seats`` places. Messages are numbered from 0 in the order they were due.

    The client at each place sends its next message after the last one was acknowledged: so its
    messages have to come in the order of their numbers, and all messages in that of the stream.
    """

    def __init__(self, name: str, seats: int) -> None:
        self.name = name
        self.seats = seats
        self.messages: list[Message] = []
        self.duplicates: dict[int, set[int]] = {}
        """Places that got a message more than once, by its number."""
        self.reordered: dict[int, set[int]] = {}
        """Places that got a message after a later one, by its number."""
        self.acknowledgements = LongestGap()
        self._received = [bytearray() for _ in range(seats)]
        self._newest: list[StreamKey] = [(0, 0)] * seats
        self._newest_of = [[-1] * seats for _ in range(seats)]
        self._absent: set[int] = set()

    def say(self, place: int, due: float) -> str:
        """Note a message that is to be sent, and give it its id."""
        self.messages.append(Message(place, due))
        for received in self._received:
            received.append(0)
        return self._id(len(self.messages) - 1)

    def acknowledge(self, client_id: str, moment: float) -> Message:
        """Note that the chat promised to keep a message."""
        message = self.messages[self._number(client_id)]
        message.acknowledged = moment
        self.acknowledgements.occurred(moment)
        return message

    def refuse(self, client_id: str, reason: str) -> None:
        """Note that the chat does not want a message."""
        self.messages[self._number(client_id)].refusal = f"refused: {reason}"

    def receive(self, place: int, client_id: str, key: StreamKey) -> Message | None:
        """Note a delivery, and return the message unless it had come there before.

        Raises LookupError for a message that nobody here sent.
        """
        number = self._number(client_id)
        message = self.messages[number]
        if self._received[place][number]:
            self.duplicates.setdefault(number, set()).add(place)
            return None
        self._received[place][number] = 1
        newest_of = self._newest_of[place]
        if key <= self._newest[place] or number <= newest_of[message.place]:
            self.reordered.setdefault(number, set()).add(place)
        self._newest[place] = max(key, self._newest[place])
        newest_of[message.place] = max(number, newest_of[message.place])
        return message

    def take_history(self, client_ids: Iterable[str], kept: int) -> None:
        """Compare with what the chat keeps: of the acknowledged messages, the newest ``kept``."""
        stored = Counter(client_ids)
        for number in range(len(self.messages)):
            if stored[self._id(number)] > 1:
                self.duplicates.setdefault(number, set()).add(HISTORY)
        looked_for = list(self._acknowledged())[-kept:]
        self._absent = {number for number in looked_for if not stored[self._id(number)]}

    def is_complete(self) -> bool:
        """Has everyone got all that was acknowledged?"""
        return not any(self._missing(place) for place in range(len(self._received)))

    def losses(self) -> list[Loss]:
        """Acknowledged messages that somebody did not get, or that the chat does not keep."""
        lacking: dict[int, list[int]] = {number: [] for number in self._absent}
        for place in range(len(self._received)):
            for number in self._missing(place):
                lacking.setdefault(number, []).append(place)
        return [Loss(n, places, n not in self._absent) for n, places in sorted(lacking.items())]

    def _acknowledged(self) -> Iterator[int]:
        return (n for n, message in enumerate(self.messages) if message.acknowledged is not None)

    def _missing(self, place: int) -> list[int]:
        received = self._received[place]
        missing, number = [], received.find(0)
        while number >= 0:
            if self.messages[number].acknowledged is not None:
                missing.append(number)
            number = received.find(0, number + 1)
        return missing

    def _id(self, number: int) -> str:
        return f"{self.name}-{number}"

    def _number(self, client_id: str) -> int:
        name, _, number = client_id.rpartition("-")
        if name != self.name or not number.isdecimal() or int(number) >= len(self.messages):
            raise LookupError(client_id)
        return int(number)
