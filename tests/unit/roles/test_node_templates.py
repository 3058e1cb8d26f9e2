"""What the node image's templates become: once at bake time, and again by the member agent."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from .baked import bake

ROLE = Path(__file__).parents[3] / "roles" / "node"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text()) | {
    "_node_mysql_port": 3306,
    "_node_redis_port": 6379,
}
MYSQL = [
    {"name": f"mysql-{az}1", "az": az, "address": f"10.42.3{n}.21"} for n, az in enumerate("abc")
]
REDIS = [
    {"name": f"redis-{az}1", "az": az, "address": f"10.42.3{n}.11"} for n, az in enumerate("abc")
]
FACTS = {
    "cpus": 2,
    "mysql_members": MYSQL,
    "redis_members": REDIS,
    "redis_topology": "cluster",
    "active_address": "",
}


def _bake(name: str, **variables: Any) -> str:
    return bake(ROLE / "templates" / name, {**DEFAULTS, **variables})


def _boot(template: str, **variables: Any) -> str:
    """The file as the member agent renders it."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.from_string(template).render(**{**FACTS, **variables})


def _haproxy(facts: dict[str, Any] | None = None, **variables: Any) -> str:
    return _boot(_bake("haproxy.cfg.j2", **variables), **(facts or {}))


def _section(configuration: str, name: str) -> list[str]:
    """The lines of a section such as ``backend application``."""
    lines = configuration.split(f"\n{name}\n")[1].splitlines()
    indented = [index for index, line in enumerate(lines) if line[:1].strip()]
    return [line.strip() for line in lines[: indented[0] if indented else None] if line.strip()]


def _servers(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("server ")]


def test_haproxy_has_one_server_a_process_and_one_a_database() -> None:
    configuration = _haproxy({"cpus": 12})
    servers = _servers(_section(configuration, "backend application from processes"))
    assert len(servers) == 12
    assert servers[0] == "server app1 127.0.0.1:3001"
    assert servers[11] == "server app12 127.0.0.1:3012"
    assert _servers(_section(configuration, "listen mysql from every")) == [
        "server mysql-a1 10.42.30.21:3306",
        "server mysql-b1 10.42.31.21:3306",
        "server mysql-c1 10.42.32.21:3306",
    ]


@pytest.mark.parametrize("stickiness", ["none", "cookie"])
@pytest.mark.parametrize("processes", ["core", "instance", "stack"])
def test_whoever_is_too_busy_for_checks_is_the_same_and_unchecked(
    stickiness: str, processes: str
) -> None:
    configuration = _haproxy(node_stickiness=stickiness, node_processes=processes)
    overloaded = _section(configuration, "backend overloaded from processes")
    assert overloaded == _servers(_section(configuration, "backend application from processes"))
    clients = _section(configuration, "frontend clients from every")
    assert clients.index("use_backend overloaded if { nbsrv(application) eq 0 }") < clients.index(
        "default_backend application"
    )


def test_an_instance_with_one_process_has_one_server() -> None:
    lines = _section(
        _haproxy({"cpus": 12}, node_processes="instance"), "backend application from processes"
    )
    assert _servers(lines) == ["server app1 127.0.0.1:3001"]


def test_a_standby_passes_clients_on_with_their_addresses() -> None:
    configuration = _haproxy({"active_address": "10.42.16.7"}, node_processes="stack")
    assert _servers(_section(configuration, "backend application from processes")) == [
        "server app1 10.42.16.7:8080"
    ]
    assert "X-Forwarded-For" not in configuration
    assert "http-request deny deny_status 503 if { req.hdr(X-Chatlift-Standby) -m found }" in (
        _section(configuration, "frontend clients from every")
    )


def test_the_active_instance_of_a_stack_serves_clients_itself() -> None:
    configuration = _haproxy(node_processes="stack")
    assert _servers(_section(configuration, "backend application from processes")) == [
        "server app1 127.0.0.1:3001"
    ]
    assert "X-Chatlift-Standby" not in configuration


@pytest.mark.parametrize(
    ("topology", "gateway", "bind"),
    [("replicated", False, "127.0.0.1:6379"), ("replicated", True, "127.0.0.1:16379")],
)
def test_one_address_leads_to_the_redis_master(topology: str, gateway: bool, bind: str) -> None:
    port = 16379 if gateway else 6379
    configuration = _haproxy({"redis_topology": topology}, _node_redis_port=port)
    lines = _section(configuration, "listen redis from every")
    assert f"bind {bind}" in lines
    assert _servers(lines) == [f"server {peer['name']} {peer['address']}:6379" for peer in REDIS]


def test_a_redis_cluster_has_no_single_address() -> None:
    assert "listen redis" not in _haproxy()


@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"node_stickiness": "cookie"},
        {"node_stickiness": "source"},
        {"node_processes": "instance"},
        {"node_processes": "stack"},
        {
            "node_health_check": "websocket",
            "node_health_path": "/socket.io/?EIO=4&transport=websocket",
        },
        {"node_health_path": "/a#b;c'd", "node_health_status": "200-299,401"},
        {"node_forwarded_hops": 0},
        {"node_forwarded_hops": 2},
        {"node_tunnel_timeout": "10m", "node_health_interval": "500ms"},
        {"_node_redis_port": 16379, "_node_mysql_port": 13306},
    ],
    ids=lambda variant: ",".join(map(str, variant.values())) or "default",
)
@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"redis_topology": "replicated", "cpus": 32},
        {"active_address": "10.42.16.7"},
    ],
    ids=["cluster", "replicated", "standby"],
)
def test_haproxy_accepts_its_configuration(
    variant: dict[str, Any], facts: dict[str, Any], tmp_path: Path
) -> None:
    program = shutil.which("haproxy", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    assert program, "haproxy is needed for this test: apt-get install haproxy"
    file = tmp_path / "haproxy.cfg"
    file.write_text(_haproxy(facts, **variant))
    check = subprocess.run([program, "-c", "-f", str(file)], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr
    assert "WARNING" not in check.stderr, check.stderr
