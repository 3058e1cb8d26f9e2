"""What the chat keeps of a room, as somebody sees it who comes after all is over."""

from __future__ import annotations

import asyncio

from tests.checker.accounts import Unavailable
from tests.checker.client import Client, Delivery
from tests.checker.endpoint import Endpoint


class _Reader:
    """Takes what is delivered; a `tests.checker.client.Listener` that sends nothing."""

    def __init__(self) -> None:
        self.client_ids: list[str] = []

    def delivered(self, delivery: Delivery) -> None:
        self.client_ids.append(delivery.client_id)

    def acknowledged(self, client_id: str) -> None: ...

    def refused(self, client_id: str, reason: str) -> None: ...

    def connection_lost(self, reason: str) -> None: ...

    def connection_failed(self, reason: str) -> None: ...


async def read_history(endpoint: Endpoint, token: str, room: str, deadline: float) -> list[str]:
    """The ids of all messages of a room, in the chat's order.

    Raises Unavailable when the room cannot be read within ``deadline`` seconds.
    """
    reader = _Reader()
    client = Client(endpoint, token, room, reader)
    task = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(deadline):
            await client.joined.wait()
    except TimeoutError:
        raise Unavailable(
            f"{room} could not be read within {deadline:.0f} s: {client.failure}"
        ) from None
    finally:
        task.cancel()
        await asyncio.wait([task])
    return reader.client_ids
