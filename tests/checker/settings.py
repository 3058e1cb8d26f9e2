"""What to check, and how hard."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.checker.clock import BackOff


@dataclass(frozen=True)
class Settings:
    """What to check, and how hard. Raises ValueError for what cannot be meant.

    ``rate`` is messages a second, in all rooms together; ``requests`` and ``registrations`` are
    HTTP requests a second. Ten clients share one account: to hash a password costs the server as
    much as a hundred messages. ``page`` is a path that answers 200, or empty. At first ``ramp``
    clients connect a second. A room keeps at least the last ``kept`` messages; older ones are not
    looked for. Within ``patience`` seconds everyone has to be in, and in the end to have
    everything. ``ca`` and ``resolver`` are those of `tests.checker.endpoint.Endpoint`.
    """

    url: str
    clients: int = 1000
    room_size: int = 10
    rate: float = 200.0
    requests: float = 3.0
    registrations: float = 2.0
    page: str = "/"
    ramp: float = 100.0
    kept: int = 10_000
    patience: float = 30.0
    ca: Path | None = None
    resolver: str | None = None
    back_off: BackOff = field(default_factory=BackOff)

    def __post_init__(self) -> None:
        for name in ("clients", "room_size", "rate", "requests", "registrations", "ramp"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: give it more than 0.")

    @property
    def accounts(self) -> int:
        """How many accounts there are: no room has one twice."""
        return min(self.clients, max(self.room_size, self.clients // 10))

    def rooms(self) -> list[int]:
        """The number of clients in each room."""
        size = self.room_size
        return [min(size, self.clients - first) for first in range(0, self.clients, size)]
