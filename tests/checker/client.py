"""One chat client as a good one behaves, at the least cost: one task, one request at a time.

It joins its room, comes back with a jittered back-off when the connection is lost, asks for what
came after the last message it has, and repeats a message under the same id until acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType

from tests.checker.clock import BackOff, now
from tests.checker.endpoint import ANSWER_SECONDS, CONNECT_SECONDS, Endpoint, describe
from tests.e2e.chat_protocol import Kind, Packet, decode, encode

REPEAT_SECONDS = 0.2
"""Until what the chat could not do at the moment is asked for again."""

StreamKey = tuple[int, int]


class Delivery(NamedTuple):
    """A message as it came. ``key`` is its place in the room's stream, and so in its order."""

    client_id: str
    key: StreamKey


class Listener(Protocol):
    """Is told what happens to a client."""

    def delivered(self, delivery: Delivery) -> None:
        """A message came, by itself or in answer to a join."""

    def acknowledged(self, client_id: str) -> None:
        """The chat promised to keep a message."""

    def refused(self, client_id: str, reason: str) -> None:
        """The chat does not want a message, now or later."""

    def connection_lost(self, reason: str) -> None:
        """A connection over which the room had been joined is gone."""

    def connection_failed(self, reason: str) -> None:
        """An attempt to connect and join came to nothing."""


class Refused(Exception):
    """The chat refused to let a client in."""


@dataclass(frozen=True)
class _Request:
    number: int
    """Of its first packet: the answer to any of them will do."""

    event: str
    payload: dict[str, Any]
    answered: Callable[[dict[str, Any]], None]
    refused: Callable[[str], None]


class Client:
    """One account in one room; `run` keeps it there until cancelled."""

    def __init__(
        self,
        endpoint: Endpoint,
        token: str,
        room: str,
        listener: Listener,
        back_off: BackOff | None = None,
    ) -> None:
        self.joined = asyncio.Event()
        self.failure = "it was never tried"
        """Why the last connection ended, or could not be made."""
        self._endpoint = endpoint
        self._token = token
        self._room = room
        self._listener = listener
        self._back_off = back_off or BackOff()
        self._outbox: deque[tuple[str, str]] = deque()
        self._last: StreamKey = (0, 0)
        self._socket: ClientWebSocketResponse | None = None
        self._writes: set[asyncio.Task[None]] = set()
        self._request: _Request | None = None
        self._next_number = 0
        self._requested = 0.0
        self._silence = CONNECT_SECONDS

    def send(self, client_id: str, text: str) -> None:
        """Send a message, now or when it is possible, after those that wait already."""
        self._outbox.append((client_id, text))
        self._send_next()

    @property
    def is_idle(self) -> bool:
        """Has everything been acknowledged?"""
        return not self._outbox

    def look_after(self) -> None:
        """Repeat a request without an answer; to be called every second."""
        if self._request and now() - self._requested > ANSWER_SECONDS:
            self._put(self._request)

    async def run(self, delay: float = 0.0) -> None:
        """Connect after ``delay`` seconds, and again whenever the connection ends."""
        await asyncio.sleep(delay)
        failures = 0
        while True:
            try:
                self.failure = await self._one_connection()
            except (OSError, ClientError, ValueError, Refused) as error:
                self.failure = describe(error)
            if self.joined.is_set():
                self.joined.clear()
                failures = 0
                self._listener.connection_lost(self.failure)
            else:
                failures += 1
                self._listener.connection_failed(self.failure)
            await asyncio.sleep(self._back_off.pause(failures))

    async def _one_connection(self) -> str:
        """Connect, and return why the connection ended."""
        socket = await self._endpoint.open_socket()
        self._socket, self._silence = socket, CONNECT_SECONDS
        try:
            while True:
                frame = await socket.receive(self._silence)
                if frame.type is not WSMsgType.TEXT:
                    return f"the connection ended with code {socket.close_code}"
                packet = decode(frame.data)
                if packet.kind in (Kind.CLOSE, Kind.DISCONNECT):
                    return "the server ended the connection"
                self._handle(packet)
        except TimeoutError:
            return f"the server was silent for {self._silence:g} s"
        finally:
            self._socket = self._request = None
            await socket.close()

    def _handle(self, packet: Packet) -> None:
        if packet.kind is Kind.EVENT:
            event, payload = packet.data
            if event == "message":
                self._take(payload)
        elif packet.kind is Kind.ACK:
            if self._request and (packet.ack_id or 0) >= self._request.number:
                self._answer(self._request, packet.data[0])
        elif packet.kind is Kind.PING:
            self._write(Packet(Kind.PONG))
        elif packet.kind is Kind.OPEN:
            self._silence = (packet.data["pingInterval"] + packet.data["pingTimeout"]) / 1000
            self._write(Packet(Kind.CONNECT, {"token": self._token}))
        elif packet.kind is Kind.CONNECT:
            self._join()
        elif packet.kind is Kind.CONNECT_ERROR:
            raise Refused(packet.data["message"])

    def _take(self, payload: dict[str, Any]) -> None:
        time_part, _, sequence = payload["id"].partition("-")
        key = int(time_part), int(sequence)
        self._last = max(self._last, key)
        self._listener.delivered(Delivery(payload["clientId"], key))

    # Requests: one at a time, first the joining, then messages

    def _join(self) -> None:
        after = f"{self._last[0]}-{self._last[1]}"
        self._ask("join", {"room": self._room, "after": after}, self._let_in, self._kept_out)

    def _let_in(self, answer: dict[str, Any]) -> None:
        for payload in answer["messages"]:
            self._take(payload)
        if answer["more"]:
            self._join()
        else:
            self.joined.set()
            self._send_next()

    def _kept_out(self, reason: str) -> None:
        raise Refused(reason)

    def _send_next(self) -> None:
        if not self._outbox or self._request or not self.joined.is_set() or not self._socket:
            return
        client_id, text = self._outbox[0]

        def stored(_: dict[str, Any]) -> None:
            self._outbox.popleft()
            self._listener.acknowledged(client_id)
            self._send_next()

        def refused(reason: str) -> None:
            self._outbox.popleft()
            self._listener.refused(client_id, reason)
            self._send_next()

        self._ask("message", {"room": self._room, "text": text, "id": client_id}, stored, refused)

    def _ask(
        self,
        event: str,
        payload: dict[str, Any],
        answered: Callable[[dict[str, Any]], None],
        refused: Callable[[str], None],
    ) -> None:
        self._request = _Request(self._next_number, event, payload, answered, refused)
        self._put(self._request)

    def _put(self, request: _Request) -> None:
        """Write a request, perhaps again, unless it was answered or its connection is gone."""
        if request is self._request:
            packet = Packet(Kind.EVENT, [request.event, request.payload], self._next_number)
            self._next_number += 1
            self._requested = now()
            self._write(packet)

    def _answer(self, request: _Request, answer: dict[str, Any]) -> None:
        if not answer["ok"] and answer["retry"]:
            asyncio.get_running_loop().call_later(REPEAT_SECONDS, self._put, request)
            return
        self._request = None
        if answer["ok"]:
            request.answered(answer)
        else:
            request.refused(answer["error"])

    def _write(self, packet: Packet) -> None:
        """Write without waiting: a connection that takes nothing must not hold up its reader."""
        if self._socket:
            write = asyncio.create_task(_send(self._socket, encode(packet)))
            self._writes.add(write)
            write.add_done_callback(self._writes.discard)


async def _send(socket: ClientWebSocketResponse, text: str) -> None:
    with contextlib.suppress(OSError, ClientError):  # the reader finds out
        await socket.send_str(text)
