"""A chat on a port of this machine that does one thing wrong.

    async with FakeChat(Fault.LOSE) as chat:
        ...  # chat.url

It speaks what examples/chat/README.md says of the protocol, and keeps everything in memory.
"""

from __future__ import annotations

import asyncio
import enum
from collections import defaultdict
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.e2e.chat_protocol import Kind, Packet, decode, encode

PAGE = 20
"""Messages that a join brings at the most; so few that joins go on."""

PING = 2.0
"""Seconds between pings, and again until a silent server is thought to be gone."""

HELD = 3.0
"""Seconds that something takes too long."""

Answer = dict[str, Any]


class Fault(enum.Enum):
    """What the chat does wrong, once."""

    NOTHING = "nothing"
    LOSE = "it acknowledges a message and forgets it"
    FORGET = "it delivers a message, but does not keep it"
    WITHHOLD = "it does not deliver a message to one client"
    DUPLICATE = "it delivers a message to one client twice"
    STORE_TWICE = "it keeps and delivers a message twice"
    REORDER = "it delivers a message to one client after the next one"
    LEAK = "it delivers to one client what nobody in the room has sent"
    KEEP_ACK = "it does not acknowledge a message before it is repeated"
    POSTPONE = "it asks to repeat a message, and does not know it yet"
    REFUSE = "it refuses a message for good"
    HOLD = "it acknowledges a message late"
    SILENCE = "it delivers nothing for a while"
    DROP = "it ends a connection"
    DROP_TWICE = "it ends a connection, and does not let the client in when it comes back"
    MUTE = "it says nothing more over one connection"
    FAIL_REQUEST = "it answers a request with 503"
    HOLD_ACCOUNTS = "it registers nobody for a while"
    FORGET_ACCOUNT = "it forgets an account"


class _Socket:
    """A client's connection."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = socket
        self.is_mute = False
        self.held: Answer | None = None

    async def send(self, packet: Packet) -> None:
        if not self.is_mute and not self._socket.closed:
            with suppress(ConnectionError):
                await self._socket.send_str(encode(packet))

    async def deliver(self, message: Answer) -> None:
        await self.send(Packet(Kind.EVENT, ["message", message]))
        if self.held and self.held is not message:
            late, self.held = self.held, None
            await self.deliver(late)

    def drop(self) -> None:
        assert self._request.transport is not None
        self._request.transport.abort()


class FakeChat:
    """Serves at `url` while its ``async with`` runs; the fault befalls message number ``at``."""

    url: str

    def __init__(self, fault: Fault = Fault.NOTHING, at: int = 10) -> None:
        self.messages = 0
        self._fault = fault
        self._at = at
        self._accounts: list[str] = []
        self._rooms: defaultdict[str, list[Answer]] = defaultdict(list)
        self._known: dict[str, str] = {}
        self._sockets: defaultdict[str, list[_Socket]] = defaultdict(list)
        self._deliveries: asyncio.Queue[tuple[_Socket, Answer]] = asyncio.Queue()
        self._hold_deliveries = self._accounts_held_until = 0.0
        self._fail_request = self._fail_join = False

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.add_routes(
            [
                web.get("/", self._page),
                web.post("/api/register", self._register),
                web.post("/api/login", self._log_in),
                web.get("/api/rooms/{room}/presence", self._presence),
                web.get("/socket.io/", self._serve),
            ]
        )
        self._runner = web.AppRunner(application, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._worker = asyncio.create_task(self._deliver())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._worker.cancel()
        await self._runner.cleanup()

    # HTTP

    async def _page(self, _: web.Request) -> web.Response:
        return self._answer({})

    async def _presence(self, _: web.Request) -> web.Response:
        return self._answer({"users": []})

    async def _register(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self._accounts_held_until - asyncio.get_running_loop().time())
        name = (await request.json())["name"]
        if name in self._accounts:
            return web.json_response({"error": "taken"}, status=409)
        self._accounts.append(name)
        return self._answer({"name": name, "token": name}, 201)

    async def _log_in(self, request: web.Request) -> web.Response:
        name = (await request.json())["name"]
        if name not in self._accounts:
            return web.json_response({"error": "unknown"}, status=401)
        return self._answer({"name": name, "token": name})

    def _answer(self, body: Answer, status: int = 200) -> web.Response:
        if self._fail_request:
            self._fail_request = False
            return web.json_response({"error": "not now"}, status=503)
        return web.json_response(body, status=status)

    # Socket.IO

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        socket = _Socket(request, response)
        times = {"pingInterval": PING * 1000, "pingTimeout": PING * 1000}
        await socket.send(Packet(Kind.OPEN, {"sid": "s", **times}))
        pings = asyncio.create_task(_ping(socket))
        try:
            async for frame in response:
                packet = decode(str(frame.data))
                if packet.kind is Kind.CONNECT:
                    await socket.send(Packet(Kind.CONNECT, {"sid": "s"}))
                elif packet.kind is Kind.EVENT:
                    answer = await self._handle(socket, *packet.data)
                    if answer:
                        await socket.send(Packet(Kind.ACK, [answer], packet.ack_id))
        finally:
            pings.cancel()
            for sockets in self._sockets.values():
                if socket in sockets:
                    sockets.remove(socket)
        return response

    async def _handle(self, socket: _Socket, event: str, payload: Answer) -> Answer | None:
        return await (self._join if event == "join" else self._message)(socket, payload)

    async def _join(self, socket: _Socket, request: Answer) -> Answer | None:
        if self._fail_join:
            self._fail_join = False
            socket.drop()
            return None
        after = _key(request["after"])
        messages = [m for m in self._rooms[request["room"]] if _key(m["id"]) > after]
        more = len(messages) > PAGE
        if not more:
            self._sockets[request["room"]].append(socket)
        return {"ok": True, "messages": messages[:PAGE], "users": [], "more": more}

    async def _message(self, socket: _Socket, request: Answer) -> Answer | None:
        client_id = request["id"]
        if client_id in self._known:
            return {"ok": True, "id": self._known[client_id]}
        number = self.messages = self.messages + 1
        fault = self._fault if number == self._at else Fault.NOTHING
        if fault is Fault.POSTPONE:
            return {"ok": False, "retry": True, "error": "not now"}
        if fault is Fault.REFUSE:
            return {"ok": False, "retry": False, "error": "not this"}
        message = {"id": f"{number}-0", "clientId": client_id, "room": request["room"]}
        self._known[client_id] = message["id"]
        self._plant(fault, message, socket)
        if fault is Fault.KEEP_ACK:
            return None
        if fault is Fault.HOLD:
            await asyncio.sleep(HELD)
        return {"ok": True, "id": message["id"]}

    def _plant(self, fault: Fault, message: Answer, sender: _Socket) -> None:
        """Keep and deliver a message, and do what is wrong."""
        kept, sockets = [message], list(self._sockets[message["room"]])
        unlucky = next((one for one in sockets if one is not sender), sender)
        extra: list[tuple[_Socket, Answer]] = []
        match fault:
            case Fault.LOSE:
                kept, sockets = [], []
            case Fault.FORGET:
                kept = []
            case Fault.WITHHOLD:
                sockets.remove(unlucky)
            case Fault.DUPLICATE:
                extra = [(unlucky, message)]
            case Fault.STORE_TWICE:
                again = {**message, "id": message["id"].replace("-0", "-1")}
                kept, extra = [message, again], [(socket, again) for socket in sockets]
            case Fault.REORDER:
                sockets.remove(unlucky)
                unlucky.held = message
            case Fault.LEAK:
                stray = {"id": f"{self.messages}-1", "clientId": "somebody-else-1"}
                kept, extra = [message, stray], [(unlucky, stray)]
            case Fault.SILENCE:
                self._hold_deliveries = HELD
            case Fault.DROP | Fault.DROP_TWICE:
                unlucky.drop()
                self._fail_join = fault is Fault.DROP_TWICE
            case Fault.MUTE:
                unlucky.is_mute = True
            case Fault.FAIL_REQUEST:
                self._fail_request = True
            case Fault.HOLD_ACCOUNTS:
                self._accounts_held_until = asyncio.get_running_loop().time() + HELD
            case Fault.FORGET_ACCOUNT:
                self._accounts.pop()
        self._rooms[message["room"]] += kept
        for delivery in [*((socket, message) for socket in sockets), *extra]:
            self._deliveries.put_nowait(delivery)

    async def _deliver(self) -> None:
        while True:
            socket, message = await self._deliveries.get()
            await asyncio.sleep(self._hold_deliveries)
            self._hold_deliveries = 0.0
            await socket.deliver(message)


async def _ping(socket: _Socket) -> None:
    while True:
        await asyncio.sleep(PING)
        await socket.send(Packet(Kind.PING))


def _key(stream_id: str) -> tuple[int, ...]:
    return tuple(int(part) for part in stream_id.split("-"))
