"""A client in its room, and what becomes of it."""

from __future__ import annotations

from tests.checker.client import Client, Delivery
from tests.checker.clock import BackOff, now
from tests.checker.endpoint import Endpoint
from tests.checker.journal import CONNECTIONS_FAILED, CONNECTIONS_LOST, Journal
from tests.checker.measures import LongestGap
from tests.checker.room import Room


class Seat:
    """Place number ``place`` in a room; listens to its client (`tests.checker.client.Listener`)."""

    def __init__(
        self,
        number: int,
        room: Room,
        place: int,
        journal: Journal,
        endpoint: Endpoint,
        token: str,
        back_off: BackOff,
    ) -> None:
        self.name = f"client {number} in {room.name}"
        self.room = room
        self.place = place
        self.client = Client(endpoint, token, room.name, self, back_off)
        self.losses = 0
        self.deliveries = LongestGap()
        self._journal = journal

    def say(self, due: float) -> None:
        """Send the next message."""
        client_id = self.room.say(self.place, due)
        self.client.send(client_id, f"{client_id} by {self.name}")

    def delivered(self, delivery: Delivery) -> None:
        """A message came, perhaps not for the first time."""
        try:
            message = self.room.receive(self.place, delivery.client_id, delivery.key)
        except LookupError:
            self._journal.fault("strays", f"{self.name} got {delivery.client_id}")
            return
        if message:
            moment = now()
            self.deliveries.occurred(moment)
            self._journal.delivered(message.due, moment)

    def acknowledged(self, client_id: str) -> None:
        """The chat has promised to keep a message."""
        moment = now()
        self._journal.acknowledged(self.room.acknowledge(client_id, moment).due, moment)

    def refused(self, client_id: str, reason: str) -> None:
        """The chat does not want a message."""
        self.room.refuse(client_id, reason)

    def connection_lost(self, reason: str) -> None:
        """The client comes back."""
        if self._journal.is_open:
            self.losses += 1
            self._journal.fault("reconnects", f"{self.name}: {reason}", CONNECTIONS_LOST)

    def connection_failed(self, reason: str) -> None:
        """The client tries again."""
        if self._journal.is_open:
            sentence = f"{self.name}: {reason}"
            self._journal.fault("failed_connections", sentence, CONNECTIONS_FAILED)
