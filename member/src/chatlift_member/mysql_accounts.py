"""The accounts of a MySQL member, as the statements that make them in a new data directory.

They run inside ``mysqld --initialize``, where no binary log is written: each member makes its own,
so that its set of transactions stays empty and a group of new members has nothing to disagree on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pymysql.converters import escape_string

from .errors import AgentError

RECOVERY_PASSWORD = 32
"""Characters: the limit of a recovery channel's password.

https://dev.mysql.com/doc/refman/8.4/en/change-replication-source-to.html
"""


def check(secrets: Mapping[str, str]) -> None:
    """Raise an `AgentError` where MySQL itself would only object when the group starts."""
    if len(secrets["replication_password"]) > RECOVERY_PASSWORD:
        raise AgentError(
            f"The replication_password of MySQL's secret has more than {RECOVERY_PASSWORD} "
            "characters, which Group Replication refuses: write a shorter one."
        )


def statements(secrets: Mapping[str, str]) -> Iterator[str]:
    """SQL statements, each on one line, that make every account of the tier's secret.

    - ``root`` by socket for root on the instance; with the password only from the loopback address,
      for an operator who comes through a tunnel.
    - the agent: by socket to manage its own server; from the other members, with the tier's
      certificate, only to look. ``CONNECTION_ADMIN`` lets it in when a server is in offline mode.
    - the replication account, for distributed recovery and clone. The group's messages use XCOM and
      need no account.
    - the application, on its own database.
    """
    agent, replication, app, root = (
        _string(secrets[f"{name}_password"]) for name in ("agent", "replication", "app", "root")
    )
    yield "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'"  # options load none at this stage
    yield "ALTER USER 'root'@'localhost' IDENTIFIED WITH auth_socket"
    yield f"CREATE USER 'root'@'127.0.0.1' IDENTIFIED BY {root} REQUIRE SSL"
    yield "GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION"

    local = _account(secrets["agent_username"], "localhost")
    yield f"CREATE USER {local} IDENTIFIED BY {agent}"
    yield (
        "GRANT GROUP_REPLICATION_ADMIN, SYSTEM_VARIABLES_ADMIN, CONNECTION_ADMIN, "
        f"REPLICATION CLIENT ON *.* TO {local}"
    )
    yield f"GRANT SELECT ON performance_schema.* TO {local}"
    yield f"GRANT CREATE ON {_database_pattern(secrets['app_database'])}.* TO {local}"

    peer = _account(secrets["agent_username"], "%")
    yield f"CREATE USER {peer} IDENTIFIED BY {agent} REQUIRE X509"
    yield f"GRANT CONNECTION_ADMIN ON *.* TO {peer}"
    yield f"GRANT SELECT ON performance_schema.* TO {peer}"

    recovery = _account(secrets["replication_username"], "%")
    yield f"CREATE USER {recovery} IDENTIFIED BY {replication} REQUIRE SSL"
    yield f"GRANT REPLICATION SLAVE, BACKUP_ADMIN, CONNECTION_ADMIN ON *.* TO {recovery}"

    client = _account(secrets["app_username"], "%")
    yield f"CREATE USER {client} IDENTIFIED BY {app} REQUIRE SSL"
    yield f"GRANT ALL ON {_database_pattern(secrets['app_database'])}.* TO {client}"


def quote_name(name: str) -> str:
    """``name`` as an identifier."""
    return "`" + name.replace("`", "``") + "`"


def _database_pattern(name: str) -> str:
    """``name`` for ``GRANT ... ON``, where an unescaped _ or % would match other databases too."""
    return quote_name(name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%"))


def _account(user: str, host: str) -> str:
    return f"{_string(user)}@'{host}'"


def _string(text: str) -> str:
    return f"'{escape_string(text)}'"
