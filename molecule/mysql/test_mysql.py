"""What the role mysql leaves on a host, and how the server runs from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.backend.base import CommandResult
from testinfra.host import Host

Sql = Callable[[str], str]
SqlAs = Callable[..., CommandResult]
Member = Callable[[], dict[str, Any]]

PORTS = Path(__file__).parents[2] / "roles/mysql/meta/ports.yml"
MIB = 1 << 20
SIZES = {
    # The host has 1 GiB: 70 or 40 per cent of what 512 + 128 MiB leave.
    "plain": {
        "innodb_buffer_pool_size": 256 * MIB,
        "max_connections": 500,
        "open_files_limit": 9524,
        "innodb_io_capacity_max": 3000,
        "binlog_expire_logs_seconds": 3 * 86400,
    },
    "altered": {
        "innodb_buffer_pool_size": 128 * MIB,
        "max_connections": 1000,
        "open_files_limit": 10024,
        "innodb_io_capacity_max": 1000,
        "binlog_expire_logs_seconds": 7 * 86400,
    },
}


@pytest.fixture
def name(host: Host) -> str:
    return str(host.check_output("hostname"))


def test_server_is_left_to_the_agent(host: Host) -> None:
    assert not host.service("mysql").is_enabled


def test_packages_come_from_the_repository_that_was_named(host: Host, name: str) -> None:
    policy = host.check_output("apt-cache policy mysql-server-core")
    assert ("file:/srv/mysql lts/server" if name == "altered" else "unstable/main") in policy
    assert host.package("mysql-client").is_installed == (name == "altered")


def test_only_what_mysql_needs_comes_from_unstable(host: Host, name: str) -> None:
    libc = host.check_output("dpkg-query --show --showformat='${Version}' libc6")
    assert libc.startswith("2.41-")
    if name == "plain":
        assert (
            "Pin-Priority: 1" in host.file("/etc/apt/preferences.d/chatlift-mysql").content_string
        )


def test_agent_is_told_the_accounts_plugins(host: Host, name: str) -> None:
    told = json.loads(host.file("/etc/chatlift/mysql.json").content_string)["auth_plugins"]
    assert told == ({"application": "caching_sha2_password"} if name == "altered" else {})


def test_settings_are_in_force(sql: Sql, name: str) -> None:
    values = ", ".join(f"@@{setting}" for setting in SIZES[name])
    assert list(map(int, sql(f"SELECT {values}").split())) == list(SIZES[name].values())
    assert sql("SELECT @@character_set_server, @@require_secure_transport") == "utf8mb4\t1"
    assert sql("SELECT @@innodb_flush_log_at_trx_commit, @@sync_binlog") == "1\t1"


def test_member_leads_and_says_how_full_its_volume_is(member: Member) -> None:
    status = member()
    assert status["leads"]
    assert status["detail"] == ""
    assert 0 < status["disk_used_ratio"] < 0.9


def test_nothing_listens_but_what_the_role_lists(
    member: Member, listening: Callable[[], set[str]]
) -> None:
    ssh = {"tcp 0.0.0.0:22", "tcp [::]:22"}
    before = {socket for socket in listening() if socket.startswith("tcp")} - ssh
    member()
    listed = {f"tcp {port['address']}:{port['port']}" for port in yaml.safe_load(PORTS.read_text())}
    assert before <= listed
    assert {socket for socket in listening() if socket.startswith("tcp")} - ssh == listed


def test_without_tls_the_application_is_refused(sql_as: SqlAs) -> None:
    assert sql_as("app", "SELECT 1").rc == 0
    refused = sql_as("app", "SELECT 1", tls="DISABLED")
    assert refused.rc != 0
    assert "Access denied" in refused.stderr


def test_without_a_password_or_a_name_nobody_comes_in(
    host: Host, address: str, member: Member
) -> None:
    member()
    for user in ("app", "root", "agent", "backup", "coordinator", ""):
        refused = host.run("mysql --host=%s --user=%s -e 'SELECT 1'", address, user)
        assert "Access denied" in refused.stderr


def test_another_user_of_the_host_is_not_root_of_the_server(host: Host, member: Member) -> None:
    member()
    refused = host.run("setpriv --reuid=nobody --clear-groups mysql --user=root -e 'SELECT 1'")
    assert "Access denied" in refused.stderr


@pytest.mark.parametrize(
    ("account", "may", "may_not"),
    [
        ("app", "CREATE TABLE IF NOT EXISTS chat_app.t (id INT PRIMARY KEY)", "USE chatlift"),
        ("app", "SELECT * FROM chat_app.t", "SELECT * FROM mysql.user"),
        (
            "coordinator",
            "CREATE TABLE IF NOT EXISTS chatlift.t (id INT PRIMARY KEY)",
            "USE chat_app",
        ),
        ("backup", "SELECT * FROM chat_app.t", "INSERT INTO chat_app.t VALUES (1)"),
        ("backup", "LOCK INSTANCE FOR BACKUP", "SELECT * FROM mysql.user"),
        ("replication", "SELECT 1", "USE chat_app"),
    ],
)
def test_account_may_do_its_work_and_no_more(
    sql_as: SqlAs, account: str, may: str, may_not: str
) -> None:
    assert sql_as(account, may).stderr == ""
    assert "denied" in sql_as(account, may_not).stderr


def test_an_agent_from_elsewhere_needs_the_tiers_certificate(sql_as: SqlAs) -> None:
    assert "Access denied" in sql_as("agent", "SELECT 1").stderr


def test_backup_account_dumps_consistently_and_with_the_position(
    host: Host, address: str, sql_as: SqlAs
) -> None:
    sql_as("app", "CREATE TABLE IF NOT EXISTS chat_app.t (id INT PRIMARY KEY)")
    dump = host.run(
        "MYSQL_PWD=%s mysqldump --host=%s --user=backup --ssl-mode=REQUIRED --single-transaction "
        "--source-data=2 --set-gtid-purged=ON --routines --events --triggers chat_app",
        'it\'s "backup" $1 #%s',
        address,
    )
    assert dump.rc == 0, dump.stderr
    assert "CREATE TABLE `t`" in dump.stdout
    assert "SET @@GLOBAL.GTID_PURGED=" in dump.stdout


def test_a_group_that_exists_gets_what_it_lacks_once(sql: Sql, member: Member) -> None:
    sql("DROP USER coordinator; DROP DATABASE chatlift")
    sql("ALTER USER app ATTRIBUTE '{\"chatlift\": null}'")
    member()
    assert sql("SELECT COUNT(*) FROM mysql.user WHERE user = 'coordinator'") == "1"
    before = sql("SELECT @@gtid_executed")
    member()
    assert sql("SELECT @@gtid_executed") == before


def test_server_runs_sandboxed_and_is_the_last_to_be_ended_for_memory(
    host: Host, member: Member
) -> None:
    member()
    pid = host.check_output("systemctl show --value --property=MainPID mysql")
    # Only the unit's word for it: containers may be kept from lowering the score itself.
    assert host.check_output("systemctl show --value --property=OOMScoreAdjust mysql") == "-900"
    status = host.file(f"/proc/{pid}/status").content_string
    assert "CapEff:\t0000000000000000" in status
    assert "Seccomp:\t2" in status
    exposure = host.check_output("systemd-analyze security --no-pager mysql.service").splitlines()
    assert float(exposure[-1].split(":")[1].split()[0]) < 2


def test_slow_queries_are_logged_and_the_log_is_rotated(host: Host, sql: Sql) -> None:
    log = host.file("/var/log/mysql/slow.log")
    sql("SELECT SLEEP(1.1) AS before_rotation")
    assert "before_rotation" in log.content_string
    assert host.service("logrotate.timer").is_enabled
    host.check_output("logrotate --force /etc/logrotate.d/chatlift-mysql")
    sql("SELECT SLEEP(1.1) AS after_rotation")
    assert "before_rotation" not in log.content_string
    assert "after_rotation" in log.content_string


def test_a_full_volume_is_named(host: Host, member: Member) -> None:
    member()
    free = int(host.check_output("df --output=avail --block-size=1 /srv/data | tail -n 1"))
    host.check_output("fallocate --length %s /srv/data/ballast", str(free - 8 * MIB))
    try:
        status = member()
    finally:
        host.check_output("rm /srv/data/ballast")
    assert status["leads"]
    assert "The data volume at /srv/data is 99% full" in status["detail"]


def test_without_its_volume_the_server_does_not_start(host: Host, member: Member) -> None:
    member()
    host.check_output("systemctl stop mysql && umount /srv/data")
    assert host.run("systemctl start mysql").rc != 0
    assert "Assertion failed" in host.check_output("systemctl status mysql; true")
