"""Applications that know neither TLS nor passwords get both, and hear of it when they cannot."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pymysql
import pytest
from chatlift_member import gateway_mysql_packets as packets
from chatlift_member.errors import AgentError
from chatlift_member.gateway import Gateway, load
from chatlift_member.gateway_mysql_packets import ChangeUser, Greeting, Response
from chatlift_member.gateway_redis import command
from gateway_servers import (
    NAME,
    NONCE,
    PASSWORD,
    USER,
    FakeMySql,
    Serve,
    make_certificate,
    proof,
    read_packet,
    serving,
)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def tls(directory: Path) -> ssl.SSLContext:
    return make_certificate(directory)


def write_settings(directory: Path, **routes: dict[str, Any]) -> Path:
    path = directory / "gateway.json"
    path.write_text(json.dumps({"ca": str(directory / "ca.crt"), **routes}))
    return path


def route(server_port: int, **changes: Any) -> dict[str, Any]:
    return {
        "port": 0,
        "server_port": server_port,
        "server_name": NAME,
        "username": USER,
        "password": PASSWORD,
        **changes,
    }


@asynccontextmanager
async def gateway(directory: Path, name: str, **of_route: Any) -> AsyncIterator[int]:
    made = Gateway(write_settings(directory, **{name: route(**of_route)}))
    async with await made.listen(name, 0) as server:
        yield server.sockets[0].getsockname()[1]


async def connect(port: int) -> Streams:
    return await asyncio.open_connection("127.0.0.1", port)


# Redis


def fake_redis(answer: bytes = b"+OK\r\n", then: Serve | None = None) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wanted = command("AUTH", USER, PASSWORD)
        good = await reader.readexactly(len(wanted)) == wanted
        writer.write(answer if good else b"-WRONGPASS\r\n")
        if then:
            await then(reader, writer)
        while data := await reader.read(65536):
            writer.write(data.upper())

    return serve


async def test_redis_gets_tls_and_the_user_and_then_the_clients_own_bytes(
    directory: Path, tls: ssl.SSLContext
) -> None:
    async with (
        serving(fake_redis(), tls) as server,
        gateway(directory, "redis", server_port=server) as port,
    ):
        reader, writer = await connect(port)
        for text in (b"PING", b"x" * 3_000_000):
            writer.write(text)
            assert await reader.readexactly(len(text)) == text.upper()
        writer.close()


async def test_a_client_hears_that_redis_refuses_the_user(
    directory: Path, tls: ssl.SSLContext
) -> None:
    async with (
        serving(fake_redis(answer=b"-WRONGPASS invalid username-password pair\r\n"), tls) as server,
        gateway(directory, "redis", server_port=server) as port,
    ):
        reader, _ = await connect(port)
        assert await reader.read() == (
            b"-ERR Redis does not let the user app in: WRONGPASS invalid username-password pair\r\n"
        )


async def test_a_client_hears_that_redis_cannot_be_reached(
    directory: Path, tls: ssl.SSLContext
) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with (
        serving(hang_up) as server,
        gateway(directory, "redis", server_port=server) as port,
    ):
        reader, _ = await connect(port)
        said = (await reader.read()).decode()
    assert re.fullmatch(
        rf"-ERR Redis cannot be reached through 127\.0\.0\.1:{server} "
        r"\((it closed the connection|Connection reset by peer)\); "
        r"connect again, HAProxy looks for the server that leads\.\r\n",
        said,
    )


async def test_a_server_with_another_name_gets_no_password(
    directory: Path, tls: ssl.SSLContext
) -> None:
    told = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.append(await reader.read())

    async with (
        serving(listen, tls) as server,
        gateway(directory, "redis", server_port=server, server_name="other.test.internal") as port,
    ):
        reader, _ = await connect(port)
        assert b"its certificate is not good: Hostname mismatch" in await reader.read()
    assert told in ([], [b""])


async def test_the_client_is_closed_as_soon_as_the_server_is(
    directory: Path, tls: ssl.SSLContext
) -> None:
    async def vanish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(b"last words")
        writer.transport.close()

    async with (
        serving(fake_redis(then=vanish), tls) as server,
        gateway(directory, "redis", server_port=server) as port,
    ):
        reader, writer = await connect(port)
        writer.write(b"PING")
        async with asyncio.timeout(1):
            assert await reader.read() == b"last words"


async def test_the_server_is_closed_as_soon_as_the_client_is(
    directory: Path, tls: ssl.SSLContext
) -> None:
    ended = asyncio.Event()

    async def until_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()

    async with (
        serving(fake_redis(then=until_the_end), tls) as server,
        gateway(directory, "redis", server_port=server) as port,
    ):
        _, writer = await connect(port)
        writer.write(b"PING")
        await writer.drain()
        writer.close()
        async with asyncio.timeout(1):
            await ended.wait()


async def test_a_client_that_does_not_read_stops_the_server_and_fills_no_memory(
    directory: Path, tls: ssl.SSLContext
) -> None:
    sent = 0

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    async with (
        serving(fake_redis(then=pour), tls) as server,
        gateway(directory, "redis", server_port=server) as port,
    ):
        _reader, writer = await connect(port)
        before = -1
        async with asyncio.timeout(20):
            while sent != before:
                before = sent
                await asyncio.sleep(0.3)
        # What the kernel's socket buffers hold, of which there are four.
        assert 0 < sent < 64 * 1024 * 1024
        writer.transport.abort()


# MySQL


def mysql_client(port: int, **options: Any) -> pymysql.Connection:
    return pymysql.connect(
        host="127.0.0.1", port=port, user="nobody", database="chat", ssl_disabled=True, **options
    )


@asynccontextmanager
async def mysql_gateway(directory: Path, fake: FakeMySql) -> AsyncIterator[int]:
    with fake.serving() as server:
        async with gateway(directory, "mysql", server_port=server) as port:
            yield port


@pytest.mark.parametrize("password", ["", "the application's own idea"])
@pytest.mark.parametrize(
    ("greets_with", "plugin", "remembers"),
    [
        (packets.CACHING_SHA2, packets.CACHING_SHA2, True),
        (packets.CACHING_SHA2, packets.CACHING_SHA2, False),
        (packets.CACHING_SHA2, packets.NATIVE, True),
        (packets.NATIVE, packets.NATIVE, True),
        (packets.NATIVE, packets.CACHING_SHA2, False),
        (packets.CACHING_SHA2, "sha256_password", True),
    ],
)
async def test_mysql_gets_tls_and_the_user_whatever_the_client_gives(
    directory: Path,
    tls: ssl.SSLContext,
    greets_with: str,
    plugin: str,
    remembers: bool,
    password: str,
) -> None:
    fake = FakeMySql(tls, greets_with, plugin, remembers)
    async with mysql_gateway(directory, fake) as port:
        client = await asyncio.to_thread(mysql_client, port, password=password)
        assert client.get_server_info() == "9.7.0"
        assert await asyncio.to_thread(client.query, "SELECT " + "x" * 100_000) == 0
        await asyncio.to_thread(client.close)
    assert fake.response
    assert fake.response.database == b"chat"
    assert b"_client_name" in fake.response.attributes
    assert not fake.response.capabilities & (packets.COMPRESS | packets.LOCAL_FILES)
    assert len(fake.commands[-1 if fake.commands[-1] != b"\x01" else -2]) == 100_008


async def test_the_servers_own_error_is_passed_on(directory: Path, tls: ssl.SSLContext) -> None:
    fake = FakeMySql(tls, verdict=b"\xff\x19\x04#42000Unknown database 'chat'")
    async with mysql_gateway(directory, fake) as port:
        with pytest.raises(pymysql.OperationalError, match=r"1049, .Unknown database 'chat'"):
            await asyncio.to_thread(mysql_client, port)


async def test_the_servers_refusal_to_greet_is_passed_on(
    directory: Path, tls: ssl.SSLContext
) -> None:
    async def full(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(packets.packet(0, b"\xff\x10\x04Too many connections"))

    async with (
        serving(full) as server,
        gateway(directory, "mysql", server_port=server) as port,
    ):
        with pytest.raises(pymysql.OperationalError, match="1040, 'Too many connections'"):
            await asyncio.to_thread(mysql_client, port)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"capabilities": 0xFFFFFFFF & ~packets.SSL}, "The MySQL server offers no TLS"),
        ({"plugin": "authentication_ldap_simple"}, "needs the plugin authentication_ldap_simple"),
    ],
)
async def test_a_client_hears_why_mysql_cannot_be_used(
    directory: Path, tls: ssl.SSLContext, change: dict[str, Any], sentence: str
) -> None:
    fake = FakeMySql(tls, **change)
    async with mysql_gateway(directory, fake) as port:
        with pytest.raises(pymysql.OperationalError, match=f"2003, .*{sentence}"):
            await asyncio.to_thread(mysql_client, port)


async def test_a_client_hears_that_mysql_cannot_be_reached(
    directory: Path, tls: ssl.SSLContext
) -> None:
    with FakeMySql(tls).serving() as gone:
        pass
    async with gateway(directory, "mysql", server_port=gone) as port:
        with pytest.raises(
            pymysql.OperationalError,
            match=r"2003, .MySQL cannot be reached .* \(Connection refused\)",
        ):
            await asyncio.to_thread(mysql_client, port)


@pytest.mark.parametrize("plugin", [packets.CACHING_SHA2, packets.NATIVE])
async def test_a_client_that_becomes_another_user_stays_the_same_one(
    directory: Path, tls: ssl.SSLContext, plugin: str
) -> None:
    fake = FakeMySql(tls, plugin=plugin)
    response = Response(
        packets.PROTOCOL_41 | packets.PLUGIN_AUTH | packets.SECURE_CONNECTION,
        1 << 24,
        45,
        b"nobody",
        b"token",
        b"",
        packets.CACHING_SHA2,
        b"",
    )
    wish = ChangeUser(b"somebody", b"token", b"other", b"\x2d\0", packets.CACHING_SHA2, b"")
    async with mysql_gateway(directory, fake) as port:
        reader, writer = await connect(port)
        await read_packet(reader)
        payload = response.tls_request + b"nobody\0\x05token" + b"caching_sha2_password\0"
        writer.write(packets.packet(1, payload))
        assert await read_packet(reader) == (2, packets.FAST_AUTH_OK)
        assert (await read_packet(reader))[1][0] == packets.OK
        for _ in range(2):
            writer.write(packets.packet(0, wish.build()))
            assert await read_packet(reader) == (1, packets.FAST_AUTH_OK)
            assert (await read_packet(reader))[1][0] == packets.OK
        writer.write(packets.packet(0, b"\x0e"))
        assert (await read_packet(reader))[1][0] == packets.OK
        writer.close()
    assert fake.response
    assert fake.response.database == b"other"
    assert b"somebody" not in b"".join(fake.commands)


async def test_a_login_that_is_no_mysql_is_refused(directory: Path, tls: ssl.SSLContext) -> None:
    async with mysql_gateway(directory, FakeMySql(tls)) as port:
        reader, writer = await connect(port)
        await read_packet(reader)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        _sequence, payload = await read_packet(reader)
        assert payload.startswith(b"\xff\xd3\x07A packet of")
        assert await reader.read() == b""


def test_a_greeting_is_read_as_it_is_written() -> None:
    greeting = Greeting(b"9.7.0", 9, NONCE, 0xDFFFFFFF, 255, 2, packets.CACHING_SHA2)
    assert Greeting.parse(greeting.build()) == greeting


@pytest.mark.parametrize("plugin", [packets.CACHING_SHA2, packets.NATIVE])
def test_the_proof_of_a_password_is_what_other_clients_send(plugin: str) -> None:
    assert packets.prove(plugin, PASSWORD.encode(), NONCE) == proof(plugin, NONCE)
    assert packets.prove(plugin, b"", NONCE) == b""


# Settings


def test_broken_settings_are_named(tmp_path: Path, tls: ssl.SSLContext, directory: Path) -> None:
    with pytest.raises(AgentError, match=r"gateway.json cannot be used \(FileNotFoundError"):
        load(tmp_path / "gateway.json")
    path = write_settings(directory, redis={"port": 6379})
    with pytest.raises(AgentError, match="missing 4 required positional arguments"):
        load(path)


def test_the_password_is_in_no_text_of_the_settings(directory: Path, tls: ssl.SSLContext) -> None:
    assert PASSWORD not in repr(load(write_settings(directory, redis=route(1))))


async def test_a_new_password_is_used_after_a_reload_and_broken_settings_are_not(
    directory: Path, tls: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(fake_redis(), tls) as server:
        path = write_settings(directory, redis=route(server, password=PASSWORD[::-1]))
        made = Gateway(path)
        async with await made.listen("redis", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            reader, _ = await connect(port)
            assert b"WRONGPASS" in await reader.readline()
            write_settings(directory, redis=route(server))
            made.reload()
            path.write_text("{")
            made.reload()
            reader, writer = await connect(port)
            writer.write(b"ping")
            assert await reader.readexactly(4) == b"PING"
            writer.close()
    assert "The former settings stay in use." in caplog.text
