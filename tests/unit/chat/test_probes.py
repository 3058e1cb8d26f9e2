"""Whoever registers is patient, so that a chat that failed for minutes can come back."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, cast

from tests.checker.accounts import Accounts
from tests.checker.clock import now
from tests.checker.endpoint import Endpoint
from tests.checker.journal import Journal
from tests.checker.probes import Probes
from tests.unit.chat.virtual_time import run

OUTAGE, RATE = 200, 2.0


class Away:
    """Takes the place of an endpoint whose chat cannot do anything at the moment."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def ask(self, *_: object, **__: object) -> Any:
        self.asked.append(now())
        return SimpleNamespace(status=HTTPStatus.SERVICE_UNAVAILABLE)


async def register(away: Away) -> None:
    endpoint = cast(Endpoint, away)
    probes = Probes(
        endpoint, Accounts(endpoint, "someone"), Journal(), page="", rooms=[], tokens={}
    )
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(OUTAGE):
            await probes.register(RATE, asyncio.Event())


def test_registrations_that_fail_are_repeated_soon_and_then_ever_more_rarely() -> None:
    away = Away()
    run(register(away))
    assert sum(at < 1 for at in away.asked) >= 4, "the first one is repeated within a second"
    last = sum(at > OUTAGE - 10 for at in away.asked) / 10
    assert last < RATE * OUTAGE / 10, "everyone waits for ten seconds at least"
