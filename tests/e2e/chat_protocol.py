"""The text packets of Engine.IO 4 and Socket.IO 5 (the protocols of Socket.IO 4.x), main namespace.

Sources: https://socket.io/docs/v4/engine-io-protocol/ and
https://socket.io/docs/v4/socket-io-protocol/
"""

import enum
import json
import re
from dataclasses import dataclass
from typing import Any


class Kind(enum.StrEnum):
    """What a packet is: Engine.IO's digit, and Socket.IO's behind a 4 ("message")."""

    OPEN = "0"
    CLOSE = "1"
    PING = "2"
    PONG = "3"
    NOOP = "6"
    CONNECT = "40"
    DISCONNECT = "41"
    EVENT = "42"
    ACK = "43"
    CONNECT_ERROR = "44"


@dataclass(frozen=True)
class Packet:
    """One packet. ``ack_id`` ties an ACK to the EVENT that asked for it."""

    kind: Kind
    data: Any = None
    ack_id: int | None = None


_PACKET = re.compile(r"(?P<kind>4[0-4]|[01236])(?P<ack>\d*)(?P<data>.*)", re.DOTALL)


def encode(packet: Packet) -> str:
    """The packet as the text of one WebSocket message."""
    ack = "" if packet.ack_id is None else str(packet.ack_id)
    data = "" if packet.data is None else json.dumps(packet.data, separators=(",", ":"))
    return f"{packet.kind}{ack}{data}"


def decode(text: str) -> Packet:
    """Read the text of one WebSocket message.

    Raises ValueError for a packet that a client of the main namespace never gets.
    """
    match = _PACKET.fullmatch(text)
    if not match:
        raise ValueError(f"Not a packet of Engine.IO 4 or Socket.IO 5: {text[:80]!r}.")
    kind, ack, data = Kind(match["kind"]), match["ack"], match["data"]
    if data.startswith("/"):
        raise ValueError(f"A packet of a namespace that nobody asked for: {text[:80]!r}.")
    if kind in (Kind.PING, Kind.PONG):  # "2probe" and the like: the rest is an echo, not JSON
        return Packet(kind, data or None)
    return Packet(kind, json.loads(data) if data else None, int(ack) if ack else None)
