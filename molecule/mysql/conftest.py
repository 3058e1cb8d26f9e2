"""A server that runs, as the only member of its group."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host

SCRIPT = Path(__file__).with_name("member.py").read_text()


@pytest.fixture
def address(host: Host) -> str:
    return next(found for found in host.interface("eth0").addresses if ":" not in found)


@pytest.fixture
def member(host: Host, address: str) -> Callable[[], dict[str, Any]]:
    """Make the host a member, or find that it is one; gives its status."""
    return lambda: json.loads(host.check_output("python3 -c %s %s", SCRIPT, address))


@pytest.fixture
def sql(host: Host, member: Callable[[], dict[str, Any]]) -> Callable[[str], str]:
    """Run a statement as root of the host; gives the rows, values separated by tabs."""
    member()
    return lambda statement: host.check_output("mysql --skip-column-names -e %s", statement)


@pytest.fixture
def sql_as(
    host: Host, address: str, member: Callable[[], dict[str, Any]]
) -> Callable[..., CommandResult]:
    """Run a statement over the network as one of the accounts, by default with TLS."""
    member()

    def run(name: str, statement: str, tls: str = "VERIFY_CA") -> CommandResult:
        return host.run(
            "MYSQL_PWD=%s mysql --host=%s --user=%s --ssl-mode=%s --ssl-ca=%s -e %s",
            f'it\'s "{name}" $1 #%s',
            address,
            name,
            tls,
            "/run/chatlift/tls/ca.crt",
            statement,
        )

    return run
