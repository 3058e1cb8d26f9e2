"""Conversations between chat clients, and a ledger of what the chat has promised to keep."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from tests.e2e.chat_client import ChatClient


def new_name(prefix: str) -> str:
    """A name nobody had before: a stack outlives a test run."""
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


@dataclass
class Ledger:
    """What the chat has acknowledged: accounts, and the stream ids of messages by room."""

    accounts: set[str] = field(default_factory=set)
    messages: dict[str, list[str]] = field(default_factory=dict)

    async def check(self, url: str) -> None:
        """Log in with every account; find every message once, in the order of its stream."""
        for account in self.accounts:
            await ChatClient(url, account, "lobby").login()
        for room, acknowledged in self.messages.items():
            async with ChatClient(url, new_name("auditor"), room, after="0-0") as auditor:
                stored = [message.id for message in auditor.received]
            missing = set(acknowledged) - set(stored)
            assert not missing, f"{len(missing)} acknowledged messages of {room} are lost"
            assert len(stored) == len(set(stored)), f"{room} has a message twice"


async def exchange(url: str) -> tuple[str, str, str]:
    """Send one message between two app instances; return their names and the text."""
    room, text = new_name("room"), f"hello at {time.strftime('%H:%M:%S')}"
    async with (
        ChatClient(url, new_name("ann"), room) as ann,
        ChatClient(url, new_name("bob"), room) as bob,
    ):
        if bob.server_name == ann.server_name:
            await bob.connect_elsewhere(ann.server_name)
        await bob.wait_for_message(await ann.send(text))
        return ann.server_name, bob.server_name, text


@dataclass
class Talk:
    """A conversation that goes on in the background."""

    room: str
    clients: list[ChatClient]
    ledger: Ledger
    acknowledged_at: dict[str, list[float]] = field(default_factory=dict)

    async def speak(self, client: ChatClient) -> None:
        """Send five messages a second, each until it is acknowledged."""
        times = self.acknowledged_at.setdefault(client.name, [])
        for number in itertools.count():
            stream_id = await client.send(f"{client.name} says {number}")
            self.ledger.messages[self.room].append(stream_id)
            times.append(time.monotonic())
            await asyncio.sleep(0.2)

    async def go_on(self, messages: int, seconds: float = 60.0) -> None:
        """Return after so many more messages of each client; fail after ``seconds``."""
        goals = {c.name: len(self.acknowledged_at.get(c.name, [])) + messages for c in self.clients}
        async with asyncio.timeout(seconds):
            while any(len(self.acknowledged_at.get(n, [])) < goal for n, goal in goals.items()):
                await asyncio.sleep(0.1)

    def longest_gap(self) -> float:
        """Seconds a client waited between two acknowledgements, at the most."""
        return max(
            b - a for times in self.acknowledged_at.values() for a, b in itertools.pairwise(times)
        )


@asynccontextmanager
async def talking(url: str, ledger: Ledger, clients: int = 4) -> AsyncIterator[Talk]:
    """Keep clients talking in one room while the body runs; then let everyone hear everything."""
    room = new_name("room")
    ledger.messages[room] = []
    async with AsyncExitStack() as stack:
        people = [ChatClient(url, new_name("user"), room) for _ in range(clients)]
        for person in people:
            await stack.enter_async_context(person)
            ledger.accounts.add(person.name)
        talk = Talk(room, people, ledger)
        speakers = [asyncio.create_task(talk.speak(person)) for person in people]
        try:
            yield talk
            for speaker in speakers:
                assert not speaker.done(), f"a client gave up: {speaker}"
        finally:
            for speaker in speakers:
                speaker.cancel()
            await asyncio.gather(*speakers, return_exceptions=True)
        for person in people:
            await person.wait_for_message(ledger.messages[room][-1])
            heard = [message.id for message in person.received]
            assert len(heard) == len(set(heard)), f"{person.name} heard a message twice"
            assert not set(ledger.messages[room]) - set(heard), f"{person.name} missed messages"
