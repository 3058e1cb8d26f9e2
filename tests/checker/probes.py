"""HTTP at a steady rate, whatever becomes of the answers: pages, presence, logins, accounts."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import ClientError, ClientResponse

from tests.checker.accounts import PAUSE, Accounts
from tests.checker.clock import BackOff, now
from tests.checker.endpoint import Endpoint, describe
from tests.checker.journal import REQUESTS_FAILED, Journal

AGAIN = BackOff(first=PAUSE, longest=20)
"""For registrations. While none succeeds, those that are due add up: as impatient as at first,
they would be a flood that keeps the chat from coming back."""
BURST = 16
"""How many that are due already go before others have their turn."""


async def pace(rate: float, stop: asyncio.Event) -> AsyncIterator[float]:
    """Yield the times (monotonic) at which something is due, ``rate`` a second, as they come.

    Whoever was held up catches up: what is due does not depend on what became of the last one.
    Nothing more is due once ``stop`` is set.
    """
    start = now()
    for number in itertools.count():
        due = start + number / rate
        wait = due - now()
        # However late: others must have their turn, but not between any two that are due. One turn
        # of a busy loop takes longer than what is due meanwhile may wait.
        if wait > 0 or number % BURST == 0:
            await asyncio.sleep(max(0, wait))
        if stop.is_set():
            return
        yield due


@dataclass
class Registration:
    """An account that was due, and when the chat said it was there; monotonic clock."""

    name: str
    due: float
    done: float | None = None


class Probes:
    """Asks the chat over HTTP. Every attempt that fails counts; only registrations are repeated."""

    def __init__(
        self,
        endpoint: Endpoint,
        accounts: Accounts,
        journal: Journal,
        *,
        page: str,
        rooms: Sequence[str],
        tokens: Mapping[str, str],
    ) -> None:
        self.requests = 0
        self.registrations: list[Registration] = []
        self._endpoint = endpoint
        self._accounts = accounts
        self._journal = journal
        self._page = page
        self._rooms = rooms
        self._tokens = tokens

    async def ask(self, rate: float, stop: asyncio.Event) -> None:
        """Make so many requests a second: for the page, a room's presence, a login, in turn."""
        kinds = [self._ask_presence, self._log_in]
        if self._page:
            kinds.append(self._ask_page)
        async with asyncio.TaskGroup() as group:
            turns = itertools.cycle(kinds)
            async for _ in pace(rate, stop):
                group.create_task(next(turns)())

    async def register(self, rate: float, stop: asyncio.Event) -> None:
        """Register so many accounts a second."""
        async with asyncio.TaskGroup() as group:
            async for due in pace(rate, stop):
                group.create_task(self._register(due))

    async def _ask_page(self) -> None:
        await self._attempt(f"GET {self._page}", self._endpoint.ask("GET", self._page))

    async def _ask_presence(self) -> None:
        path = f"/api/rooms/{random.choice(self._rooms)}/presence"
        token = random.choice(list(self._tokens.values()))
        await self._attempt("GET …/presence", self._endpoint.ask("GET", path, token=token))

    async def _log_in(self) -> None:
        name = random.choice(list(self._tokens))
        await self._attempt("POST /api/login", self._accounts.ask("login", name))

    async def _register(self, due: float) -> None:
        registration = Registration(self._accounts.new_name(), due)
        self.registrations.append(registration)
        # A repeated attempt may find that one without an answer did it.
        accepted: tuple[int, ...] = (HTTPStatus.CREATED,)
        failures = 0
        while not await self._attempt(
            "POST /api/register", self._accounts.ask("register", registration.name), accepted
        ):
            accepted = (HTTPStatus.CREATED, HTTPStatus.CONFLICT)
            await asyncio.sleep(AGAIN.pause(failures))
            failures += 1
        registration.done = now()
        self._accounts.registered.append(registration.name)
        self._journal.registered(due, registration.done)

    async def _attempt(
        self,
        what: str,
        request: Awaitable[ClientResponse],
        accepted: Sequence[int] = (HTTPStatus.OK,),
    ) -> bool:
        self.requests += 1
        start = now()
        try:
            answer = await request
            if answer.status in accepted:
                self._journal.durations[what].add(now() - start)
                return True
            reason = f"status {answer.status}"
        except (OSError, ClientError) as error:
            reason = describe(error)
        self._journal.fault("failed_requests", f"{what}: {reason}", REQUESTS_FAILED)
        return False
