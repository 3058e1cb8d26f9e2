"""A leaving app instance lets its clients go: the agent's drain against a real HAProxy."""

from __future__ import annotations

import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest
from chatlift_member import haproxy
from chatlift_member.app_drain import QUIET_SECONDS, drain
from chatlift_member.wait import Deadline, NotYet, wait_for

CONFIGURATION = """
global
    stats socket {socket} mode 600 level admin
defaults
    mode http
    timeout connect 2s
    timeout client 75s
    timeout server 60s
    timeout tunnel 1h
frontend clients
    bind 127.0.0.1:{port}
    default_backend application
backend application
    option httpchk GET /health
    server app1 127.0.0.1:{application} check inter 200ms
"""
UPGRADE = (
    "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SLOW_SECONDS = 4
CLIENTS = 60
DRAIN_SECONDS = 5


class Application(socketserver.BaseRequestHandler):
    """Keeps WebSockets open, and takes its time for ``/slow``."""

    def handle(self) -> None:
        request = self.request.recv(4096)
        if b"/ws " in request:
            self.request.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            )
            self.request.recv(1)
            return
        if b"/slow " in request:
            time.sleep(SLOW_SECONDS)
        self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = CLIENTS


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def port(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[int]:
    """The port of an HAProxy whose application is up."""
    directory = tmp_path_factory.mktemp("drain")  # a socket's path has at most 108 characters
    monkeypatch.setattr(haproxy, "STATS_SOCKET", directory / "admin.sock")
    chosen = free_port()
    with Server(("127.0.0.1", 0), Application) as application:
        threading.Thread(target=application.serve_forever, daemon=True).start()
        configuration = directory / "haproxy.cfg"
        configuration.write_text(
            CONFIGURATION.format(
                socket=directory / "admin.sock",
                port=chosen,
                application=application.server_address[1],
            )
        )
        process = subprocess.Popen(["haproxy", "-db", "-f", str(configuration)])
        try:
            wait_for("HAProxy to find its application", _is_up, Deadline(20))
            yield chosen
        finally:
            process.kill()
            process.wait()
            application.shutdown()


def _is_up() -> None:
    try:
        if haproxy.count_up(haproxy.ask("show stat")):
            return
    except OSError as error:
        raise NotYet(str(error)) from None
    raise NotYet("it is down")


def websocket(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(UPGRADE.encode())
    assert b" 101 " in client.recv(4096)
    return client


def closing(client: socket.socket, began: float, moments: list[float]) -> None:
    """Wait until the other end closes ``client``, and note when."""
    client.settimeout(30)
    assert client.recv(1) == b""
    moments.append(time.monotonic() - began)


def test_clients_go_gradually_and_requests_end(port: int) -> None:
    clients = [websocket(port) for _ in range(CLIENTS)]
    assert haproxy.connections(haproxy.ask("show stat")) == CLIENTS
    slow = socket.create_connection(("127.0.0.1", port), timeout=20)
    slow.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    began, moments = time.monotonic(), list[float]()
    watchers = [threading.Thread(target=partial(closing, c, began, moments)) for c in clients]
    for watcher in watchers:
        watcher.start()
    drain(DRAIN_SECONDS, Deadline(60), ask=haproxy.ask)
    for watcher in watchers:
        watcher.join()

    assert len(moments) == CLIENTS
    assert min(moments) >= QUIET_SECONDS, "the load balancer was not given time to notice"
    closed_in = [
        sum(int(moment - min(moments)) == second for moment in moments) for second in range(4)
    ]
    assert all(0 < count <= CLIENTS / 2 for count in closed_in), closed_in
    assert b" 200 OK" in slow.recv(4096)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
