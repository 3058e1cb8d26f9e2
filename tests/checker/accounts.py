"""Accounts: registered, used, and at the end looked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import TypeVar

from aiohttp import ClientError, ClientResponse

from tests.checker.clock import now
from tests.checker.endpoint import Endpoint, describe

S = TypeVar("S")
T = TypeVar("T")

PASSWORD = "correct horse"
PAUSE = 0.2
"""Seconds between attempts."""


class Unavailable(Exception):
    """The chat did not do what it had to within the time it was given."""


class Accounts:
    """The accounts that the chat said it had registered."""

    def __init__(self, endpoint: Endpoint, prefix: str) -> None:
        self.registered: list[str] = []
        self._endpoint = endpoint
        self._prefix = prefix
        self._number = 0

    def new_name(self) -> str:
        """A name nobody had before."""
        self._number += 1
        return f"{self._prefix}-{self._number}"

    async def ask(self, what: str, name: str) -> ClientResponse:
        """``register`` or ``login``, once."""
        body = {"name": name, "password": PASSWORD}
        return await self._endpoint.ask("POST", f"/api/{what}", body)

    async def register(self, count: int, deadline: float) -> dict[str, str]:
        """Register so many and return their tokens; raises Unavailable after so many seconds."""
        names = [self.new_name() for _ in range(count)]
        end = now() + deadline

        async def register(name: str) -> str:
            answer = await self._until_answered("register", name, end)
            if answer.status == HTTPStatus.CONFLICT:  # an attempt without an answer did it
                answer = await self._until_answered("login", name, end)
            if not answer.ok:
                raise Unavailable(f"POST /api/register answered {answer.status}.")
            self.registered.append(name)
            return str((await answer.json())["token"])

        return dict(zip(names, await few_at_once(register, names), strict=True))

    async def lost(self, deadline: float) -> list[str]:
        """Log in with every account; a sentence for each that cannot within so many seconds."""
        end = now() + deadline

        async def look_for(name: str) -> str:
            try:
                answer = await self._until_answered("login", name, end)
            except Unavailable as error:
                return f"{name} could not be looked for: {error}"
            return f"{name} cannot log in: status {answer.status}" if not answer.ok else ""

        return [lost for lost in await few_at_once(look_for, self.registered) if lost]

    async def _until_answered(self, what: str, name: str, end: float) -> ClientResponse:
        while True:
            try:
                answer = await self.ask(what, name)
                if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    return answer
                last = f"status {answer.status}"
            except (OSError, ClientError) as error:
                last = describe(error)
            if now() > end:
                raise Unavailable(f"POST /api/{what} had no answer in time; the last was: {last}")
            await asyncio.sleep(PAUSE)


async def few_at_once(
    work: Callable[[S], Awaitable[T]], items: Iterable[S], at_once: int = 4
) -> list[T]:
    """Do this for each of the items, few of them at a time: the chat has others to serve."""
    turn = asyncio.Semaphore(at_once)

    async def one(item: S) -> T:
        async with turn:
            return await work(item)

    tasks = [asyncio.create_task(one(item)) for item in items]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
