"""Where the chat is, and how clients get there: names, addresses, TLS."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import (
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    ClientWSTimeout,
    TCPConnector,
)
from aiohttp.abc import AbstractResolver, ResolveResult
from dns.asyncresolver import Resolver
from dns.exception import DNSException
from dns.resolver import LRUCache

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 12.0
"""How long an answer may take; the chat itself gives up after ten seconds at the latest."""


class Endpoint:
    """A chat at ``http://`` or ``https://HOST[:PORT]``.

    ``ca`` is the certificate authority to trust instead of the system's, ``resolver`` the address
    of the name server to ask instead of it. All addresses of a name are tried. No connection is
    used for a second request: a server may end an idle one at any time, and what was being sent
    over it would count as failed.
    """

    def __init__(self, url: str, ca: Path | None = None, resolver: str | None = None) -> None:
        parts = urlsplit(url.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
            raise ValueError(f"{url} is not where a chat can be: write https://HOST[:PORT].")
        connector = TCPConnector(
            limit=0,
            force_close=True,
            ssl=ssl.create_default_context(cafile=ca),
            resolver=_NameServer(resolver) if resolver else None,
            use_dns_cache=False,
        )
        timeout = ClientTimeout(total=ANSWER_SECONDS, connect=CONNECT_SECONDS)
        self._session = ClientSession(url.rstrip("/"), connector=connector, timeout=timeout)

    async def close(self) -> None:
        """End what is open."""
        await self._session.close()

    async def ask(
        self, method: str, path: str, body: dict[str, str] | None = None, token: str = ""
    ) -> ClientResponse:
        """Make a request, and return its answer, read; raises OSError or aiohttp.ClientError."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self._session.request(method, path, json=body, headers=headers) as answer:
            await answer.read()
            return answer

    async def open_socket(self) -> ClientWebSocketResponse:
        """Open a WebSocket for Socket.IO; raises OSError or aiohttp.ClientError."""
        # Engine.IO has pings of its own; compression would cost more than all the rest.
        return await self._session.ws_connect(
            "/socket.io/?EIO=4&transport=websocket", compress=0, timeout=ClientWSTimeout(ws_close=1)
        )


class _NameServer(AbstractResolver):
    """Asks one name server, and remembers its answers as long as they may be."""

    def __init__(self, address: str) -> None:
        self._resolver = Resolver(configure=False)
        self._resolver.nameservers = [address]
        self._resolver.cache = LRUCache()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            answer = await self._resolver.resolve_name(host, family=socket.AF_INET)
        except DNSException as error:
            raise OSError(str(error)) from error
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer.addresses()
        ]

    async def close(self) -> None:
        """Nothing is open between questions."""


def describe(error: BaseException) -> str:
    """What an error says, or at least what it is."""
    return str(error) or type(error).__name__
