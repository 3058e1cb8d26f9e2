"""Redis through the gateway: TLS and ``AUTH`` are added, everything else is the client's own.

A client may switch to RESP3 (``HELLO 3``). ``RESET`` logs it out, and ends its session for good.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import ssl

from .gateway_session import Refused, Route, Stream, connect, pump, race


class RedisSession:
    """One client of Redis."""

    title = "Redis"

    _server: Stream

    def __init__(self, client: Stream, route: Route, tls: ssl.SSLContext) -> None:
        self._client, self._route, self._tls = client, route, tls
        self._opened = [client]

    async def log_in(self) -> bool:
        """Open the encrypted connection and authenticate it."""
        route = self._route
        self._server = await connect(route, self._tls)
        self._opened.append(self._server)
        await self._server.send(command("AUTH", route.username, route.password))
        answer = await self._server.reader.readuntil(b"\r\n")
        if answer != b"+OK\r\n":
            said = answer.decode(errors="replace").strip()
            raise Refused(f"Redis does not let the user {route.username} in: {said[1:]}")
        return True

    async def relay(self) -> None:
        """Carry bytes both ways until either side closes."""
        await race(pump(self._client, self._server), pump(self._server, self._client))

    def error(self, sentence: str) -> bytes:
        """A simple error, which the client takes for the reply to its first command."""
        return f"-ERR {sentence}\r\n".encode()

    async def close(self) -> None:
        """Close both sides."""
        for stream in self._opened:
            await stream.close()


def command(*words: str) -> bytes:
    """A command as an array of bulk strings, in which any byte may stand."""
    bulks = (b"$%d\r\n%s\r\n" % (len(word), word) for word in map(str.encode, words))
    return b"*%d\r\n%s" % (len(words), b"".join(bulks))
