"""Accounts hold whatever characters a password has, and no more rights than they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chatlift_member.errors import AgentError
from chatlift_member.mysql_accounts import (
    accounts,
    check,
    initial,
    missing,
    quote_name,
    read_plugins,
)

SECRETS = {
    "app_username": "app",
    "app_password": "app-password",
    "app_database": "chat",
    "agent_username": "agent",
    "agent_password": "agent-password",
    "replication_username": "replication",
    "replication_password": "replication-password",
    "backup_username": "backup",
    "backup_password": "backup-password",
    "coordinator_username": "coordinator",
    "coordinator_password": "coordinator-password",
    "root_password": "root-password",
}
NATIVE = {"application": "mysql_native_password"}


def sql(**changes: str) -> list[str]:
    return list(initial(SECRETS | changes, {}))


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
    [created] = [line for line in of("'app'@", sql(app_password=password)) if "CREATE" in line]
    assert created.endswith(
        f"'app'@'%' IDENTIFIED WITH caching_sha2_password BY {literal} REQUIRE SSL"
    )
    assert all("\n" not in line for line in sql(app_password=password))


def test_the_application_reaches_its_database_alone() -> None:
    lines = of("'app'@", sql(app_database="chat_app%1"))
    assert lines[1:-1] == [r"GRANT ALL ON `chat\_app\%1`.* TO 'app'@'%'"]


def test_every_account_from_elsewhere_needs_tls() -> None:
    created = [line for line in sql() if line.startswith("CREATE USER")]
    remote = [line for line in created if "'localhost'" not in line]
    assert len(remote) == 6
    assert all(line.endswith(("REQUIRE SSL", "REQUIRE X509")) for line in remote)


def test_from_another_member_the_agent_only_looks() -> None:
    assert of("'agent'@'%'", sql())[1:-1] == [
        "GRANT CONNECTION_ADMIN ON *.* TO 'agent'@'%'",
        "GRANT SELECT ON performance_schema.* TO 'agent'@'%'",
    ]


def test_root_has_no_password_over_the_socket_and_no_way_in_from_elsewhere() -> None:
    lines = of("'root'@", sql())
    assert lines[0] == "ALTER USER 'root'@'localhost' IDENTIFIED WITH auth_socket"
    assert not of("'root'@'%'", lines)


def test_the_coordinator_has_a_database_of_its_own() -> None:
    [grant] = [line for line in of("'coordinator'@", sql()) if line.startswith("GRANT")]
    assert grant.endswith("ON `chatlift`.* TO 'coordinator'@'%'")


def test_a_backup_reads_the_application_and_changes_nothing() -> None:
    grants = " ".join(line for line in of("'backup'@", sql()) if line.startswith("GRANT"))
    assert "SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON `chat`.*" in grants
    for right in ("INSERT", "DELETE", "ALL", "SLAVE", "CLONE", "SELECT ON *.*"):
        assert right not in grants


def test_an_account_is_marked_once_all_its_rights_are_given() -> None:
    for account in accounts(SECRETS, {}):
        *_, last = account.statements()
        assert (
            last
            == f'ALTER USER {account.name} ATTRIBUTE \'{{\\"chatlift\\": \\"{account.mark}\\"}}\''
        )


def test_a_mark_follows_plugin_and_rights_but_not_the_password() -> None:
    def mark(secrets: dict[str, str], plugins: dict[str, str]) -> str:
        return next(a.mark for a in accounts(secrets, plugins) if a.user == "app")

    before = mark(SECRETS, {})
    assert mark(SECRETS | {"app_password": "another"}, {}) == before
    assert mark(SECRETS | {"app_database": "other"}, {}) != before
    assert mark(SECRETS, NATIVE) != before


class Group:
    """What a primary says of its databases and accounts."""

    def __init__(self, databases: list[str], marks: dict[tuple[str, str], str | None]) -> None:
        self.databases, self.marks = databases, marks

    def query(self, sql: str) -> list[dict[str, Any]]:
        if "schemata" in sql:
            return [{"name": name} for name in self.databases]
        return [{"user": u, "host": h, "mark": mark} for (u, h), mark in self.marks.items()]


def complete() -> Group:
    marks = {(account.user, account.host): account.mark for account in accounts(SECRETS, {})}
    return Group(["mysql", "chat", "chatlift"], {("root", "localhost"): None, **marks})


def lacks(group: Group, plugins: dict[str, str] | None = None) -> dict[str, list[str]]:
    return dict(missing(group, SECRETS, plugins or {}))  # type: ignore[arg-type]


def test_a_complete_group_lacks_nothing() -> None:
    assert lacks(complete()) == {}


def test_a_group_of_an_earlier_release_gets_what_is_new_and_keeps_what_it_has() -> None:
    group = complete()
    group.databases.remove("chatlift")
    del group.marks["coordinator", "%"]
    group.marks["app", "%"] = None
    lacking = lacks(group)
    assert list(lacking) == [
        "make the database chatlift",
        "bring the account 'app'@'%' up to date",
        "make the account 'coordinator'@'%'",
    ]
    assert lacking["make the database chatlift"] == ["CREATE DATABASE IF NOT EXISTS `chatlift`"]
    assert lacking["bring the account 'app'@'%' up to date"][0].startswith("ALTER USER 'app'@'%' ")
    # A member with a new volume has it already when the statement reaches it.
    assert lacking["make the account 'coordinator'@'%'"][0].startswith("CREATE USER IF NOT EXISTS")


def test_another_plugin_reaches_an_account_that_exists() -> None:
    [[statement, *_]] = lacks(complete(), NATIVE).values()
    assert statement.startswith("ALTER USER 'app'@'%' IDENTIFIED WITH mysql_native_password BY ")


def test_the_image_says_which_plugins(tmp_path: Path) -> None:
    image = tmp_path / "mysql.json"
    with pytest.raises(AgentError, match=r"FileNotFoundError.*bake the image again"):
        read_plugins(image)
    image.write_text('{"auth_plugins": {"application": "mysql_native_password"}}')
    assert read_plugins(image) == NATIVE


def test_a_name_is_quoted() -> None:
    assert quote_name("a`b") == "`a``b`"


def test_a_replication_password_is_as_long_as_the_recovery_channel_takes_it() -> None:
    check(SECRETS | {"replication_password": "x" * 32}, {}, (9, 7, 4))
    with pytest.raises(AgentError, match="more than 32 characters"):
        check(SECRETS | {"replication_password": "x" * 33}, {}, (9, 7, 4))


def test_the_coordinators_database_is_not_the_applications() -> None:
    with pytest.raises(AgentError, match="must not be called 'chatlift'"):
        check(SECRETS | {"app_database": "chatlift"}, {}, (9, 7, 4))


def test_a_plugin_that_the_server_lacks_is_refused_with_its_version() -> None:
    check(SECRETS, NATIVE, (8, 4, 6))
    with pytest.raises(AgentError, match=r"MySQL 9.7.4 has no mysql_native_password.*application"):
        check(SECRETS, NATIVE, (9, 7, 4))
