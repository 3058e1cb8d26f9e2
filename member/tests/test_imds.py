"""The metadata client: a token always, renewed when it is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from chatlift_member.imds import Imds, ImdsError

VALUES = {"/latest/meta-data/instance-id": "i-1"}


class Service(BaseHTTPRequestHandler):
    token = "one"
    tokens_given = 0

    def do_PUT(self) -> None:
        assert self.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "21600"
        Service.tokens_given += 1
        self.reply(200, self.token)

    def do_GET(self) -> None:
        if self.headers["X-aws-ec2-metadata-token"] != self.token:
            return self.reply(401)
        if self.path == "/latest/meta-data/broken":
            return self.reply(500)
        return self.reply(200 if self.path in VALUES else 404, VALUES.get(self.path, ""))

    def reply(self, code: int, body: str = "") -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Imds]:
    server = HTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(Service, "token", "one")
    monkeypatch.setattr(Service, "tokens_given", 0)
    yield Imds(f"127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_one_token_serves_many_questions(client: Imds) -> None:
    assert client.get("instance-id") == "i-1"
    assert client.require("instance-id") == "i-1"
    assert Service.tokens_given == 1


def test_a_refused_token_is_renewed(client: Imds, monkeypatch: pytest.MonkeyPatch) -> None:
    client.get("instance-id")
    monkeypatch.setattr(Service, "token", "two")
    assert client.get("instance-id") == "i-1"
    assert Service.tokens_given == 2


def test_what_is_not_there_is_none_unless_it_is_required(client: Imds) -> None:
    assert client.get("autoscaling/target-lifecycle-state") is None
    with pytest.raises(ImdsError, match="knows nothing of autoscaling/target-lifecycle-state"):
        client.require("autoscaling/target-lifecycle-state")


def test_other_failures_are_sentences(client: Imds) -> None:
    with pytest.raises(ImdsError, match="answered 500 for broken"):
        client.get("broken")
    with pytest.raises(ImdsError, match=r"at 127\.0\.0\.1:1 does not answer"):
        Imds("127.0.0.1:1").get("instance-id")
