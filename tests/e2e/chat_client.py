"""A chat client for tests, independent of the application's own: HTTP and Socket.IO by hand.

It behaves as a good client does: it reconnects by itself, asks for what it missed, and sends a
message again, under the same id, until the chat has acknowledged it.

    async with ChatClient("https://chat.demo.test", "ann", "lobby") as ann:
        stream_id = await ann.send("hello")
"""

import asyncio
import contextlib
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

from tests.e2e.chat_protocol import Kind, Packet, decode, encode
from tests.e2e.visitor import ByName, address_of, trust

_PAUSE = 0.2  # seconds between attempts
_ANSWER = 12.0  # seconds: the chat itself gives up after 8


class ChatError(Exception):
    """The chat refused something for good; the message is its own sentence."""


@dataclass(frozen=True)
class Message:
    """A message as it came: ``id`` is the stream's, ``client_id`` the sender's."""

    id: str
    client_id: str
    sender: str
    text: str


class ChatClient:
    """One account in one room, over one WebSocket at a time.

    ``received`` holds every message delivered since the first join, in order of arrival and
    with whatever duplicates the chat may have sent; ``history`` what was there before it. With
    ``after``, a stream id, all that came after it counts as received (``0-0``: everything).
    """

    def __init__(
        self,
        url: str,
        name: str,
        room: str,
        password: str = "correct horse",
        after: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.name = name
        self.room = room
        self.password = password
        self.history: list[Message] = []
        self.received: list[Message] = []
        self.users: list[str] = []
        self.server_name = ""
        self.connections = 0
        self._token = ""
        self._last_id = after
        self._socket: ClientConnection | None = None
        self._runner: asyncio.Task[None] | None = None
        self._joined = asyncio.Event()
        self._failure: ChatError | None = None
        self._changed = asyncio.Condition()
        self._ack_ids = itertools.count()
        self._acks: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._http = httpx.AsyncClient(
            base_url=self.url, timeout=_ANSWER, trust_env=False, transport=ByName()
        )

    async def __aenter__(self) -> Self:
        """Register (or log in, where the account exists), connect and join the room."""
        if not await self.register():
            await self.login()
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # Accounts and presence, over HTTP

    async def register(self, deadline: float = 30.0) -> bool:
        """Make the account; False if the name is taken already."""
        answer = await self._post("/api/register", deadline)
        if answer.status_code == httpx.codes.CONFLICT:
            return False
        self._token = _checked(answer)["token"]
        return True

    async def login(self, deadline: float = 30.0) -> None:
        """Get a session token. Raises ChatError if name or password are wrong."""
        self._token = _checked(await self._post("/api/login", deadline))["token"]

    async def presence(self, deadline: float = 30.0) -> list[str]:
        """The users in the room, as the REST interface tells them."""
        headers = {"Authorization": f"Bearer {self._token}"}

        async def ask() -> httpx.Response:
            return await self._http.get(f"/api/rooms/{self.room}/presence", headers=headers)

        users: list[str] = _checked(await _until_served(ask, deadline))["users"]
        return users

    async def _post(self, path: str, deadline: float) -> httpx.Response:
        body = {"name": self.name, "password": self.password}
        return await _until_served(lambda: self._http.post(path, json=body), deadline)

    # The connection

    async def connect(self, deadline: float = 30.0) -> None:
        """Connect and join, and stay connected until ``close``."""
        if self._runner is None:
            self._runner = asyncio.create_task(self._stay_connected())
        await self._wait_joined(deadline)

    async def connect_elsewhere(self, than: str, deadline: float = 30.0) -> None:
        """Reconnect until on another server than the one named ``than``."""
        end = time.monotonic() + deadline
        while self.server_name == than:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name} came back to {than} alone for {deadline:.0f} s.")
            await self.drop()
            await self.connect(max(0.1, end - time.monotonic()))

    async def drop(self) -> None:
        """Lose the connection, as a client does whose network fails; it then reconnects."""
        before = self.connections
        if self._socket is not None:
            self._joined.clear()
            self._socket.transport.abort()
        await self.wait_for(lambda: self.connections > before, "a new connection")

    async def close(self) -> None:
        """Leave for good."""
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner
            self._runner = None
        await self._http.aclose()

    async def _wait_joined(self, deadline: float) -> None:
        try:
            async with asyncio.timeout(deadline):
                await self._joined.wait()
        except TimeoutError:
            raise TimeoutError(
                f"{self.name} could not join {self.room} at {self.url} within {deadline:.0f} s."
            ) from None
        if self._failure:
            raise self._failure

    async def _stay_connected(self) -> None:
        while not self._failure:
            with contextlib.suppress(OSError, TimeoutError, websockets.WebSocketException):
                await self._one_connection()
            await asyncio.sleep(_PAUSE)

    async def _one_connection(self) -> None:
        site = urlsplit(self.url)
        # Engine.IO has pings of its own, sent by the server: those tell that it is alive.
        async with websockets.connect(
            f"wss://{site.netloc}/socket.io/?EIO=4&transport=websocket",
            host=await address_of(site.hostname or ""),
            ssl=trust(),
            open_timeout=5,
            close_timeout=1,
            ping_interval=None,
            proxy=None,
        ) as socket:
            self._socket = socket
            joining: asyncio.Task[None] | None = None
            try:
                async with asyncio.timeout(5):
                    opening = await self._next(socket)
                silence = (opening.data["pingInterval"] + opening.data["pingTimeout"]) / 1000
                await socket.send(encode(Packet(Kind.CONNECT, {"token": self._token})))
                while True:
                    async with asyncio.timeout(silence):
                        packet = await self._next(socket)
                    if packet.kind is Kind.CONNECT:
                        joining = asyncio.create_task(self._join())
                    elif packet.kind in (Kind.CLOSE, Kind.DISCONNECT):
                        return
                    else:
                        await self._handle(socket, packet)
            finally:
                self._joined.clear()
                self._socket = None
                if joining:
                    joining.cancel()
                for ack in self._acks.values():
                    ack.cancel()
                self._acks.clear()

    @staticmethod
    async def _next(socket: ClientConnection) -> Packet:
        return decode(str(await socket.recv(decode=True)))

    async def _handle(self, socket: ClientConnection, packet: Packet) -> None:
        if packet.kind is Kind.PING:
            await socket.send(encode(Packet(Kind.PONG)))
        elif packet.kind is Kind.CONNECT_ERROR:
            await self._fail(packet.data["message"])
        elif packet.kind is Kind.ACK and packet.ack_id in self._acks:
            await self._handle_ack(self._acks.pop(packet.ack_id), packet.data[0])
        elif packet.kind is Kind.EVENT:
            event, payload = packet.data
            await self._handle_event(event, payload)

    async def _handle_ack(
        self, ack: asyncio.Future[dict[str, Any]], answer: dict[str, Any]
    ) -> None:
        # What a join brings comes before the events that follow it: so it is taken here,
        # in the order of the connection, and not by whoever awaits the answer.
        if not ack.done():
            if answer["ok"] and "messages" in answer:
                self._take_page(answer)
            ack.set_result(answer)
        await self._notify()

    async def _handle_event(self, event: str, payload: dict[str, Any]) -> None:
        if event == "welcome":
            self.server_name = payload["server"]
            self.connections += 1
        elif event == "message":
            self._take(self.received, payload)
        elif event == "presence":
            self.users = payload["users"]
        await self._notify()

    async def _join(self) -> None:
        try:
            while True:
                answer = await self._call("join", {"room": self.room, "after": self._last_id})
                if answer["ok"] and not answer["more"]:
                    self._joined.set()
                    return
                if not answer["ok"] and not answer["retry"]:
                    await self._fail(answer["error"])
                    return
        except TimeoutError:
            if self._socket is not None:
                await self._socket.close()

    def _take_page(self, answer: dict[str, Any]) -> None:
        # A chat without messages has no last id: the beginning stands for it.
        first = self._last_id is None
        for payload in answer["messages"]:
            self._take(self.history if first else self.received, payload)
        self._last_id = self._last_id or "0-0"
        self.users = answer["users"]

    def _take(self, where: list[Message], payload: dict[str, Any]) -> None:
        where.append(Message(payload["id"], payload["clientId"], payload["from"], payload["text"]))
        self._last_id = payload["id"]

    async def _fail(self, sentence: str) -> None:
        self._failure = ChatError(f"{self.name} at {self.url}: {sentence}")
        self._joined.set()
        await self._notify()

    # Messages

    async def send(self, text: str, deadline: float = 60.0) -> str:
        """Send until acknowledged, and return the message's stream id."""
        client_id = uuid.uuid4().hex
        end = time.monotonic() + deadline
        request = {"room": self.room, "text": text, "id": client_id}
        last = "no connection"
        while (left := end - time.monotonic()) > 0:
            await self._wait_joined(left)
            try:
                answer = await self._call("message", request)
            except (ConnectionError, TimeoutError) as error:
                last = str(error) or type(error).__name__
                continue
            if answer["ok"]:
                return str(answer["id"])
            if not answer["retry"]:
                raise ChatError(f"{self.name} at {self.url}: {answer['error']}")
            last = answer["error"]
        raise TimeoutError(
            f"{self.name}'s message was not acknowledged within {deadline:.0f} s; last seen: {last}"
        )

    async def _call(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Emit an event and await its acknowledgement.

        Raises ConnectionError if the connection is lost first, TimeoutError after 12 seconds.
        """
        socket = self._socket
        if socket is None:
            raise ConnectionError("no connection")
        ack_id = next(self._ack_ids)
        ack: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._acks[ack_id] = ack
        try:
            await socket.send(encode(Packet(Kind.EVENT, [event, payload], ack_id)))
            await asyncio.wait([ack], timeout=_ANSWER)
        except websockets.ConnectionClosed as error:
            raise ConnectionError("the connection was lost") from error
        finally:
            self._acks.pop(ack_id, None)
        if not ack.done():
            raise TimeoutError(f"no acknowledgement of {event} within {_ANSWER:.0f} s")
        if ack.cancelled():
            raise ConnectionError("the connection was lost")
        return ack.result()

    # Waiting

    async def wait_for(
        self, condition: Callable[[], bool], what: str, deadline: float = 30.0
    ) -> None:
        """Wait until ``condition`` holds; it is looked at whenever something has come."""
        try:
            async with asyncio.timeout(deadline), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            raise TimeoutError(
                f"{self.name} on {self.server_name} did not see {what} within {deadline:.0f} s; "
                f"it has {len(self.received)} messages and sees {self.users}."
            ) from None

    async def wait_for_message(self, stream_id: str, deadline: float = 30.0) -> None:
        """Wait until the message with this stream id has been received."""
        await self.wait_for(
            lambda: any(message.id == stream_id for message in self.received),
            f"message {stream_id}",
            deadline,
        )

    async def wait_for_users(self, *names: str, deadline: float = 30.0) -> None:
        """Wait until exactly these users are present."""
        await self.wait_for(lambda: self.users == sorted(names), f"users {sorted(names)}", deadline)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _checked(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    if answer.is_error:
        raise ChatError(f"{answer.request.url.path} answered {answer.status_code}: {body['error']}")
    return body


async def _until_served(
    ask: Callable[[], Awaitable[httpx.Response]], deadline: float
) -> httpx.Response:
    """Ask again while the chat is away (no connection, or a 5xx). Seconds."""
    end = time.monotonic() + deadline
    while True:
        try:
            answer = await ask()
            if not answer.is_server_error:
                return answer
            last = f"status {answer.status_code}"
        except httpx.TransportError as error:
            last = str(error) or type(error).__name__
        if time.monotonic() > end:
            raise TimeoutError(f"The chat gave no answer within {deadline:.0f} s; last: {last}")
        await asyncio.sleep(_PAUSE)
