"""What both hosts are asked."""

from collections.abc import Callable
from contextlib import closing
from socket import create_connection

import pytest
from testinfra.host import Host


@pytest.fixture
def effective(host: Host) -> Callable[[str], list[str]]:
    """A configuration of systemd as its daemon reads it: ``effective("journald.conf")``."""

    def read(name: str) -> list[str]:
        return host.check_output(f"systemd-analyze cat-config systemd/{name}").splitlines()

    return read


@pytest.fixture
def kernel(host: Host) -> Callable[[str], str]:
    """A setting of the network, once the host has applied what it would apply at boot."""
    host.check_output("/usr/lib/systemd/systemd-sysctl --strict --prefix=/net")
    return lambda name: host.check_output(f"sysctl --values {name}").replace("\t", " ")


@pytest.fixture
def firewall(host: Host):
    """The rules in force, as they are after a boot; gone again after the test."""
    host.check_output("nft --file /etc/nftables.conf")
    yield host.check_output("nft list table inet chatlift")
    host.check_output("nft delete table inet chatlift")


@pytest.fixture
def answer(host: Host) -> Callable[[int], str]:
    """How a neighbour is answered who connects to a port where the host listens."""
    address = next(found for found in host.interface("eth0").addresses if ":" not in found)

    def connect(port: int) -> str:
        try:
            with closing(create_connection((address, port), timeout=3)):
                return "open"
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "silence"

    return connect
