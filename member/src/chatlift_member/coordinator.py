"""What the app instances of a stack agree on, kept in a schema of its own on the MySQL primary.

A lease gives its holder something that only one instance may have, until it expires. Everything is
timed by the server's clock, never by an instance's. Each change is one statement, and what counts
is what the row says afterwards: when the answer to a statement is lost, the row is read again.

The members are asked directly, over TLS, and not through HAProxy: an instance needs its place in
the stack before it can write HAProxy's configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from .errors import AgentError
from .mysql_server import Server, Session, SqlError
from .tier import Context

KEYS = ("coordinator_username", "coordinator_password")
SCHEMA = "chatlift"

ANSWER_SECONDS = 2
"""For one answer of a member. With one member cut off, an attempt takes at most 4 s."""

_TABLES = (
    """
CREATE TABLE IF NOT EXISTS chatlift.leases (
  name VARCHAR(64) CHARACTER SET ascii PRIMARY KEY,
  holder VARCHAR(32) CHARACTER SET ascii NOT NULL COMMENT 'instance id',
  address VARCHAR(15) CHARACTER SET ascii NOT NULL,
  expires DATETIME(3) NOT NULL COMMENT 'UTC'
)""",
    """
CREATE TABLE IF NOT EXISTS chatlift.releases (
  id VARCHAR(64) CHARACTER SET ascii PRIMARY KEY COMMENT 'AMI id',
  state ENUM('running', 'done', 'failed') NOT NULL COMMENT 'of the release command',
  holder VARCHAR(32) CHARACTER SET ascii NOT NULL COMMENT 'instance id',
  attempt INT NOT NULL,
  started DATETIME(3) NOT NULL COMMENT 'UTC',
  expires DATETIME(3) NOT NULL COMMENT 'UTC; renewed while it runs',
  ended DATETIME(3) COMMENT 'UTC'
)""",
)

# Assignments are made from left to right: the second and third see the holder that the first left.
# A lease that is said to last twice as long as any does was written by a server whose clock is off.
_HOLD = """
INSERT INTO chatlift.leases (name, holder, address, expires)
VALUES (%s, %s, %s, UTC_TIMESTAMP(3) + INTERVAL %s SECOND) AS new
ON DUPLICATE KEY UPDATE
  holder = IF(leases.holder = new.holder OR leases.expires NOT BETWEEN UTC_TIMESTAMP(3)
              AND UTC_TIMESTAMP(3) + INTERVAL 2 * %s SECOND, new.holder, leases.holder),
  address = IF(leases.holder = new.holder, new.address, leases.address),
  expires = IF(leases.holder = new.holder, new.expires, leases.expires)
"""
_LEASES = """
SELECT name, holder, address, expires > UTC_TIMESTAMP(3) AS live
  FROM chatlift.leases WHERE name LIKE %s
"""


@dataclass(frozen=True)
class Lease:
    """One row: who has what."""

    name: str
    holder: str
    """Id of the instance."""
    address: str
    live: bool
    """Not expired."""


class Coordinator:
    """The coordination schema, as one instance sees it. Every method may raise `SqlError`."""

    def __init__(self, context: Context) -> None:
        if missing := [key for key in KEYS if not context.secrets.get(key)]:
            raise AgentError(
                f"The secret of the app tier lacks {' and '.join(missing)}, which the settings of "
                "this application need: run playbooks/secrets.yml."
            )
        self._me = context.facts.instance_id
        self._address = context.facts.address
        self._servers = [
            Server(
                name=peer.name,
                user=context.secrets[KEYS[0]],
                password=context.secrets[KEYS[1]],
                where={
                    "host": peer.address,
                    "port": 3306,
                    "ssl_ca": str(context.tls.ca),
                    "ssl_verify_cert": True,
                    "ssl_verify_identity": True,
                },
            )
            for peer in context.facts.identity.mysql
        ]
        self._made = False

    @property
    def me(self) -> str:
        """The holder of this instance's leases: its id."""
        return self._me

    def hold(self, name: str, seconds: int) -> Lease:
        """Take or renew the lease ``name`` unless another instance holds it; the lease as it is."""
        with self.session() as session:
            session.query(_HOLD, name, self._me, self._address, seconds, seconds)
            (lease,) = _leases(session, name)
            return lease

    def leases(self, pattern: str) -> list[Lease]:
        """The leases whose name is LIKE ``pattern``, expired ones included."""
        with self.session() as session:
            return _leases(session, pattern)

    def release(self, name: str) -> None:
        """Give the lease ``name`` up, so that another instance can take it at once."""
        with self.session() as session:
            session.query(
                "DELETE FROM chatlift.leases WHERE name = %s AND holder = %s", name, self._me
            )

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session with the primary, in which the tables exist."""
        with ExitStack() as stack:
            session = self._primary(stack)
            try:
                if not self._made:
                    for table in _TABLES:
                        session.query(table)
                    self._made = True
                yield session
            except SqlError:
                self._next()  # it may be a primary that its group has left behind
                raise

    def _primary(self, stack: ExitStack) -> Session:
        seen = []
        for _server in list(self._servers):
            server = self._servers[0]
            try:
                session = stack.enter_context(server.session(timeout=ANSWER_SECONDS))
                (row,) = session.query("SELECT @@super_read_only AS secondary")
                if not row["secondary"]:
                    return session
                seen.append(f"{server.name} is not the primary")
            except SqlError as error:
                seen.append(str(error).rstrip("."))
            self._next()
        raise SqlError(f"No MySQL primary answers: {'; '.join(seen)}.")

    def _next(self) -> None:
        """Ask another member first from now on."""
        self._servers = [*self._servers[1:], *self._servers[:1]]


def _leases(session: Session, pattern: str) -> list[Lease]:
    return [Lease(**{**row, "live": bool(row["live"])}) for row in session.query(_LEASES, pattern)]
