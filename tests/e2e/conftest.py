"""The stack that ``make rehearse`` has made, and what the chat has promised so far."""

from __future__ import annotations

import pytest

from tests.e2e.conversation import Ledger
from tests.e2e.stack import Stack


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests know with which topology the stack was made."""
    parser.addoption(
        "--redis-topology",
        choices=["cluster", "replicated"],
        default="cluster",
        help="of the stack",
    )


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Stack:
    """The rehearsal's stack; `make rehearse` makes it."""
    stack = Stack("demo", pytestconfig.getoption("redis_topology"))
    if not stack.instances():
        pytest.exit("There is no stack demo in the rehearsal: run `make rehearse` first.", 1)
    return stack


@pytest.fixture(scope="session")
def ledger() -> Ledger:
    """What every test together has had acknowledged; the losses of later tests must keep it."""
    return Ledger()
