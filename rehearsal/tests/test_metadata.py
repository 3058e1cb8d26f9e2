from __future__ import annotations

import http.client

import pytest
from chatlift_rehearsal.machine.metadata import MetadataServer, Tokens

CONTENT = {"meta-data/instance-id": "i-1"}


@pytest.fixture
def ask():
    def lookup(source, path):
        assert source == "127.0.0.1"
        return CONTENT.get(path)

    server = MetadataServer("127.0.0.1", 0, lookup)
    server.start()

    def ask(method, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=names)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    yield ask
    server.stop()


TTL = {"X_aws_ec2_metadata_token_ttl_seconds": "60"}


@pytest.fixture
def token(ask):
    status, token = ask("PUT", "/latest/api/token", **TTL)
    assert status == 200
    return {"X_aws_ec2_metadata_token": token}


def test_content_needs_a_token(ask, token):
    assert ask("GET", "/latest/meta-data/instance-id") == (401, "Unauthorized")
    wrong = {"X_aws_ec2_metadata_token": "guessed"}
    assert ask("GET", "/latest/meta-data/instance-id", **wrong) == (401, "Unauthorized")
    assert ask("GET", "/latest/meta-data/instance-id", **token) == (200, "i-1")


def test_dated_versions_are_served_too(ask, token):
    assert ask("GET", "/2021-03-23/meta-data/instance-id", **token) == (200, "i-1")


def test_what_is_not_there_is_not_found(ask, token):
    assert ask("GET", "/latest/meta-data/none", **token)[0] == 404
    assert ask("GET", "/elsewhere", **token)[0] == 404


@pytest.mark.parametrize("ttl", ["", "0", "21601", "soon"])
def test_a_token_needs_a_lifetime(ask, ttl):
    headers = {"X_aws_ec2_metadata_token_ttl_seconds": ttl} if ttl else {}
    assert ask("PUT", "/latest/api/token", **headers)[0] == 400


def test_no_token_through_a_proxy(ask):
    assert ask("PUT", "/latest/api/token", X_Forwarded_For="10.0.0.1", **TTL)[0] == 403


def test_a_token_is_for_one_instance_and_expires():
    now = [100.0]
    tokens = Tokens(lambda: now[0])
    token = tokens.issue("10.42.0.4", 60)
    assert tokens.valid("10.42.0.4", token)
    assert not tokens.valid("10.42.0.5", token)
    now[0] = 160.0
    assert not tokens.valid("10.42.0.4", token)
