"""What the MySQL image's templates become: once at bake time, and again by the member agent."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
import yaml

from .baked import bake

ROLE = Path(__file__).parents[3] / "roles" / "mysql"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
PRIVATE = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
MEMBERS = [
    SimpleNamespace(name=f"mysql-{zone}1", address=f"10.42.3{n}.21") for n, zone in enumerate("abc")
]
MIB = 1 << 20


def _bake(name: str, **variables: Any) -> str:
    return bake(ROLE / "templates" / name, {**DEFAULTS, **PRIVATE, **variables})


def _settings(gib: float = 4, cpus: int = 2, **variables: Any) -> dict[str, str]:
    """my.cnf as the server of a member with ``gib`` GiB of memory reads it."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    text = environment.from_string(_bake("my.cnf.j2", **variables)).render(
        stack="demo",
        member="mysql-a1",
        address="10.42.30.21",
        memory_bytes=int(gib * 1024 * MIB),
        cpus=cpus,
        mysql_members=MEMBERS,
        mysql_group_name="2f6f2a0e-0c3c-4b58-9a54-7f2b1ab1a001",
        tls=SimpleNamespace(ca="ca.crt", certificate="server.crt", private_key="server.key"),
    )
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "["))]
    settings = dict(line.split(" = ", 1) for line in lines)
    assert len(settings) == len(lines), "a setting is made twice"
    return settings


@pytest.mark.parametrize(
    ("gib", "pool", "redo", "cache", "temporary"),
    [
        (0.5, 128, 128, 128, 32),
        (1, 256, 128, 128, 32),
        (4, 2304, 576, 256, 128),
        (64, 44800, 4096, 1024, 1024),
    ],
)
def test_memory_is_shared_out_by_what_there_is(
    gib: float, pool: int, redo: int, cache: int, temporary: int
) -> None:
    settings = _settings(gib)
    sizes = {
        "innodb_buffer_pool_size": pool,
        "innodb_redo_log_capacity": redo,
        "group_replication_message_cache_size": cache,
        "temptable_max_ram": temporary,
    }
    assert {name: int(settings[name]) // MIB for name in sizes} == sizes
    assert all(int(settings[name]) % MIB == 0 for name in sizes)


@pytest.mark.parametrize("gib", [1, 2, 4, 16, 64, 512])
@pytest.mark.parametrize("percent", [10, 70, 80])
def test_memory_is_left_to_connections_and_the_agent(gib: int, percent: int) -> None:
    settings = _settings(gib, mysql_buffer_pool_percent=percent)
    taken = int(settings["innodb_buffer_pool_size"]) + int(
        settings["group_replication_message_cache_size"]
    )
    assert taken < 0.8 * gib * 1024 * MIB


def test_appliers_follow_the_cpus() -> None:
    assert _settings(cpus=2)["replica_parallel_workers"] == "4"
    assert _settings(cpus=16)["replica_parallel_workers"] == "16"


def test_what_is_committed_is_on_disk_and_what_is_said_is_encrypted() -> None:
    settings = _settings()
    assert settings["innodb_flush_log_at_trx_commit"] == "1"
    assert settings["sync_binlog"] == "1"
    assert settings["require_secure_transport"] == "ON"
    assert settings["group_replication_ssl_mode"] == "VERIFY_CA"


def test_an_option_that_mysql_9_does_not_know_is_there_only_for_accounts_that_need_it() -> None:
    assert "mysql_native_password" not in _settings()
    native = _settings(mysql_auth_plugins={"application": "mysql_native_password"})
    assert native["mysql_native_password"] == "ON"


def test_the_unit_has_a_file_for_every_connection_and_table() -> None:
    variables = {**DEFAULTS, **PRIVATE, "mysql_max_connections": 5000, "ansible_managed": ""}
    unit = jinja2.Template((ROLE / "templates" / "mysql.service.j2").read_text()).render(variables)
    [limit] = [line for line in unit.splitlines() if line.startswith("LimitNOFILE=")]
    needs = 10 + 5000 + 2 * PRIVATE["_mysql_table_open_cache"]
    assert int(limit.removeprefix("LimitNOFILE=")) > needs
