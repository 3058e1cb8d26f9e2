"""A load balancer's proxy keeps WebSockets when it changes, and cuts those to the dead."""

from __future__ import annotations

import gzip
import http.client
import shlex
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from chatlift_rehearsal.controllers.load_balancers import (
    Backend,
    Backends,
    ConfigureProxy,
    Layout,
    ServerState,
    TellProxy,
    plan_servers,
)
from chatlift_rehearsal.controllers.load_balancers import Server as Target
from chatlift_rehearsal.machine.load_balancers import LoadBalancers
from chatlift_rehearsal.model import (
    FixedResponse,
    ListenerView,
    LoadBalancerView,
    Redirect,
    RuleView,
)
from chatlift_rehearsal.settings import Settings

KEY, ACCEPT = b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455, section 1.3; HAProxy checks the one against the other."""

UPGRADE = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
)


class Echo(socketserver.BaseRequestHandler):
    """Accepts an upgrade, whatever it asks for, and repeats what comes."""

    def handle(self) -> None:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += self.request.recv(4096)
        self.request.sendall(UPGRADE)
        while data := self.request.recv(4096):
            self.request.sendall(data)


@pytest.fixture
def target() -> Iterator[int]:
    """The port of a WebSocket server."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


@pytest.fixture
def balancers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoadBalancers]:
    # A socket's path has at most 108 characters, too few for the name of a test.
    found = LoadBalancers(Settings(tmp_path_factory.mktemp("lb")))
    yield found
    found.stop_all()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def layout(port: int, idle_timeout: float = 60.0, *rules: RuleView) -> Layout:
    """A listener with ``rules`` and a default one that forwards."""
    listener = ListenerView(port, "HTTP", (*rules, RuleView("arn:app")))
    balancer = LoadBalancerView(
        "arn:lb", "chat", "", ("127.0.0.1",), "vpc-1", (listener,), idle_timeout
    )
    return Layout(balancer, (Backend("arn:app", "app", 0),))


def servers(port: int, state: ServerState = "ready", dead: bool = False) -> Backends:
    return {"app": {f"i-1_{port}": Target(f"i-1_{port}", "127.0.0.1", port, state, dead)}}


def tell(balancers: LoadBalancers, wanted: Backends) -> None:
    present = balancers.proxies()["arn:lb"].servers
    balancers.tell(TellProxy("arn:lb", wanted, tuple(plan_servers(wanted, present))))


class WebSocket:
    """A client that says something and hears it again."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        self._socket.sendall(
            b"GET /ws HTTP/1.1\r\nHost: chat\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n"
        )
        self.answer = self._socket.recv(4096).split(b"\r\n")[0].decode()

    def echoes(self) -> bool:
        self._socket.sendall(b"hello")
        try:
            return self._socket.recv(4096) == b"hello"
        except ConnectionResetError:
            return False

    def close(self) -> None:
        self._socket.close()


def test_a_websocket_outlives_changed_listeners_and_drains(
    balancers: LoadBalancers, target: int
) -> None:
    port = free_port()
    balancers.configure(ConfigureProxy(layout(port), servers(target)))
    early = WebSocket(port)
    assert early.answer == "HTTP/1.1 101 Switching Protocols"

    balancers.configure(ConfigureProxy(layout(port, idle_timeout=4000.0), servers(target)))
    assert early.echoes()
    late = WebSocket(port)
    assert late.echoes()

    tell(balancers, servers(target, state="drain"))
    assert early.echoes()
    assert late.echoes()
    assert "503" in WebSocket(port).answer

    tell(balancers, {"app": {}})
    assert not early.echoes()
    assert not late.echoes()


def test_connections_to_a_dead_host_are_cut(balancers: LoadBalancers, target: int) -> None:
    port = free_port()
    balancers.configure(ConfigureProxy(layout(port), servers(target)))
    client = WebSocket(port)
    assert client.echoes()
    tell(balancers, servers(target, dead=True))
    assert not client.echoes()


def test_a_port_in_use_is_named(balancers: LoadBalancers, target: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(Exception, match=f"127.0.0.1:{port}"):
            balancers.configure(ConfigureProxy(layout(port), servers(target)))


LOGGING = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/chat/1a2b3c4d"


def test_requests_are_logged_with_what_became_of_them(
    balancers: LoadBalancers, target: int
) -> None:
    port = free_port()
    rules = (
        RuleView(paths=("/old/*",), answer=Redirect("https", 443, 301), priority=5),
        RuleView(paths=("/no",), answer=FixedResponse(403, body="No."), priority=7),
    )
    plain = layout(port, 60.0, *rules)
    logging = replace(plain.balancer, arn=LOGGING, log_bucket="logs")
    balancers.configure(ConfigureProxy(replace(plain, balancer=logging), servers(target)))
    ask(port, "/old/a?b=c")
    balancers.configure(
        ConfigureProxy(replace(plain, balancer=replace(logging, idle_timeout=9)), servers(target))
    )
    ask(port, "/no", **{"User-Agent": 'curious "1"'})
    client = WebSocket(port)
    assert client.echoes()
    client.close()
    stored: list[bytes] = []
    deadline = time.monotonic() + 5
    while b"".join(stored).count(b"\n") < 3:
        assert time.monotonic() < deadline, f"Only this was logged: {stored}"
        balancers.deliver_log(LOGGING, lambda *made: stored.append(gzip.decompress(made[2])))
        time.sleep(0.05)
    found = [shlex.split(line) for line in b"".join(stored).decode().splitlines()]
    host, own = f"chat:{port}", f"127.0.0.1:{target}"
    # kind, target, two statuses, request, client, target group, rule, action, where it was led
    assert [[line[n] for n in (0, 4, 8, 9, 12, 13, 16, 20, 22, 23)] for line in found] == [
        [
            *("http", "-", "301", "-", f"GET http://{host}/old/a?b=c HTTP/1.1", "-"),
            *("-", "5", "redirect", "https://chat:443/old/a?b=c"),
        ],
        [
            *("http", "-", "403", "-", f"GET http://{host}/no HTTP/1.1", r"curious \x221\x22"),
            *("-", "7", "fixed-response", "-"),
        ],
        [
            *("ws", own, "101", "101", f"GET http://chat:{port}/ws HTTP/1.1", "-"),
            *("arn:app", "0", "forward", "-"),
        ],
    ]


def ask(port: int, path: str, **headers: str) -> tuple[int, str, str]:
    """Status, ``Location`` and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path, headers={"Host": f"chat:{port}", **headers})
    answer = connection.getresponse()
    return answer.status, answer.getheader("Location", ""), answer.read().decode()


def test_of_several_rules_the_first_that_fits_is_the_only_one(balancers: LoadBalancers) -> None:
    port = free_port()
    rules = (
        RuleView(headers=(("X-Origin", ("s3cret*",)),), answer=FixedResponse(200, body="Come in.")),
        RuleView(paths=("/old/*",), answer=Redirect("https", 443, 301)),
        RuleView(paths=("/*",), answer=FixedResponse(403, body="It's forbidden.")),
    )
    balancers.configure(ConfigureProxy(layout(port, 60.0, *rules), {"app": {}}))
    assert ask(port, "/old/a?b=c") == (301, "https://chat:443/old/a?b=c", "")
    assert ask(port, "/") == (403, "", "It's forbidden.")
    assert ask(port, "/", **{"X-Origin": "wrong"}) == (403, "", "It's forbidden.")
    assert ask(port, "/old/a", **{"x-origin": "S3cret-1"}) == (200, "", "Come in.")
