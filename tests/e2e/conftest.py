"""The stack that ``make rehearse`` has made, and what the chat has promised so far."""

from __future__ import annotations

import pytest

from tests.e2e.conversation import Ledger
from tests.e2e.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The rehearsal's stack; `make rehearse` makes it."""
    stack = Stack("demo")
    if not stack.instances():
        pytest.exit("There is no stack demo in the rehearsal: run `make rehearse` first.", 1)
    return stack


@pytest.fixture(scope="session")
def ledger() -> Ledger:
    """What every test together has had acknowledged; the losses of later tests must keep it."""
    return Ledger()
