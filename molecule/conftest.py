"""Lets every test of a scenario run on the hosts that the scenario's molecule.yml names.

So `pytest molecule/redis` is all it takes once `molecule converge -s redis` has run.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from testinfra.host import Host

ROLES = Path(__file__).parent.parent / "roles"


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Name the hosts to pytest-testinfra, which reads them from the test's module."""
    if not hasattr(metafunc.module, "testinfra_hosts"):
        scenario = Path(metafunc.module.__file__).parent
        platforms = yaml.safe_load((scenario / "molecule.yml").read_text())["platforms"]
        members = [platform for platform in platforms if "members" in platform.get("groups", [])]
        metafunc.module.testinfra_hosts = [
            f"podman://molecule-{scenario.name}-{platform['name']}"
            for platform in members or platforms
        ]


@pytest.fixture
def listening(host: Host) -> Callable[[], set[str]]:
    """The sockets that somebody listens on, such as ``tcp 0.0.0.0:22``."""

    def sockets() -> set[str]:
        lines = host.check_output("ss --no-header --listening --tcp --udp --numeric").splitlines()
        return {f"{words[0]} {words[4]}" for words in map(str.split, lines)}

    return sockets


@pytest.fixture
def listed() -> Callable[..., set[int]]:
    """The ports that the named roles say somebody listens on, in ``meta/ports.yml``."""

    def ports(*roles: str) -> set[int]:
        files = [ROLES / role / "meta/ports.yml" for role in roles]
        return {entry["port"] for file in files for entry in yaml.safe_load(file.read_text())}

    return ports
