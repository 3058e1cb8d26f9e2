from __future__ import annotations

import functools
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from chatlift_rehearsal.controllers.health import TargetRecord, status_matches
from chatlift_rehearsal.machine.health_checks import passes
from chatlift_rehearsal.model import Target

from .views import target_group


def after(answers, start="initial"):
    """The health after checks that passed (``+``) or failed (``-``), with thresholds 3 and 2."""
    record = TargetRecord(start)
    return functools.reduce(lambda r, c: r.after(c == "+", 3, 2), answers, record).health


@pytest.mark.parametrize(
    ("start", "answers", "health"),
    [
        ("initial", "+", "healthy"),
        ("initial", "-", "initial"),
        ("initial", "--", "unhealthy"),
        ("initial", "-+", "healthy"),
        ("healthy", "-", "healthy"),
        ("healthy", "-+-", "healthy"),
        ("healthy", "--", "unhealthy"),
        ("unhealthy", "++", "unhealthy"),
        ("unhealthy", "++-++", "unhealthy"),
        ("unhealthy", "+++", "healthy"),
    ],
)
def test_health_changes_after_its_threshold(start, answers, health):
    assert after(answers, start) == health


@pytest.mark.parametrize(
    ("status", "matcher", "matches"),
    [
        (200, "200", True),
        (204, "200", False),
        (302, "200,302", True),
        (399, "200-399", True),
        (400, "200-399", False),
        (418, "200-299, 418", True),
    ],
)
def test_matcher(status, matcher, matches):
    assert status_matches(status, matcher) is matches


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked_from = self.client_address[0]
            self.send_response(200 if self.path == "/healthz" else 503)
            self.end_headers()

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_check_asks_the_target(server):
    target = Target("i-1", "127.0.0.1", server.server_address[1])
    assert passes(target_group(target), target, "127.0.0.1")
    assert not passes(target_group(target, check_path="/else"), target, "127.0.0.1")


def test_a_check_comes_from_the_node_that_a_security_group_knows(server):
    target = Target("i-1", "127.0.0.1", server.server_address[1])
    assert passes(target_group(target), target, "127.0.0.5")
    assert server.asked_from == "127.0.0.5"


def test_a_check_of_nobody_fails():
    target = Target("i-1", "127.0.0.1", 1)
    assert not passes(target_group(target), target, "127.0.0.1")
