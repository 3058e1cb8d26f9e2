"""The stack that ``make rehearse`` has made, and what the chat has promised so far."""

from __future__ import annotations

import pytest

from tests.e2e.conversation import Ledger
from tests.e2e.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The rehearsal's stack; `make rehearse` makes it."""
    return Stack("demo")


@pytest.fixture(scope="session")
def ledger() -> Ledger:
    """What every test together has had acknowledged; the losses of later tests must keep it."""
    return Ledger()
