"""Talking SQL to a MySQL server: this member's by socket, another member's over TLS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymysql
from pymysql.cursors import DictCursor

from .errors import AgentError
from .gtid import GtidSet
from .mysql_group import Seat, View
from .tier import Tls

SOCKET = Path("/run/mysqld/mysqld.sock")

ENTERING = "chatlift.entering"
"""Lock that is held on a server while START GROUP_REPLICATION runs on it, for the others to see."""

_SELF = """
SELECT @@server_uuid AS uuid, @@super_read_only AS read_only, @@offline_mode AS offline,
       IS_USED_LOCK(%s) IS NOT NULL AS entering, @@gtid_executed AS executed,
       @@group_replication_bootstrap_group AS bootstraps,
       (SELECT received_transaction_set FROM performance_schema.replication_connection_status
         WHERE channel_name = 'group_replication_applier') AS received
"""
_SEATS = """
SELECT member_id AS uuid, member_host AS address, member_state AS state, member_role AS role,
       CAST(COALESCE(count_transactions_remote_in_applier_queue, 0) AS SIGNED) AS queue,
       member_version AS version
  FROM performance_schema.replication_group_members
  LEFT JOIN performance_schema.replication_group_member_stats USING (member_id)
"""
_LOAD = """
SELECT (SELECT CAST(variable_value AS SIGNED) FROM performance_schema.global_status
         WHERE variable_name = 'Threads_connected') AS connections,
       @@max_connections AS most_connections,
       (SELECT COALESCE(MAX(TIMESTAMPDIFF(MICROSECOND,
                 applying_transaction_original_commit_timestamp, NOW(6))), 0) / 1000000
          FROM performance_schema.replication_applier_status_by_worker
         WHERE applying_transaction <> '') AS behind,
       (SELECT COALESCE(MAX(timer_wait), 0) / 1000000000000
          FROM performance_schema.events_transactions_current
          JOIN performance_schema.threads USING (thread_id)
         WHERE state = 'ACTIVE' AND connection_type IS NOT NULL) AS oldest
"""


class SqlError(AgentError):
    """A server does not answer, or refused a statement."""


class Session:
    """An open connection."""

    def __init__(self, connection: Any, name: str) -> None:
        self._connection = connection
        self._name = name

    def query(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Run one statement, ``values`` quoted into its ``%s``; the rows it returns, if any.

        Raises `SqlError` with what the server said, but not the statement: it may hold a secret.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return list(cursor.fetchall())
        except (pymysql.MySQLError, OSError) as error:
            raise SqlError(f"MySQL on {self._name} refused ({_said(error)}).") from None

    def view(self) -> View:
        """What the server says of itself and its group; reads memory only and waits for nothing."""
        (own,) = self.query(_SELF, ENTERING)
        return View(
            uuid=own["uuid"],
            seats=tuple(Seat(**row) for row in self.query(_SEATS)),
            transactions=GtidSet.parse(own["executed"]) | GtidSet.parse(own["received"]),
            read_only=bool(own["read_only"]),
            offline=bool(own["offline"]),
            entering=bool(own["entering"]),
            bootstraps=bool(own["bootstraps"]),
        )

    def load(self) -> dict[str, float]:
        """How busy the server is, as `chatlift_member.health.Status.metrics`.

        The lag is that of the oldest transaction that is being applied: how long ago its client was
        told that it is committed, by the clock of the member that committed it.

        The oldest transaction is the longest that a client has open, even one that only reads or
        has done nothing yet: a planned switch ends it.
        """
        (row,) = self.query(_LOAD)
        return {
            "mysql_connections": float(row["connections"]),
            "mysql_connections_used_ratio": row["connections"] / row["most_connections"],
            "mysql_replication_lag_seconds": max(float(row["behind"]), 0.0),
            "mysql_oldest_transaction_seconds": float(row["oldest"]),
        }


@dataclass(frozen=True)
class Server:
    """How to reach one server as the agent."""

    name: str
    user: str
    password: str = field(repr=False)
    where: Mapping[str, Any]

    @classmethod
    def local(cls, name: str, user: str, password: str, socket: Path = SOCKET) -> Server:
        """This member's own server."""
        return cls(name, user, password, {"unix_socket": str(socket)})

    @classmethod
    def remote(cls, name: str, address: str, user: str, password: str, tls: Tls) -> Server:
        """Another member's server; each side proves itself with the tier's certificate."""
        where = {
            "host": address,
            "port": 3306,
            "ssl_ca": str(tls.ca),
            "ssl_cert": str(tls.certificate),
            "ssl_key": str(tls.private_key),
            "ssl_verify_cert": True,
            "ssl_verify_identity": True,
        }
        return cls(name, user, password, where)

    @contextmanager
    def session(self, timeout: float = 1) -> Iterator[Session]:
        """Connect, for a ``with`` block; no answer may take longer than ``timeout`` seconds.

        Raises `SqlError` when the server does not answer.
        """
        try:
            connection = pymysql.connect(
                user=self.user,
                password=self.password.encode(),  # as text, it would be sent in Latin-1
                connect_timeout=1,
                read_timeout=max(timeout, 1),
                write_timeout=max(timeout, 1),
                autocommit=True,
                charset="utf8mb4",
                cursorclass=DictCursor,
                **self.where,
            )
        except (pymysql.MySQLError, OSError) as error:
            raise SqlError(f"MySQL on {self.name} does not answer ({_said(error)}).") from None
        try:
            yield Session(connection, self.name)
        finally:
            connection.close()

    def view(self) -> View:
        """`Session.view` in a session of its own."""
        with self.session() as session:
            return session.view()


def _said(error: Exception) -> str:
    return str(error.args[-1]) if error.args else type(error).__name__
