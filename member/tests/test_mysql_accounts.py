"""Accounts hold whatever characters a password has, and no more rights than they need."""

from __future__ import annotations

import pytest
from chatlift_member.errors import AgentError
from chatlift_member.mysql_accounts import check, quote_name, statements

SECRETS = {
    "app_username": "app",
    "app_password": "app-password",
    "app_database": "chat",
    "agent_username": "agent",
    "agent_password": "agent-password",
    "replication_username": "replication",
    "replication_password": "replication-password",
    "root_password": "root-password",
}


def sql(**changes: str) -> list[str]:
    return list(statements(SECRETS | changes))


def of(account: str, lines: list[str]) -> list[str]:
    return [line for line in lines if account in line]


@pytest.mark.parametrize(
    ("password", "literal"),
    [
        ("it's", r"'it\'s'"),
        ('"; DROP USER root; --', r"'\"; DROP USER root; --'"),
        ("back\\slash\\", r"'back\\slash\\'"),
        ("two\nlines;\n", r"'two\nlines;\n'"),
        ("%s %(name)s $(id) `id` é", "'%s %(name)s $(id) `id` é'"),
    ],
)
def test_a_password_with_any_character_is_one_literal_on_one_line(
    password: str, literal: str
) -> None:
    (created,) = (line for line in sql(app_password=password) if "CREATE USER 'app'" in line)
    assert created == f"CREATE USER 'app'@'%' IDENTIFIED BY {literal} REQUIRE SSL"
    assert all("\n" not in line for line in sql(app_password=password))


def test_the_application_reaches_its_database_alone() -> None:
    lines = of("'app'@", sql(app_database="chat_app%1"))
    assert lines[1:] == [r"GRANT ALL ON `chat\_app\%1`.* TO 'app'@'%'"]


def test_every_account_from_elsewhere_needs_tls() -> None:
    created = [line for line in sql() if line.startswith("CREATE USER")]
    remote = [line for line in created if "'localhost'" not in line]
    assert len(remote) == 4
    assert all(line.endswith(("REQUIRE SSL", "REQUIRE X509")) for line in remote)


def test_from_another_member_the_agent_only_looks() -> None:
    assert of("'agent'@'%'", sql())[1:] == [
        "GRANT CONNECTION_ADMIN ON *.* TO 'agent'@'%'",
        "GRANT SELECT ON performance_schema.* TO 'agent'@'%'",
    ]


def test_root_has_no_password_over_the_socket_and_no_way_in_from_elsewhere() -> None:
    lines = of("'root'@", sql())
    assert lines[0] == "ALTER USER 'root'@'localhost' IDENTIFIED WITH auth_socket"
    assert not of("'root'@'%'", lines)


def test_a_name_is_quoted() -> None:
    assert quote_name("a`b") == "`a``b`"


def test_a_replication_password_is_as_long_as_the_recovery_channel_takes_it() -> None:
    check(SECRETS | {"replication_password": "x" * 32})
    with pytest.raises(AgentError, match="more than 32 characters"):
        check(SECRETS | {"replication_password": "x" * 33})
