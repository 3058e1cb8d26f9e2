"""What is told of a load balancer's traffic: growth, by whom an error was made, and no zeros."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from chatlift_rehearsal.controllers.load_balancers import Backend, Layout, Server
from chatlift_rehearsal.controllers.traffic import Row, Traffic
from chatlift_rehearsal.machine.haproxy import HAProxy
from chatlift_rehearsal.machine.haproxy_config import render
from chatlift_rehearsal.model import ListenerView, RuleView

from .views import balancer

ELB = "arn:aws:elasticloadbalancing:eu-central-1:123456789012"
LAYOUT = Layout(
    balancer(arn=f"{ELB}:loadbalancer/app/chat/1"),
    (Backend(f"{ELB}:targetgroup/app/2", "app", 0),),
)
WHOLE = {"LoadBalancer": "app/chat/1"}
GROUP = {"TargetGroup": "targetgroup/app/2", **WHOLE}


def row(
    proxy: str, server: str, requests: int = 0, errors: int = 0, mean: int = 0, now: int = 0
) -> Row:
    """A row of HAProxy's statistics; ``mean`` is in milliseconds."""
    values = {"stot": requests, "hrsp_5xx": errors, "rtime": mean, "scur": now}
    return {"# pxname": proxy, "svname": server, **{key: str(n) for key, n in values.items()}}


def look(traffic: Traffic, *rows: tuple[int, Row]) -> dict[tuple[str, int], float]:
    """Each figure's value by its name and the number of its dimensions."""
    found = {}
    for figure in traffic.look(LAYOUT, rows):
        assert figure.dimensions in (WHOLE, GROUP)
        found[figure.name, len(figure.dimensions)] = figure.value
    return found


def test_an_idle_load_balancer_tells_nothing() -> None:
    assert look(Traffic(), (1, row("port_80", "FRONTEND")), (1, row("app", "i-1_8080"))) == {}


def test_growth_is_told_once() -> None:
    traffic = Traffic()
    first = [(1, row("port_80", "FRONTEND", now=2)), (1, row("app", "i-1_8080", 10, mean=30))]
    assert look(traffic, *first) == {
        ("RequestCount", 1): 10,
        ("RequestCount", 2): 10,
        ("TargetResponseTime", 1): 0.03,
        ("TargetResponseTime", 2): 0.03,
        ("ActiveConnectionCount", 1): 2,
    }
    more = [(1, row("app", "i-1_8080", 13)), (1, row("app", "i-2_8080", 5))]
    assert look(traffic, *more)["RequestCount", 2] == 8
    assert look(traffic, *more) == {}


def test_errors_belong_to_whoever_answered() -> None:
    found = look(
        Traffic(),
        (1, row("port_80", "FRONTEND", errors=7)),
        (1, row("app", "i-1_8080", requests=9, errors=3)),
        (1, row("app", "BACKEND", requests=13, errors=7)),
    )
    assert found["HTTPCode_Target_5XX_Count", 1] == found["HTTPCode_Target_5XX_Count", 2] == 3
    assert found["HTTPCode_ELB_5XX_Count", 1] == 4
    assert ("HTTPCode_ELB_5XX_Count", 2) not in found


def test_a_new_worker_and_a_new_server_count_from_zero() -> None:
    traffic = Traffic()
    look(traffic, (1, row("app", "i-1_8080", 100)))
    found = look(traffic, (1, row("app", "i-1_8080", 101)), (2, row("app", "i-1_8080", 4)))
    assert found["RequestCount", 2] == 5
    assert look(traffic, (2, row("app", "i-1_8080", 3)))["RequestCount", 2] == 3


@pytest.fixture
def target() -> Iterator[int]:
    """The port of a target that answers ``/500`` with that, and everything else with 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(500 if self.path == "/500" else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@contextlib.contextmanager
def _proxy(layout: Layout, port: int) -> Iterator[HAProxy]:
    """A real HAProxy before the target; its socket needs a short path."""
    directory = Path(tempfile.mkdtemp(prefix="cl-"))
    proxy = HAProxy(directory)
    server = Server("i-1_8080", "127.0.0.1", port, "ready")
    try:
        proxy.configure(
            render(layout, {"app": {server.name: server}}, connections=50, directory=directory)
        )
        yield proxy
    finally:
        proxy.stop()
        shutil.rmtree(directory)


def test_what_haproxy_counts_is_what_happened(target: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    listener = ListenerView(port, "HTTP", (RuleView(LAYOUT.backends[0].arn),))
    layout = Layout(
        balancer(arn=LAYOUT.balancer.arn, addresses=("127.0.0.1",), listeners=(listener,)),
        LAYOUT.backends,
    )

    def get(path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().status

    with _proxy(layout, target) as proxy:
        assert [get(path) for path in ("/", "/", "/500")] == [200, 200, 500]
        proxy.tell("set server app/i-1_8080 state maint")
        assert get("/") == 503
        found = {
            (figure.name, len(figure.dimensions)): figure.value
            for figure in Traffic().look(layout, proxy.stats())
        }
    assert found["RequestCount", 2] == 3
    assert found["HTTPCode_Target_5XX_Count", 2] == 1
    assert found["HTTPCode_ELB_5XX_Count", 1] == 1
    assert 0 <= found["TargetResponseTime", 2] < 5
