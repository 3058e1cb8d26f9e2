"""What holds of every member: once the group is formed, and again once a lost member is back."""

import json
from collections.abc import Callable
from pathlib import Path

from testinfra.host import Host

CLIENT = Path(__file__).with_name("client.py").read_text()


def ask(host: Host, statement: str) -> list[list[str]]:
    """The rows that the member's own server answers to root, who needs no password here."""
    rows = host.check_output("mysql --batch --skip-column-names --execute %s", statement)
    return [row.split("\t") for row in rows.splitlines()]


def test_member_is_in_good_standing(host: Host) -> None:
    health = json.loads(host.check_output("chatlift-member status"))
    assert health["role"] in ("primary", "replica")


def test_group_is_whole_and_has_one_primary(host: Host) -> None:
    members = ask(
        host,
        "SELECT MEMBER_STATE, MEMBER_ROLE FROM performance_schema.replication_group_members",
    )
    assert sorted(map(" ".join, members)) == [
        "ONLINE PRIMARY",
        "ONLINE SECONDARY",
        "ONLINE SECONDARY",
    ]


def test_primary_alone_takes_writes(host: Host) -> None:
    [[read_only]] = ask(host, "SELECT @@super_read_only")
    leads = json.loads(host.check_output("chatlift-member status"))["role"] == "primary"
    assert read_only == ("0" if leads else "1")


def test_member_has_what_the_primary_has(host: Host) -> None:
    rows = json.loads(host.check_output("python3 -c %s read", CLIENT))
    assert rows["own"] == rows["primary"] >= 1


def test_application_gets_in_with_tls_only(host: Host) -> None:
    secret = json.loads(host.file("/run/chatlift/secret.json").content_string)["values"]
    login = f"MYSQL_PWD={secret['app_password']} mysql --host=127.0.0.1 --execute='SELECT 1'"
    user = f"--user={secret['app_username']}"
    assert host.run(f"{login} {user} --ssl-mode=required").succeeded
    assert "ERROR" in host.run(f"{login} {user} --ssl-mode=disabled --get-server-public-key").stderr


def test_nothing_listens_that_is_not_listed(
    listening: Callable[[], set[str]], listed: Callable[..., set[int]]
) -> None:
    ports = {int(socket.rpartition(":")[2]) for socket in listening()}
    assert ports == listed("base", "mysql", "member")


def test_second_start_of_the_agent_disturbs_nothing(host: Host) -> None:
    def server() -> tuple[str, list[list[str]]]:
        return (
            host.check_output("systemctl show --property=MainPID mysql"),
            ask(host, "SELECT VIEW_ID FROM performance_schema.replication_group_member_stats"),
        )

    before = server()
    host.check_output("systemctl restart chatlift-member")
    assert server() == before
