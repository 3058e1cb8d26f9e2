"""What the role redis leaves on a host, and how Redis or Valkey runs from it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from testinfra.backend.base import CommandResult
from testinfra.host import Host

SCRIPT = Path(__file__).with_name("member.py").read_text()
PORTS = Path(__file__).parents[2] / "roles/redis/meta/ports.yml"
TLS = "--tls --cacert /run/chatlift/tls/ca.crt"
MIB = 1 << 20
GIB = 1 << 30
SETTINGS = {
    # The host has 1 GiB.
    "plain": {
        "server": "redis",
        "maxmemory": GIB * 60 // 100,
        "repl-backlog-size": GIB * 5 // 100,
        "appendfsync": "everysec",
        "maxclients": 64512,
        "down-after-milliseconds": "1000",
    },
    "altered": {
        "server": "valkey",
        "maxmemory": GIB * 40 // 100,
        "repl-backlog-size": GIB * 10 // 100,
        "appendfsync": "always",
        "maxclients": 15360,
        "down-after-milliseconds": "1500",
    },
}


@pytest.fixture
def expected(host: Host) -> dict[str, Any]:
    return SETTINGS[host.check_output("hostname")]


@pytest.fixture
def address(host: Host) -> str:
    return next(found for found in host.interface("eth0").addresses if ":" not in found)


@pytest.fixture
def member(host: Host, address: str) -> Callable[..., dict[str, Any]]:
    """Make the host a member, or find that it is one; gives its status."""
    return lambda step="": json.loads(
        host.check_output("python3 -c %s %s %s", SCRIPT, address, step)
    )


@pytest.fixture
def ask(host: Host, expected: dict[str, Any], member: Callable[[], Any]) -> Callable[..., Any]:
    """Send a command to the server, or to Sentinel, as one of the users."""
    member()

    def run(user: str, command: str, port: int = 6379) -> CommandResult:
        password = f'it\'s "{user}" $1 #%s:/@?&\\'
        return host.run(
            f"REDISCLI_AUTH=%s {expected['server']}-cli {TLS} -p {port} --user {user}"
            f" --no-auth-warning {command}",
            password,
        )

    return run


def test_the_server_is_left_to_the_agent(host: Host, expected: dict[str, Any]) -> None:
    for unit in ("redis-server", "redis-sentinel", f"{expected['server']}-server"):
        assert not host.service(unit).is_enabled, unit
    assert not host.package("redis-server").is_installed or expected["server"] == "redis"


def test_the_kernel_has_what_the_server_asks_for(host: Host) -> None:
    settings = host.file("/etc/sysctl.d/61-chatlift-redis.conf").content_string
    assert "vm.overcommit_memory = 1" in settings
    assert "net.core.somaxconn = 4096" in settings
    verified = host.run(
        "systemd-analyze verify --man=no redis-server.service redis-sentinel.service"
        " transparent-huge-pages-off.service"
    )
    assert verified.rc == 0, verified.stderr


def test_a_member_alone_leads(member: Callable[[], dict[str, Any]]) -> None:
    assert member() == {"leads": True, "healthy": True, "detail": ""}


def test_a_second_start_disturbs_nothing(host: Host, member: Callable[[], dict[str, Any]]) -> None:
    def pids() -> str:
        return host.check_output("systemctl show -P MainPID redis-server redis-sentinel")

    member()
    before = pids()
    member()
    assert pids() == before


def test_sizes_follow_from_the_memory(ask: Callable[..., Any], expected: dict[str, Any]) -> None:
    assert f"maxmemory:{expected['maxmemory']}" in ask("agent", "info memory").stdout
    assert f"repl_backlog_size:{expected['repl-backlog-size']}" in (
        ask("agent", "info replication").stdout
    )
    assert "aof_enabled:1" in ask("agent", "info persistence").stdout


def test_the_settings_are_rendered(
    host: Host, member: Callable[[], Any], expected: dict[str, Any]
) -> None:
    member()
    server = host.file("/run/chatlift/redis/redis.conf").content_string
    for line in (
        f"appendfsync {expected['appendfsync']}",
        "maxmemory-policy noeviction",
        f"maxclients {expected['maxclients']}",
        "tcp-keepalive 10",
        "replica-priority 0",
    ):
        assert line in server.splitlines()
    sentinel = host.file("/srv/data/redis/sentinel/sentinel.conf")
    assert (
        f"sentinel down-after-milliseconds chatlift {expected['down-after-milliseconds']}"
        in sentinel.content_string
    )
    assert (sentinel.user, sentinel.mode) == ("redis", 0o600)


def test_nobody_gets_in_without_tls_or_without_a_user(
    host: Host, ask: Callable[..., Any], expected: dict[str, Any]
) -> None:
    cli = f"{expected['server']}-cli"
    for port in (6379, 26379):
        plain = host.run(f"{cli} -p {port} ping")
        assert re.search("closed the connection|reset by peer", plain.stdout + plain.stderr)
        assert "NOAUTH" in host.run(f"{cli} {TLS} -p {port} ping").stdout
        said = host.run(f"{cli} {TLS} -p {port} --user default --pass x ping")
        assert "WRONGPASS" in said.stdout + said.stderr


@pytest.mark.parametrize(
    ("user", "command"),
    [
        ("agent", "get k"),
        ("agent", "set k v"),
        ("app", "config get masterauth"),
        ("app", "shutdown"),
        ("sentinel", "get k"),
        ("replication", "set k v"),
    ],
)
def test_each_user_may_do_its_own_work_only(
    ask: Callable[..., Any], user: str, command: str
) -> None:
    assert "NOPERM" in ask(user, command).stdout


def test_sentinel_outlives_a_restart_with_any_password(host: Host, ask: Callable[..., Any]) -> None:
    host.check_output("systemctl restart redis-sentinel")
    assert "flags\nmaster\n" in ask("agent", "sentinel master chatlift", port=26379).stdout


def test_writes_stop_while_the_disk_is_full_and_go_on_afterwards(
    host: Host, ask: Callable[..., Any], member: Callable[..., dict[str, Any]]
) -> None:
    """With appendfsync always the server even ends; systemd and the agent bring it back."""

    def told_after_a_write() -> str:
        ask("app", f"set during {'x' * 8192}")
        return str(member("status")["detail"])

    ask("agent", "config set min-replicas-to-write 0")
    assert ask("app", "set before full").stdout.strip() == "OK"
    host.run("dd if=/dev/zero of=/srv/data/fill bs=1M")
    try:
        _until("The data volume at /srv/data", told_after_a_write)
        assert not member("status")["healthy"]
    finally:
        host.check_output("rm /srv/data/fill")
    assert member()["healthy"]
    ask("agent", "config set min-replicas-to-write 0")
    assert ask("app", "set after room").stdout.strip() == "OK"
    assert ask("app", "get before").stdout.strip() == "full"


def test_nothing_else_listens(
    address: str, member: Callable[[], Any], listening: Callable[[], set[str]]
) -> None:
    member()
    documented = {entry["port"] for entry in yaml.safe_load(PORTS.read_text())}
    found = {socket for socket in listening() if not socket.endswith(":22")}
    assert found == {
        f"tcp {where}:{port}" for where in ("127.0.0.1", address) for port in (6379, 26379)
    }
    assert {int(socket.rpartition(":")[2]) for socket in found} <= documented


def _until(expected: str, probe: Callable[[], str], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while expected not in (seen := probe()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.5)
