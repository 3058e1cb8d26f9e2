"""MySQL's connection phase in bytes: the packets of which the gateway has to understand anything.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets.html
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass

from .gateway_session import Refused

LARGEST = 65536
"""Bytes: nothing in the connection phase comes near it."""

CONNECT_WITH_DB = 1 << 3
COMPRESS = 1 << 5
LOCAL_FILES = 1 << 7
PROTOCOL_41 = 1 << 9
SSL = 1 << 11
SECURE_CONNECTION = 1 << 15
PLUGIN_AUTH = 1 << 19
CONNECT_ATTRS = 1 << 20
PLUGIN_AUTH_LENENC = 1 << 21
ZSTD_COMPRESSION = 1 << 26
MULTI_FACTOR_AUTHENTICATION = 1 << 28

OK = 0x00
MORE = 0x01
SWITCH = 0xFE
ERROR = 0xFF
CHANGE_USER = 0x11

FAST_AUTH_OK = b"\x01\x03"
FULL_AUTH = b"\x01\x04"

NATIVE = "mysql_native_password"
CACHING_SHA2 = "caching_sha2_password"


class Malformed(Refused):
    """The bytes are not what this place of the protocol is for, or more than the gateway knows."""


class Fields:
    """Reads the fields of a packet one after the other."""

    def __init__(self, payload: bytes) -> None:
        self._payload, self._at = payload, 0

    def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes; raises `Malformed` when there are fewer."""
        taken = self._payload[self._at : self._at + size]
        if len(taken) < size:
            raise Malformed("A packet of MySQL's login ends too early.")
        self._at += size
        return taken

    def number(self, size: int) -> int:
        """An integer of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def text(self) -> bytes:
        """A string that ends with a zero byte or, as some write it, with the packet."""
        end = self._payload.find(b"\0", self._at)
        taken = self._payload[self._at : end if end >= 0 else None]
        self._at += len(taken) + 1
        return taken

    def counted(self) -> bytes:
        """A string after its length-encoded length."""
        first = self.number(1)
        return self.take(self.number({0xFC: 2, 0xFD: 3, 0xFE: 8}[first]) if first > 0xFB else first)

    @property
    def left(self) -> int:
        """How many bytes have not been read."""
        return max(0, len(self._payload) - self._at)


def packet(sequence: int, payload: bytes) -> bytes:
    """``payload`` after its header."""
    return len(payload).to_bytes(3, "little") + bytes([sequence % 256]) + payload


def error(sequence: int, sentence: str, *, marked: bool) -> bytes:
    """An error packet with the code that clients give to "cannot connect".

    Its SQL state is ``marked`` only once the client has said which protocol it speaks.
    """
    state = b"#HY000" if marked else b""
    return packet(sequence, struct.pack("<BH", ERROR, 2003) + state + sentence.encode())


@dataclass(frozen=True)
class Greeting:
    """The server's first packet."""

    version: bytes
    thread: int
    nonce: bytes
    """20 bytes."""
    capabilities: int
    charset: int
    status: int
    plugin: str

    @classmethod
    def parse(cls, payload: bytes) -> Greeting:
        """Raises `Malformed` unless it is of protocol version 10, which is older than MySQL 5."""
        fields = Fields(payload)
        if fields.number(1) != 10:
            raise Malformed(
                "The MySQL server speaks a version of the protocol that the gateway does not."
            )
        version, thread, nonce = fields.text(), fields.number(4), fields.take(8)
        fields.take(1)
        low, charset, status, high = (fields.number(size) for size in (2, 1, 2, 2))
        size = fields.number(1)
        fields.take(10)
        nonce += fields.take(max(13, size - 8))[:12]
        plugin = fields.text().decode(errors="replace")
        return cls(version, thread, nonce, high << 16 | low, charset, status, plugin)

    def build(self) -> bytes:
        """The payload."""
        return b"".join(
            (
                b"\x0a" + self.version + b"\0",
                struct.pack("<I8sx", self.thread, self.nonce[:8]),
                struct.pack("<HBH", self.capabilities & 0xFFFF, self.charset, self.status),
                struct.pack("<HB10x", self.capabilities >> 16, len(self.nonce) + 1),
                self.nonce[8:] + b"\0",
                self.plugin.encode() + b"\0",
            )
        )


@dataclass(frozen=True)
class Response:
    """A client's answer to the greeting."""

    capabilities: int
    largest: int
    charset: int
    username: bytes
    token: bytes
    """What proves the password; empty where there is none."""
    database: bytes
    plugin: str
    attributes: bytes

    @classmethod
    def parse(cls, payload: bytes) -> Response:
        """Raises `Malformed`, also for clients older than MySQL 4.1."""
        fields = Fields(payload)
        capabilities, largest, charset = (fields.number(size) for size in (4, 4, 1))
        if not capabilities & PROTOCOL_41:
            raise Malformed(
                "The client speaks a protocol older than MySQL 4.1, or wants TLS from the gateway."
            )
        fields.take(23)
        username = fields.text()
        token = _token(fields, capabilities)
        database = fields.text() if capabilities & CONNECT_WITH_DB else b""
        plugin = fields.text().decode(errors="replace") if capabilities & PLUGIN_AUTH else NATIVE
        attributes = fields.counted() if capabilities & CONNECT_ATTRS else b""
        return cls(capabilities, largest, charset, username, token, database, plugin, attributes)

    @property
    def tls_request(self) -> bytes:
        """The payload that asks the server to go on in TLS."""
        return struct.pack("<IIB23x", self.capabilities, self.largest, self.charset)

    def build(self) -> bytes:
        """The payload; the capabilities have to include `PLUGIN_AUTH` and its length encoding."""
        database = self.database + b"\0" if self.capabilities & CONNECT_WITH_DB else b""
        attributes = _counted(self.attributes) if self.capabilities & CONNECT_ATTRS else b""
        return b"".join(
            (
                self.tls_request,
                self.username + b"\0",
                _counted(self.token),
                database,
                self.plugin.encode() + b"\0",
                attributes,
            )
        )


@dataclass(frozen=True)
class ChangeUser:
    """A client's wish to begin its session anew, as another user."""

    username: bytes
    token: bytes
    database: bytes
    charset: bytes
    plugin: str
    attributes: bytes
    """With their length; empty if the client's capabilities have none."""

    @classmethod
    def parse(cls, payload: bytes, response: Response) -> ChangeUser:
        """``payload`` of the client that once answered the greeting with ``response``."""
        fields = Fields(payload[1:])
        username, token = fields.text(), fields.take(fields.number(1))
        database = fields.text()
        charset = fields.take(2) if fields.left else struct.pack("<H", response.charset)
        plugin = fields.text().decode(errors="replace") if fields.left else NATIVE
        none = b"\0" if response.capabilities & CONNECT_ATTRS else b""
        attributes = fields.take(fields.left) or none
        return cls(username, token, database, charset, plugin, attributes)

    def build(self) -> bytes:
        """The payload."""
        return b"".join(
            (
                bytes([CHANGE_USER]) + self.username + b"\0",
                bytes([len(self.token)]) + self.token,
                self.database + b"\0" + self.charset,
                self.plugin.encode() + b"\0" + self.attributes,
            )
        )


def prove(plugin: str, password: bytes, nonce: bytes) -> bytes:
    """What proves to ``plugin``, on an encrypted connection, that ``password`` is known.

    Raises `Malformed` for a plugin that is none of MySQL's own for passwords.
    """
    if plugin not in _PROOFS:
        raise Malformed(
            f"The account at MySQL needs the plugin {plugin}, which the gateway does not have."
        )
    return _PROOFS[plugin](password, nonce) if password else b""


def _native(password: bytes, nonce: bytes) -> bytes:
    def digest(data: bytes) -> bytes:
        return hashlib.sha1(data).digest()  # noqa: S324 (the plugin's own choice)

    once = digest(password)
    return _xor(once, digest(nonce + digest(once)))


def _caching_sha2(password: bytes, nonce: bytes) -> bytes:
    def digest(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    once = digest(password)
    return _xor(once, digest(digest(once) + nonce))


_PROOFS: dict[str, Callable[[bytes, bytes], bytes]] = {
    NATIVE: _native,
    CACHING_SHA2: _caching_sha2,
    "sha256_password": lambda password, nonce: password + b"\0",
}


def _token(fields: Fields, capabilities: int) -> bytes:
    if capabilities & PLUGIN_AUTH_LENENC:
        return fields.counted()
    if capabilities & SECURE_CONNECTION:
        return fields.take(fields.number(1))
    return fields.text()


def _counted(data: bytes) -> bytes:
    if len(data) < 0xFB:
        return bytes([len(data)]) + data
    return b"\xfc" + len(data).to_bytes(2, "little") + data


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
