"""The check itself: it fills rooms with clients, keeps them talking, and adds up what came of it.

    async with Checker(Settings("https://chat.example", clients=30)) as checker:
        ...  # the messages flow
    assert not checker.report.exceeded({"reconnects": 1})

The event loop must stay free meanwhile: what blocks belongs in a thread, or the check in a process
of its own (`tests.checker.process`).
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import time
import uuid
from collections.abc import Coroutine
from http import HTTPStatus
from types import TracebackType
from typing import Self

from tests.checker.accounts import Accounts, Unavailable, few_at_once
from tests.checker.audit import read_history
from tests.checker.clock import now
from tests.checker.endpoint import Endpoint
from tests.checker.journal import Journal
from tests.checker.measures import LongestGap
from tests.checker.probes import Probes, pace
from tests.checker.report import Report
from tests.checker.room import Room
from tests.checker.seat import Seat
from tests.checker.settings import Settings
from tests.checker.summary import Outcome, summarise


class Checker:
    """Checks while the body of its ``async with`` runs; `report` is there afterwards.

    Entering it raises Unavailable when the chat cannot be checked as it is.
    """

    report: Report

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.journal = Journal()
        self._name = f"check-{uuid.uuid4().hex[:8]}"
        self._endpoint = Endpoint(settings.url, settings.ca, settings.resolver)
        self._accounts = Accounts(self._endpoint, self._name)
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._callers: list[asyncio.Task[None]] = []
        self._late = 0.0
        self._cpu = 0.0

    async def __aenter__(self) -> Self:
        """Register accounts, let everyone join, and begin."""
        try:
            await self._prepare()
        except BaseException:
            await self._close()
            raise
        self._begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what is on its way, see what the chat has kept, and report."""
        try:
            if error is None:
                self.report = await self._finish()
        finally:
            await self._close()

    async def _close(self) -> None:
        await self._cancel()
        await self._endpoint.close()

    async def _cancel(self) -> None:
        """End all tasks; raises what one of them raised by itself."""
        crashed = [task for task in self._tasks if task.done()]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for task in crashed:
            task.result()

    async def _prepare(self) -> None:
        settings = self.settings
        self._tokens = await self._accounts.register(settings.accounts, settings.patience)
        if settings.page:
            await self._look_at(settings.page)
        self._rooms = [Room(f"{self._name}-{n}", size) for n, size in enumerate(settings.rooms())]
        tokens = itertools.cycle(self._tokens.values())
        places = ((room, place) for room in self._rooms for place in range(room.seats))
        self._seats = [
            Seat(n, room, place, self.journal, self._endpoint, next(tokens), settings.back_off)
            for n, (room, place) in enumerate(places)
        ]
        self._start(self._look_after_clients())
        for n, seat in enumerate(self._seats):
            self._start(seat.client.run(delay=n / settings.ramp))
        await self._until_joined(settings.clients / settings.ramp + settings.patience)

    async def _look_at(self, page: str) -> None:
        answer = await self._endpoint.ask("GET", page)
        if answer.status != HTTPStatus.OK:
            raise Unavailable(
                f"GET {page} answered {answer.status}: give --page a path that answers 200, "
                "or '' for none."
            )

    async def _until_joined(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                for seat in self._seats:
                    await seat.client.joined.wait()
        except TimeoutError:
            raise Unavailable(
                f"The {seat.name} could not join within {seconds:.0f} s: {seat.client.failure}"
            ) from None

    async def _look_after_clients(self) -> None:
        while True:
            await asyncio.sleep(1)
            for seat in self._seats:
                seat.client.look_after()

    def _begin(self) -> None:
        settings = self.settings
        self._probes = Probes(
            self._endpoint,
            self._accounts,
            self.journal,
            page=settings.page,
            rooms=[room.name for room in self._rooms],
            tokens=self._tokens,
        )
        self.journal.begin()
        for gap in self._gaps():
            gap.begin(self.journal.start)
        # What is there stays; to look through it again and again for garbage takes long.
        gc.collect()
        gc.freeze()
        self._cpu = time.process_time()
        self._callers = [
            self._start(self._talk()),
            self._start(self._probes.ask(settings.requests, self._stop)),
            self._start(self._probes.register(settings.registrations, self._stop)),
        ]

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    def note(self, text: str) -> None:
        """Mark this moment on the time line."""
        self.journal.note(text)

    async def _talk(self) -> None:
        # One after the other in each room, so that something is due everywhere all the time.
        turns = itertools.cycle(sorted(self._seats, key=lambda seat: seat.place))
        async for due in pace(self.settings.rate, self._stop):
            self._late = max(self._late, now() - due)
            next(turns).say(due)

    def _gaps(self) -> list[LongestGap]:
        return [
            self.journal.deliveries,
            self.journal.registrations,
            *(seat.deliveries for seat in self._seats),
            *(room.acknowledgements for room in self._rooms),
        ]

    async def _finish(self) -> Report:
        stopped = now()
        for gap in self._gaps():
            gap.end(stopped)
        self._stop.set()
        cores = (time.process_time() - self._cpu) / (stopped - self.journal.start)
        await self._settle(stopped + self.settings.patience)
        settled = now()
        self.journal.close()
        await self._cancel()
        await few_at_once(self._audit, self._rooms)
        for sentence in await self._accounts.lost(self.settings.patience):
            self.journal.fault("lost_accounts", sentence)
        outcome = Outcome(
            settings=self.settings,
            journal=self.journal,
            rooms=self._rooms,
            seats=self._seats,
            requests=self._probes.requests,
            registrations=self._probes.registrations,
            stopped=stopped,
            settled=settled,
            checker_cores=cores,
            checker_stall=self._late,
        )
        return summarise(outcome)

    async def _settle(self, end: float) -> None:
        """Wait until all has been acknowledged and delivered; what then is missing is lost."""
        await asyncio.wait(self._callers, timeout=self.settings.patience)
        while now() < end:
            idle = all(seat.client.is_idle for seat in self._seats)
            if idle and all(room.is_complete() for room in self._rooms):
                return
            await asyncio.sleep(0.1)

    async def _audit(self, room: Room) -> None:
        token = next(iter(self._tokens.values()))
        try:
            stored = await read_history(self._endpoint, token, room.name, self.settings.patience)
        except Unavailable as error:
            self.journal.fault("lost", str(error))
        else:
            room.take_history(stored, self.settings.kept)
