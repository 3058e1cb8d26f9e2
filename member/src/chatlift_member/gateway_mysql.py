"""MySQL through the gateway: TLS, the user and the password are added.

The server's greeting is passed on with the server's version and abilities, less those that end at
the gateway (TLS, compression, the client's files, further factors). The client's answer is passed
on with the user and password of the route. Whatever user and password the client gives are ignored:
only the instance itself can connect. Since both sides thus agree on the same abilities, all later
packets go through as they are, but one: a client may ask to become another user, as connection
pools do to begin a session anew. It becomes the same user again.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html
"""

from __future__ import annotations

import secrets
import ssl
from dataclasses import replace

from . import gateway_mysql_packets as packets
from .gateway_mysql_packets import ChangeUser, Greeting, Malformed, Response
from .gateway_session import CHUNK, Refused, Route, Stream, connect, pump, race

NOT_OFFERED = (
    packets.SSL
    | packets.COMPRESS
    | packets.ZSTD_COMPRESSION
    | packets.LOCAL_FILES
    | packets.MULTI_FACTOR_AUTHENTICATION
)
NEEDED = (
    packets.PROTOCOL_41
    | packets.SECURE_CONNECTION
    | packets.PLUGIN_AUTH
    | packets.PLUGIN_AUTH_LENENC
    | packets.SSL
)
"""What the gateway itself uses towards the server."""


class MySqlSession:
    """One client of MySQL."""

    title = "MySQL"

    _server: Stream
    _response: Response
    """What the server was told: the client's abilities, the user of the route."""
    _nonce: bytes
    """The server's latest."""

    def __init__(self, client: Stream, route: Route, tls: ssl.SSLContext) -> None:
        self._client, self._route, self._tls = client, route, tls
        self._opened = [client]
        self._sequence = 0
        """Of the next packet for the client, while it logs in."""

    async def log_in(self) -> bool:
        """Greet the client as the server would, and log in for it."""
        self._server = await connect(self._route)
        self._opened.append(self._server)
        _sequence, payload = await _read(self._server)
        if payload[0] == packets.ERROR:
            return await self._conclude(payload)
        greeting = Greeting.parse(payload)
        if greeting.capabilities & NEEDED != NEEDED:
            raise Refused("The MySQL server offers no TLS, without which no password is sent.")
        client = await self._greet(greeting)
        return await self._introduce(client, greeting)

    async def relay(self) -> None:
        """Carry bytes both ways until either side closes."""
        while request := await race(self._commands(), self._results()):
            await self._change_user(ChangeUser.parse(request, self._response))

    def error(self, sentence: str) -> bytes:
        """An error packet."""
        return packets.error(self._sequence, sentence, marked=self._sequence > 0)

    async def close(self) -> None:
        """Close both sides."""
        for stream in self._opened:
            await stream.close()

    async def _greet(self, greeting: Greeting) -> Response:
        """The client's answer to the server's greeting as the gateway offers it."""
        offer = replace(
            greeting,
            capabilities=greeting.capabilities & ~NOT_OFFERED,
            plugin=packets.NATIVE,  # drivers of every age know it
            nonce=secrets.token_hex(10).encode(),
        )
        await self._client.send(packets.packet(0, offer.build()))
        sequence, payload = await _read(self._client)
        self._sequence = sequence + 1
        return Response.parse(payload)

    async def _introduce(self, client: Response, greeting: Greeting) -> bool:
        """Log in at the server with the client's abilities and the route's user."""
        self._nonce = greeting.nonce
        plugin = greeting.plugin
        self._response = response = replace(
            client,
            capabilities=client.capabilities & greeting.capabilities & ~NOT_OFFERED | NEEDED,
            username=self._route.username.encode(),
            token=self._prove(plugin),
            plugin=plugin,
        )
        await self._server.send(packets.packet(1, response.tls_request))
        await self._server.writer.start_tls(self._tls, server_hostname=self._route.server_name)
        await self._server.send(packets.packet(2, response.build()))
        verdict = await self._authenticate(plugin)
        return await self._conclude(verdict, client.plugin, client.token)

    async def _change_user(self, client: ChangeUser) -> None:
        """Begin the session anew, with the same user; the server forgets what it has to."""
        self._sequence = 1
        plugin = self._response.plugin
        request = replace(
            client,
            username=self._response.username,
            token=self._prove(plugin),
            plugin=plugin,
        )
        await self._server.send(packets.packet(0, request.build()))
        await self._conclude(await self._authenticate(plugin), client.plugin, client.token)

    async def _authenticate(self, plugin: str) -> bytes:
        """The server's verdict, an OK or an error packet's payload, on the proof sent before."""
        while True:
            sequence, payload = await _read(self._server)
            if payload[0] in (packets.OK, packets.ERROR):
                return payload
            if payload == packets.FAST_AUTH_OK:
                continue
            if payload[0] == packets.SWITCH:
                name, _zero, nonce = payload[1:].partition(b"\0")
                plugin, self._nonce = name.decode(errors="replace"), nonce.removesuffix(b"\0")
                proof = self._prove(plugin)
            elif payload == packets.FULL_AUTH and plugin == packets.CACHING_SHA2:
                # The server does not remember the password and asks for it; the connection is TLS.
                proof = self._route.password.encode() + b"\0"
            else:
                raise Malformed(f"MySQL's plugin {plugin} asks for more than a password.")
            await self._server.send(packets.packet(sequence + 1, proof))

    async def _conclude(self, verdict: bytes, plugin: str = "", token: bytes = b"") -> bool:
        """Pass the server's verdict on; true when the client is in."""
        accepted = verdict[0] == packets.OK
        if accepted and token and plugin == packets.CACHING_SHA2:
            await self._tell(packets.FAST_AUTH_OK)  # such a client does not take an OK at once
        await self._tell(verdict)
        return accepted

    async def _tell(self, payload: bytes) -> None:
        await self._client.send(packets.packet(self._sequence, payload))
        self._sequence += 1

    def _prove(self, plugin: str) -> bytes:
        return packets.prove(plugin, self._route.password.encode(), self._nonce)

    async def _commands(self) -> bytes | None:
        """Carry the client's packets to the server, up to a wish to become another user.

        Returns that packet's payload, or None when the client closes.
        """
        reader = self._client.reader
        while header := await reader.read(1):
            header += await reader.readexactly(3)
            left = int.from_bytes(header[:3], "little")
            chunk = await reader.readexactly(min(left, 1))
            if header[3] == 0 and chunk[:1] == bytes([packets.CHANGE_USER]):
                return chunk + await reader.readexactly(_checked(left) - 1)
            await self._server.send(header + chunk)
            left -= len(chunk)
            while left:
                chunk = await reader.read(min(left, CHUNK))
                if not chunk:
                    return None
                await self._server.send(chunk)
                left -= len(chunk)
        return None

    async def _results(self) -> None:
        await pump(self._server, self._client)


async def _read(stream: Stream) -> tuple[int, bytes]:
    """Sequence number and payload of the next packet of the connection phase."""
    header = await stream.reader.readexactly(4)
    size = _checked(int.from_bytes(header[:3], "little"))
    return header[3], await stream.reader.readexactly(size)


def _checked(size: int) -> int:
    if not 0 < size <= packets.LARGEST:
        raise Malformed(f"A packet of {size} bytes does not belong into MySQL's login.")
    return size
