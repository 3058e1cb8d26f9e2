"""The emulated account that the playbooks' tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.integration.ansible import WITHOUT_EDGE, Outcome, run_playbook
from tests.integration.calls import recorded
from tests.integration.cloud import Cloud
from tests.unit.conftest import collection, run_module  # noqa: F401  # fixtures

# They need this machine's network, its ports or its containers, of which there is one each.
OF_THE_MACHINE = ("distribution", "load_balancer", "rehearsal", "security_groups")

# The longest files begin first, so that none runs alone in the end.
LONGEST = ("playbooks", "members", "site_with_edge", "certificates", "trouble", *OF_THE_MACHINE)


class ByFile(LoadScopeScheduling):
    """The tests of a file build on each other; files may run at once, but for those above."""

    def _split_scope(self, nodeid: str) -> str:
        name = Path(nodeid.partition("::")[0]).stem.removeprefix("test_")
        return "machine" if name in OF_THE_MACHINE else name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within a file the tests build on each other."""
    place = {f"test_{name}": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """How `pytest -n` spreads these tests: by file, in the order above."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often killed.py kills: each takes about three minutes."""
    parser.addoption("--kills", type=int, default=20, help="kills of site.yml to test")
    parser.addoption("--kill-seed", type=int, default=1, help="of the moments of the kills")


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    account = Cloud()
    with recorded(account.calls):
        yield account
    account.end()


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands before the machine's programs: nothing is baked, for there is nobody behind the
    emulated API whom Packer could reach."""
    programs = tmp_path_factory.mktemp("programs")
    packer = programs / "packer"
    packer.write_text('#!/bin/sh\n[ "$1" = version ] && echo Packer v1.11.2\n')
    packer.chmod(0o755)
    return programs


@pytest.fixture(scope="module")
def play(cloud: Cloud, programs: Path) -> Any:
    """Run a playbook in the account of this module; ``ok`` is what it has to end with.

    The stack has no edge, unless the variables say so.
    """

    def run(name: str, *arguments: str, ok: bool = True, **variables: Any) -> Outcome:
        given = {"chatlift_environment": cloud.environment, **WITHOUT_EDGE, **variables}
        outcome = run_playbook(name, *arguments, variables=given, first_in_path=programs)
        assert (outcome.code == 0) == ok, outcome.text
        return outcome

    return run


@pytest.fixture(scope="module")
def images(cloud: Cloud, play: Any) -> dict[str, str]:
    """Images that are up to date, so that nothing has to be baked."""
    planned = play("bake", "--check")
    found = {}
    for name in ("node", "redis", "mysql"):
        fingerprint = planned.result(f"image-{name}", "Bake the image")["fingerprint"]
        found[name] = cloud.bake(name, fingerprint)
    return found
