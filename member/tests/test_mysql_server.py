"""Servers are reached over verified TLS, and what they say back holds no secret."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pymysql
import pytest
from chatlift_member.mysql_server import ENTERING, Server, SqlError
from chatlift_member.tier import Tls


class FakeConnection:
    """Stands in for pymysql's: a list of answers, or an error."""

    def __init__(self, *answers: list[dict[str, Any]] | Exception) -> None:
        self.answers = list(answers)
        self.executed: list[tuple[str, Any]] = []
        self.closed = False

    def cursor(self) -> FakeConnection:
        return self

    def __enter__(self) -> FakeConnection:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def execute(self, sql: str, values: Any) -> None:
        self.executed.append((sql, values))
        if isinstance(self.answers[0], Exception):
            raise self.answers[0]

    def fetchall(self) -> Any:
        return self.answers.pop(0)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What pymysql.connect was given; its key ``connection`` is what it returns, or raises."""
    given: dict[str, Any] = {}

    def connect(**options: Any) -> FakeConnection:
        connection = given["connection"]
        given.update(options)
        if isinstance(connection, Exception):
            raise connection
        assert isinstance(connection, FakeConnection)
        return connection

    monkeypatch.setattr(pymysql, "connect", connect)
    return given


def remote() -> Server:
    return Server.remote("mysql-b1", "10.42.33.21", "agent", "sécret", Tls())


def test_another_member_must_prove_who_it_is(given: dict[str, Any]) -> None:
    given["connection"] = FakeConnection()
    with remote().session():
        pass
    assert (given["host"], given["port"]) == ("10.42.33.21", 3306)
    assert given["ssl_verify_cert"]
    assert given["ssl_verify_identity"]
    assert given["ssl_cert"] == "/run/chatlift/tls/server.crt"
    assert given["connection"].closed


def test_a_password_is_sent_in_the_encoding_it_was_stored_in(given: dict[str, Any]) -> None:
    given["connection"] = FakeConnection()
    with remote().session(timeout=0):
        pass
    assert given["password"] == "sécret".encode()
    assert given["read_timeout"] == 1, "pymysql takes no time-out of 0"


def test_a_server_out_of_reach_is_named_with_the_reason(given: dict[str, Any]) -> None:
    given["connection"] = pymysql.OperationalError(2003, "Can't connect (timed out)")
    with (
        pytest.raises(SqlError, match=r"^MySQL on mysql-b1 does not answer \(Can't connect"),
        remote().session(),
    ):
        pass


def test_a_refused_statement_is_not_repeated_in_the_message(given: dict[str, Any]) -> None:
    given["connection"] = FakeConnection(pymysql.OperationalError(3092, "See the error log"))
    with remote().session() as session, pytest.raises(SqlError) as raised:
        session.query("START GROUP_REPLICATION PASSWORD = %s", "hunter2")
    assert str(raised.value) == "MySQL on mysql-b1 refused (See the error log)."
    assert "sécret" not in repr(remote())


def test_a_view_unites_what_was_executed_and_what_was_received(given: dict[str, Any]) -> None:
    uuid = "6f6e5a3e-8c1f-4c39-9b11-0a8f0d9d3e01"
    own = {"uuid": "u", "read_only": 1, "offline": 0, "entering": 0, "bootstraps": 1}
    row = {"uuid": "u", "address": "10.42.33.21", "state": "ONLINE", "role": "PRIMARY", "queue": 2}
    row |= {"version": "9.7.0"}
    given["connection"] = FakeConnection(
        [own | {"executed": f"{uuid}:1-5", "received": f"{uuid}:4-7"}], [row]
    )
    view = remote().view()
    assert str(view.transactions) == f"{uuid}:1-7"
    assert (view.own.role, view.own.queue, view.read_only, view.offline) == (
        "PRIMARY",
        2,
        True,
        False,
    )
    assert view.bootstraps
    assert given["connection"].executed[0][1] == (ENTERING,)


def test_the_load_is_told_as_shares_and_seconds(given: dict[str, Any]) -> None:
    row = {"connections": 30, "most_connections": 120, "behind": Decimal("1.5000"), "oldest": 3}
    given["connection"] = FakeConnection([row], [row | {"behind": Decimal("-0.2")}])
    with remote().session() as session:
        assert session.load() == {
            "mysql_connections": 30,
            "mysql_connections_used_ratio": 0.25,
            "mysql_replication_lag_seconds": 1.5,
            "mysql_oldest_transaction_seconds": 3,
        }
        assert session.load()["mysql_replication_lag_seconds"] == 0, "clocks differ a little"
