"""Servers for the gateway's tests: they speak TLS, know one user, and note what they are told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chatlift_member import gateway_mysql_packets as packets
from chatlift_member.gateway_mysql_packets import ChangeUser, Greeting, Response
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pymysql import _auth

NAME = "server.test.internal"
USER = "app"
PASSWORD = "p$w'x\"?& \\é"
NONCE = b"0123456789abcdefghij"
NEXT_NONCE = b"abcdefghij0123456789"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def make_certificate(directory: Path) -> ssl.SSLContext:
    """Write ``ca.crt``; return what a server called `NAME` needs."""
    authority, key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().issuer_name(issuer).subject_name(name).public_key(public)
        made = made.serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - timedelta(hours=1))
        made = made.not_valid_after(now + timedelta(hours=1))
        return made.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), False
        )

    signing = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    ca = (
        builder(issuer, authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(signing, True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), False)
        .sign(authority, hashes.SHA256())
    )
    leaf = (
        builder(subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), False)
        .sign(authority, hashes.SHA256())
    )
    (directory / "ca.crt").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (directory / "server.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + leaf.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    return context


@contextlib.asynccontextmanager
async def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve on a free port, which is what is yielded."""

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(quietly, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@dataclass
class FakeMySql:
    """A MySQL server whose account uses ``plugin``; it answers OK to every command."""

    tls: ssl.SSLContext
    greets_with: str = packets.CACHING_SHA2
    plugin: str = packets.CACHING_SHA2
    remembers: bool = True
    """The password, so that caching_sha2_password needs no more than its proof."""
    verdict: bytes = b"\x00\x00\x00\x02\x00\x00\x00"
    capabilities: int = 0xFFFFFFFF
    response: Response | None = None
    commands: list[bytes] = field(default_factory=list)

    @contextlib.contextmanager
    def serving(self) -> Iterator[int]:
        """Serve on a free port, which is what is yielded.

        In threads, because a stream of asyncio may swallow the beginning of the client's TLS.
        """
        with socket.create_server(("127.0.0.1", 0)) as listening:
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
            try:
                yield listening.getsockname()[1]
            finally:
                listening.shutdown(socket.SHUT_RDWR)  # closing alone would let accept() wait on

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), plain:
            greeting = Greeting(b"9.7.0", 7, NONCE, self.capabilities, 255, 2, self.greets_with)
            send(plain, 0, greeting.build())
            _, request = receive(plain)
            assert len(request) == 32, "the password was to be sent without TLS"
            with self.tls.wrap_socket(plain, server_side=True) as client:
                sequence, payload = receive(client)
                self.response = Response.parse(payload)
                assert request == self.response.tls_request
                self._judge(
                    client,
                    sequence,
                    self.greets_with,
                    self.response.token,
                    self.response.username,
                )
                while True:
                    self._obey(client)

    def _obey(self, client: ssl.SSLSocket) -> None:
        _, payload = receive(client)
        self.commands.append(payload)
        if payload[0] == packets.CHANGE_USER:
            assert self.response
            wish = ChangeUser.parse(payload, self.response)
            self.response = replace(self.response, database=wish.database)
            self._judge(client, 0, wish.plugin, b"", wish.username)
        else:
            send(client, 1, b"\x00\x00\x00\x02\x00\x00\x00")

    def _judge(
        self, client: ssl.SSLSocket, sequence: int, plugin: str, token: bytes, username: bytes
    ) -> None:
        """As the server does: change the plugin, or the nonce of a client that logs in again."""
        nonce = NONCE
        if plugin != self.plugin or not token:
            nonce = NEXT_NONCE
            send(client, sequence + 1, b"\xfe" + self.plugin.encode() + b"\0" + nonce + b"\0")
            sequence, token = receive(client)
        good = username == USER.encode() and token == proof(self.plugin, nonce)
        if good and self.plugin == packets.CACHING_SHA2:
            sequence += 1
            send(client, sequence, packets.FAST_AUTH_OK if self.remembers else packets.FULL_AUTH)
            if not self.remembers:
                sequence, token = receive(client)
                good = token == PASSWORD.encode() + b"\0"
        denied = b"\xff\x15\x04#28000Access denied"
        send(client, sequence + 1, self.verdict if good else denied)


def send(target: socket.socket, sequence: int, payload: bytes) -> None:
    target.sendall(packets.packet(sequence, payload))


def receive(source: socket.socket) -> tuple[int, bytes]:
    """Sequence number and payload; raises `EOFError`."""

    def exactly(size: int) -> bytes:
        data = b""
        while len(data) < size:
            if not (chunk := source.recv(size - len(data))):
                raise EOFError
            data += chunk
        return data

    header = exactly(4)
    return header[3], exactly(int.from_bytes(header[:3], "little"))


def proof(plugin: str, nonce: bytes) -> bytes:
    """What a plugin accepts, by another implementation than the gateway's."""
    password = PASSWORD.encode()
    if plugin == packets.CACHING_SHA2:
        return bytes(_auth.scramble_caching_sha2(password, nonce))
    if plugin == packets.NATIVE:
        return bytes(_auth.scramble_native_password(password, nonce))
    return password + b"\0"


async def read_packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Sequence number and payload."""
    header = await reader.readexactly(4)
    return header[3], await reader.readexactly(int.from_bytes(header[:3], "little"))
