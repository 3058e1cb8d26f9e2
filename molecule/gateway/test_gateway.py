"""Clients without TLS and without a password reach servers that demand both, real ones."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "p$w'x\"?&é"
FACTS = {
    "stack": "demo",
    "cpus": 1,
    "redis_topology": "replicated",
    "tls": {"ca": "/run/chatlift/tls/ca.crt"},
    "secrets": {
        "redis_username": "app",
        "redis_password": PASSWORD,
        "mysql_username": "app",
        "mysql_password": PASSWORD,
    },
}

RENDER = """
import json, sys
from pathlib import Path
sys.path.insert(0, "/opt/chatlift/member")
from chatlift_member.config import render_all
render_all(
    json.loads(sys.argv[1]), Path("/run/chatlift/gateway"), Path("/etc/chatlift/templates/gateway")
)
"""

LARGE = """
import pymysql
client = pymysql.connect(host="127.0.0.1", user="x", password="y", database="chat")
cursor = client.cursor()
cursor.execute("CREATE TEMPORARY TABLE large (content LONGBLOB)")
cursor.execute("INSERT INTO large VALUES (%s)", (b"\\x11" * (2**24 + 77),))
cursor.execute("SELECT content FROM large")
print(cursor.fetchone()[0] == b"\\x11" * (2**24 + 77))
"""

LOSS = """
import socket
client = socket.create_connection(("127.0.0.1", 6379), timeout=5)
client.sendall(b"PING\\r\\n")
said = client.recv(100)
with socket.socket(socket.AF_UNIX) as admin:
    admin.connect("/run/haproxy/admin.sock")
    admin.sendall(b"{verb} server redis/leader; shutdown sessions server redis/leader\\n")
    admin.recv(100)
print(said + client.recv(100))
"""


def _python(program: str, *arguments: str) -> str:
    return shlex.join(["python3", "-c", program, *arguments])


@pytest.fixture(scope="module")
def running(host: Any) -> Any:
    """The host with its servers, and the gateway started by HAProxy's start."""
    if not host.service("test-mysql").is_running:
        host.check_output(
            shlex.join(["bash", "-c", Path(__file__).with_name("servers.sh").read_text()])
        )
        host.check_output(_python(RENDER, json.dumps(FACTS)))
        host.check_output("systemctl start haproxy")
    return host


@pytest.fixture
def redis(running: Any) -> Callable[..., str]:
    return lambda *words: str(running.check_output(shlex.join(["redis-cli", *words])))


@pytest.fixture
def mysql(running: Any) -> Callable[..., Any]:
    return lambda sql, database="chat": running.run(
        shlex.join(["mysql", "-h127.0.0.1", "-unobody", "-panything", "-Ne", sql, database])
    )


def test_it_starts_with_haproxy_as_a_user_of_its_own(running: Any) -> None:
    assert running.service("chatlift-gateway").is_running
    processes = running.process.filter(user="chatlift-gateway")
    assert [process.args.split()[-1] for process in processes] == ["gateway"]


def test_only_the_instance_itself_can_connect(
    running: Any, listening: Callable[[], set[str]]
) -> None:
    ours = {socket for socket in listening() if socket.endswith((":6379", ":3306"))}
    assert ours == {"tcp 127.0.0.1:6379", "tcp 127.0.0.1:3306"}


def test_its_settings_are_for_its_user_alone(running: Any) -> None:
    file = running.file("/run/chatlift/gateway/gateway.json")
    assert (file.user, file.group, file.mode) == ("root", "chatlift-gateway", 0o640)


def test_redis_itself_refuses_such_clients(running: Any) -> None:
    plain = running.run("redis-cli -p 16379 PING")
    assert plain.rc != 0
    nobody = running.run("redis-cli -p 16379 --tls --cacert /srv/gateway/ca.crt PING")
    assert "PONG" not in nobody.stdout


def test_redis_answers_through_the_gateway(redis: Callable[..., str]) -> None:
    assert redis("PING") == "PONG"
    assert redis("ACL", "WHOAMI") == "app"
    assert redis("-3", "SET", "key", "value") == "OK"


def test_mysql_answers_through_the_gateway(mysql: Callable[..., Any]) -> None:
    assert mysql("SELECT CURRENT_USER(), DATABASE()").stdout.split() == ["app@%", "chat"]
    assert "TLS" in mysql("SHOW STATUS LIKE 'Ssl_cipher'").stdout


def test_mysql_answers_with_errors_of_its_own(mysql: Callable[..., Any]) -> None:
    assert "ERROR 1044 (42000): Access denied" in mysql("SELECT 1", "mysql").stderr


def test_mysql_packets_of_every_size_pass(running: Any) -> None:
    assert running.check_output(_python(LARGE)) == "True"


def test_it_comes_back_when_it_is_killed_and_haproxy_goes_on(
    running: Any, redis: Callable[..., str]
) -> None:
    ask = "systemctl show --property=MainPID --value haproxy"
    haproxy = running.check_output(ask)
    running.check_output("systemctl kill --signal=KILL chatlift-gateway")
    wait = "for look in $(seq 100); do redis-cli PING && exit; sleep 0.1; done; exit 1"
    assert running.check_output(wait).endswith("PONG")
    assert running.check_output(ask) == haproxy


def test_a_session_ends_with_its_server_and_the_next_client_hears_why(
    running: Any, redis: Callable[..., str]
) -> None:
    try:
        assert running.check_output(_python(LOSS.format(verb="disable"))) == "b'+PONG\\r\\n'"
        assert "ERR Redis cannot be reached through 127.0.0.1:16379" in redis("PING")
    finally:
        running.check_output(
            _python(LOSS.format(verb="enable").replace("print(said + client.recv(100))", ""))
        )
    assert redis("PING") == "PONG"
