"""The application as the role leaves it, and as it runs with what the member agent renders."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

SECRET = "a\"b'c\\d$e`f\n{{ 7 * 7 }} $(reboot)"
FACTS = {
    "cpus": 2,
    "worker": 3,
    "instance_id": "i-0123456789abcdef0",
    "secrets": {"password": SECRET},
    "mysql_members": [{"name": "mysql-a1", "address": "192.0.2.21"}],
    "redis_members": [{"name": "redis-a1", "address": "192.0.2.11"}],
    "redis_topology": "replicated",
}

RENDER = """
import json, sys
from pathlib import Path
sys.path.insert(0, "/opt/chatlift/member")
from chatlift_member.config import render_all
render_all(json.loads(sys.argv[1]), Path("/run/chatlift"))
"""

ASK = """
import json, sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers=json.loads(sys.argv[2]))
with urllib.request.urlopen(request, timeout=10) as answer:
    print(json.dumps({"cookie": answer.headers["Set-Cookie"], **json.load(answer)}))
"""

SAY = """
import socket, sys
with socket.socket(socket.AF_UNIX) as channel:
    channel.connect("/run/haproxy/admin.sock")
    channel.sendall(sys.argv[1].encode() + b"\\n")
    print(channel.recv(65536).decode())
"""

STATUS = """
import csv, io, socket
with socket.socket(socket.AF_UNIX) as channel:
    channel.connect("/run/haproxy/admin.sock")
    channel.sendall(b"show stat\\n")
    stats = b"".join(iter(lambda: channel.recv(65536), b"")).decode()
for row in csv.DictReader(io.StringIO(stats)):
    if row["# pxname"] == "application" and row["svname"].startswith("app"):
        print(row["svname"], row["check_status"], row["check_code"])
"""

# Until HAProxy has checked both processes; each look takes a tenth of a second, for 30 s at most.
WAIT = (
    "for look in $(seq 300); do [ $({status} | grep -c L7OK) = 2 ] && exit; sleep 0.1; done; exit 1"
)


def _python(program: str, *arguments: str) -> str:
    return shlex.join(["python3", "-c", program, *arguments])


@pytest.fixture(scope="module")
def running(host: Any) -> Any:
    """The host with both processes running behind HAProxy, as the member agent starts them."""
    host.check_output(_python(RENDER, json.dumps(FACTS)))
    host.check_output("systemctl start haproxy chatlift-app@1 chatlift-app@2")
    wait = host.run(WAIT.format(status=_python(STATUS)))
    journal = host.run("journalctl --no-pager -n 50 -u haproxy -u 'chatlift-app@*'")
    assert wait.rc == 0, journal.stdout
    return host


@pytest.fixture
def ask(running: Any) -> Any:
    def ask(port: int = 8080, **headers: str) -> dict[str, Any]:
        url = f"http://127.0.0.1:{port}/"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return dict(json.loads(running.check_output(_python(ASK, url, json.dumps(named)))))

    return ask


def test_the_runtime_is_debians(host: Any) -> None:
    assert host.package("nodejs").version.startswith("20.")
    assert host.check_output("command -v node") == "/usr/bin/node"


def test_nothing_is_left_of_the_build(host: Any) -> None:
    for name in ("g++", "make", "libnode-dev", "python3-pip"):
        assert not host.package(name).is_installed
    for path in ("/var/tmp/chatlift-build", "/var/tmp/chatlift-apt", "/root/.npm", "/root/.cache"):
        assert not host.file(path).exists
    assert not host.exists("yarn")
    assert not host.file("/opt/chatlift/app/server/node_modules/node-gyp").exists


def test_the_application_belongs_to_root_alone(host: Any) -> None:
    strangers = r"find /opt/chatlift ! -type l \( ! -user root -o -perm /022 \)"
    assert host.check_output(strangers) == ""


def test_nothing_starts_by_itself(host: Any) -> None:
    for name in ("haproxy", "chatlift-app@1"):
        assert not host.service(name).is_enabled
    assert host.check_output("systemctl is-enabled chatlift-release") == "static"


def test_the_agent_knows_how_it_runs(host: Any) -> None:
    assert json.loads(host.file("/etc/chatlift/app.json").content_string) == {
        "processes": "core",
        "release_command": "node src/server.mjs migrate",
        "release_timeout": 60,
        "release_restartable": False,
        "drain_seconds": 5,
    }


def test_the_application_was_built_as_asked(ask: Any) -> None:
    told = ask()
    assert told["answer"] == 42  # of the native module
    assert told["override"] == "2.1.2"
    assert told["node"].startswith("v20.")
    assert told["directory"] == "/opt/chatlift/app/server/dist"


def test_settings_arrive_as_they_are(ask: Any) -> None:
    told = ask(port=3001)
    assert told["environment"]["PASSWORD"] == SECRET
    assert told["environment"]["NODE_ENV"] == "production"
    assert "PORT" not in told["environment"]
    assert told["javascript"] == {"password": SECRET}
    assert told["settings"] == {
        "database": {"password": SECRET, "port": 3306},
        "worker": 3,
        "name": "i-0123456789abcdef0-1",
    }


def test_each_process_has_values_of_its_own(ask: Any) -> None:
    first, second = ask(port=3001), ask(port=3002)
    assert (first["environment"]["NUMBER"], second["environment"]["NUMBER"]) == ("193", "194")
    assert second["settings"]["name"] == "i-0123456789abcdef0-2"


@pytest.mark.parametrize(
    ("claimed", "client"),
    [
        ("192.0.2.1, 198.51.100.7", "192.0.2.1"),
        ("203.0.113.66, 192.0.2.1, 198.51.100.7", "192.0.2.1"),  # the first is the client's lie
        ("192.0.2.1", "127.0.0.1"),  # it did not pass both proxies
    ],
)
def test_the_client_is_who_the_proxies_say(ask: Any, claimed: str, client: str) -> None:
    headers = ask(X_Forwarded_For=claimed, Forwarded="for=203.0.113.66")["headers"]
    assert headers["x-forwarded-for"] == client
    assert headers["x-real-ip"] == client
    assert "forwarded" not in headers


def test_a_cookie_leads_back_to_the_same_process(ask: Any) -> None:
    first = ask()
    cookie = first["cookie"].split(";")[0]
    assert "HttpOnly" in first["cookie"]
    again = {ask(Cookie=cookie)["environment"]["NUMBER"] for _ in range(4)}
    assert again == {first["environment"]["NUMBER"]}


def test_processes_too_busy_for_their_checks_keep_their_clients(running: Any, ask: Any) -> None:
    first = ask()
    cookie = first["cookie"].split(";")[0]
    for process in ("application/app1", "application/app2"):
        said = f"disable health {process}; set server {process} health down"
        running.check_output(_python(SAY, said))
    try:
        assert "\napplication,BACKEND" in (stats := running.check_output(_python(SAY, "show stat")))
        assert ",DOWN," in stats.split("\napplication,BACKEND")[1].splitlines()[0]
        again = {ask(Cookie=cookie)["environment"]["NUMBER"] for _ in range(4)}
        assert again == {first["environment"]["NUMBER"]}
    finally:
        for process in ("application/app1", "application/app2"):
            running.check_output(_python(SAY, f"enable health {process}"))
        running.check_output(WAIT.format(status=_python(STATUS)))


def test_health_is_a_handshake(running: Any) -> None:
    assert running.check_output(_python(STATUS)).splitlines() == ["app1 L7OK 101", "app2 L7OK 101"]


def test_a_release_has_its_first_step(running: Any) -> None:
    running.check_output("systemctl start chatlift-release")
    journal = running.check_output("journalctl --no-pager -o cat -u chatlift-release")
    assert f"migrated with {len(SECRET)} characters of password" in journal
    assert not running.file("/tmp/migrated").exists, "it is in the same sandbox as the application"


def test_a_process_that_dies_comes_back(running: Any) -> None:
    pid = running.check_output("systemctl show -P MainPID chatlift-app@2")
    running.check_output("systemctl kill --signal=KILL chatlift-app@2")
    running.check_output(
        "for look in $(seq 100); do pid=$(systemctl show -P MainPID chatlift-app@2);"
        f" [ $pid != 0 ] && [ $pid != {pid} ] && exit; sleep 0.1; done; exit 1"
    )


def test_only_haproxy_is_reached_from_outside(running: Any, listening: Any) -> None:
    sockets = {socket for socket in listening() if not socket.endswith(":22")}
    assert {socket for socket in sockets if "127.0.0.1" not in socket} == {"tcp 0.0.0.0:8080"}
    assert sockets - {"tcp 127.0.0.1:3002"} == {
        "tcp 0.0.0.0:8080",
        "tcp 127.0.0.1:3001",
        "tcp 127.0.0.1:3306",
        "tcp 127.0.0.1:6379",
    }
