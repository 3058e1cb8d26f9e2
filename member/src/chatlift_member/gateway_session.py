"""What every protocol of the gateway needs: streams, how they are opened, joined and closed."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from .errors import AgentError

LOOPBACK = "127.0.0.1"
CHUNK = 65536
"""Bytes read at once. A stream holds at most two of them before it stops reading."""

CLOSE_SECONDS = 2.0

Result = TypeVar("Result")


class Refused(AgentError):
    """The client cannot be served; ``str(error)`` is the sentence that it and the journal get."""


@dataclass(frozen=True)
class Route:
    """From a local port, by HAProxy's, to the server that leads."""

    port: int
    """Where applications connect, on the loopback address."""
    server_port: int
    """Where HAProxy listens, on the loopback address."""
    server_name: str
    """A name in the server's certificate."""
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Stream:
    """One side of a conversation."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write ``data``, and wait while the other end is slower than this one."""
        self.writer.write(data)
        await self.writer.drain()

    async def close(self) -> None:
        """Send what is still to be sent, but never wait long for somebody who does not read."""
        self.writer.close()
        with contextlib.suppress(OSError):
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.writer.wait_closed()
            except TimeoutError:
                self.writer.transport.abort()


class Session(Protocol):
    """One client and the server it talks to, in one protocol."""

    title: str
    """The server's name for people."""

    async def log_in(self) -> bool:
        """Open the server's side and log in there.

        False when the client has already been told, in the server's own words, why it may not in.
        Raises `Refused`, or an `OSError` or `EOFError` when the server cannot be reached.
        """

    async def relay(self) -> None:
        """Carry bytes both ways until either side closes."""

    def error(self, sentence: str) -> bytes:
        """``sentence`` as the protocol's own error, for a client that is still logging in."""

    async def close(self) -> None:
        """Close both sides."""


async def connect(route: Route, tls: ssl.SSLContext | None = None) -> Stream:
    """The server's side, encrypted from the first byte on if ``tls`` is given."""
    return Stream(
        *await asyncio.open_connection(
            LOOPBACK,
            route.server_port,
            limit=CHUNK,
            ssl=tls,
            server_hostname=route.server_name if tls else None,
        )
    )


async def pump(source: Stream, target: Stream) -> None:
    """Carry bytes one way until ``source`` ends; a slow ``target`` slows ``source`` down."""
    while chunk := await source.reader.read(CHUNK):
        await target.send(chunk)


async def race(first: Coroutine[Any, Any, Result], second: Coroutine[Any, Any, Result]) -> Result:
    """The result of whichever ends first; the other one is cancelled."""
    tasks = [asyncio.create_task(first), asyncio.create_task(second)]
    try:
        done, _pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
