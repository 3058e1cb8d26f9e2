"""The accounts and databases of a MySQL group: what they may do, and the statements that make them.

They are made twice over, by the same statements. A new data directory gets them inside
``mysqld --initialize``, where no binary log is written: each member makes its own, so that its set
of transactions stays empty and a group of new members has nothing to disagree on. What a group that
already has data lacks, such as an account that only this release knows, its primary adds, once, and
the binary log carries it to the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pymysql.converters import escape_string

from .errors import AgentError
from .mysql_server import Session

IMAGE = Path("/etc/chatlift/mysql.json")
"""What the image says of its server (docs/contracts.md, "On an instance")."""

NATIVE = "mysql_native_password"
"""For drivers that know nothing newer. MySQL 8.4 has it, switched off; MySQL 9 has not.

https://dev.mysql.com/doc/refman/8.4/en/native-pluggable-authentication.html
"""

COORDINATION = "chatlift"
"""The database in which the application's instances agree on who does what."""

RECOVERY_PASSWORD = 32
"""Characters: the limit of a recovery channel's password.

https://dev.mysql.com/doc/refman/8.4/en/change-replication-source-to.html
"""

Version = tuple[int, int, int]


@dataclass(frozen=True)
class Account:
    """One account, as it has to be."""

    user: str
    host: str
    password: str = field(repr=False)
    plugin: str
    requires: str
    """``NONE``, ``SSL`` or ``X509``."""
    grants: tuple[str, ...]
    """What stands between ``GRANT`` and ``TO``."""

    @property
    def name(self) -> str:
        """The account in SQL."""
        return f"{_string(self.user)}@{_string(self.host)}"

    @property
    def mark(self) -> str:
        """Tells this definition from that of another release; says nothing of the password."""
        text = "\n".join((self.plugin, self.requires, *self.grants))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def statements(self, verb: str = "CREATE USER IF NOT EXISTS") -> Iterator[str]:
        """SQL statements, each on one line, that make the account.

        The mark comes last: an account without it is made again. Rights that a release no longer
        asks for are not taken away, because its predecessor may still be using them.
        """
        yield (
            f"{verb} {self.name} IDENTIFIED WITH {self.plugin} BY {_string(self.password)} "
            f"REQUIRE {self.requires}"
        )
        for grant in self.grants:
            yield f"GRANT {grant} TO {self.name}"
        yield f"ALTER USER {self.name} ATTRIBUTE {_string(json.dumps({'chatlift': self.mark}))}"


def read_plugins(image: Path = IMAGE) -> dict[str, str]:
    """The authentication plugin of each kind of account, such as ``application``."""
    try:
        plugins = json.loads(image.read_text())["auth_plugins"]
        return {str(kind): str(plugin) for kind, plugin in plugins.items()}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise AgentError(
            f"{image} does not name the accounts' plugins ({type(error).__name__}: {error}); the "
            "role mysql writes it: bake the image again."
        ) from None


def check(secrets: Mapping[str, str], plugins: Mapping[str, str], server: Version) -> None:
    """Raise an `AgentError` where MySQL itself would only object later, or not at all."""
    if len(secrets["replication_password"]) > RECOVERY_PASSWORD:
        raise AgentError(
            f"The replication_password of MySQL's secret has more than {RECOVERY_PASSWORD} "
            "characters, which Group Replication refuses: write a shorter one."
        )
    if secrets["app_database"] == COORDINATION:
        raise AgentError(
            f"The application's database must not be called {COORDINATION!r}, for chatlift keeps "
            "its own things there: set another secrets_database."
        )
    native = sorted(kind for kind, plugin in plugins.items() if plugin == NATIVE)
    if native and server >= (9, 0, 0):
        raise AgentError(
            f"MySQL {'.'.join(map(str, server))} has no {NATIVE}, which mysql_auth_plugins asks "
            f"for ({', '.join(native)}): bake an image with MySQL 8.4, or choose "
            "caching_sha2_password."
        )


def accounts(secrets: Mapping[str, str], plugins: Mapping[str, str]) -> Iterator[Account]:
    """Every account of the tier's secret, with no more rights than it needs.

    - ``root`` with the password only from the loopback address, for an operator who comes through
      a tunnel. Over the socket, root of the instance is root of the server.
    - the agent: by socket to manage its own server; from the other members, with the tier's
      certificate, only to look. ``CONNECTION_ADMIN`` lets it in when a server is in offline mode.
    - the replication account, for distributed recovery and clone. The group's messages use XCOM and
      need no account.
    - the application, on its own database.
    - the backup account reads the application's database and nothing else, as mysqldump and the
      MySQL Shell do for a dump that is consistent and says which transactions it holds
      (``RELOAD``, ``BACKUP_ADMIN``, ``REPLICATION CLIENT``, ``PROCESS`` for tablespaces), and as
      XtraBackup does for a copy of the files (``BACKUP_ADMIN``, ``performance_schema``). It has no
      ``CLONE_ADMIN`` and no ``REPLICATION SLAVE``, and cannot see the accounts in ``mysql``.
    - the coordinator, on the database `COORDINATION` alone.
    """

    def account(kind: str, who: str, host: str, requires: str, *grants: str) -> Account:
        plugin = plugins.get(kind, "caching_sha2_password")
        user = secrets.get(f"{who}_username", who)
        return Account(user, host, secrets[f"{who}_password"], plugin, requires, grants)

    database = _pattern(secrets["app_database"])
    yield account("root", "root", "127.0.0.1", "SSL", "ALL ON *.*", "GRANT OPTION ON *.*")
    yield account(
        "agent",
        "agent",
        "localhost",
        "NONE",
        "GROUP_REPLICATION_ADMIN, SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, REPLICATION CLIENT "
        "ON *.*",
        "SELECT ON performance_schema.*",
    )
    yield account(
        "agent", "agent", "%", "X509", "CONNECTION_ADMIN ON *.*", "SELECT ON performance_schema.*"
    )
    yield account(
        "replication",
        "replication",
        "%",
        "SSL",
        "REPLICATION SLAVE, BACKUP_ADMIN, CONNECTION_ADMIN ON *.*",
    )
    yield account("application", "app", "%", "SSL", f"ALL ON {database}.*")
    yield account(
        "backup",
        "backup",
        "%",
        "SSL",
        "RELOAD, PROCESS, REPLICATION CLIENT, BACKUP_ADMIN, SHOW_ROUTINE ON *.*",
        "SELECT ON performance_schema.*",
        f"SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON {database}.*",
    )
    yield account(
        "coordinator",
        "coordinator",
        "%",
        "SSL",
        f"SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, DROP ON {_pattern(COORDINATION)}.*",
    )


def initial(secrets: Mapping[str, str], plugins: Mapping[str, str]) -> Iterator[str]:
    """The statements for a new data directory."""
    yield "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'"  # options load none at this stage
    yield "ALTER USER 'root'@'localhost' IDENTIFIED WITH auth_socket"
    for account in accounts(secrets, plugins):
        yield from account.statements()


def missing(
    session: Session, secrets: Mapping[str, str], plugins: Mapping[str, str]
) -> Iterator[tuple[str, list[str]]]:
    """What the group of ``session``, opened as root, lacks: what to do, and the statements for it.

    Accounts count as missing when they are not marked as of this release, too.
    """
    databases = {
        row["name"]
        for row in session.query("SELECT schema_name AS name FROM information_schema.schemata")
    }
    for database in (secrets["app_database"], COORDINATION):
        if database not in databases:
            yield (
                f"make the database {database}",
                [f"CREATE DATABASE IF NOT EXISTS {quote_name(database)}"],
            )
    marks = {
        (row["user"], row["host"]): row["mark"]
        for row in session.query(
            "SELECT user AS user, host AS host, attribute->>'$.chatlift' AS mark"
            "  FROM information_schema.user_attributes"
        )
    }
    for account in accounts(secrets, plugins):
        key = (account.user, account.host)
        if key not in marks:
            yield f"make the account {account.name}", list(account.statements())
        elif marks[key] != account.mark:
            yield (
                f"bring the account {account.name} up to date",
                list(account.statements("ALTER USER")),
            )


def quote_name(name: str) -> str:
    """``name`` as an identifier."""
    return "`" + name.replace("`", "``") + "`"


def _pattern(database: str) -> str:
    """``database`` for ``GRANT ... ON``, where a bare _ or % would match other databases too."""
    return quote_name(database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%"))


def _string(text: str) -> str:
    return f"'{escape_string(text)}'"
