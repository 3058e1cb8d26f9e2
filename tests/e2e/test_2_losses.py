"""Instances are lost, one after the other; the stack mends itself and the chat goes on."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.e2e.conversation import Ledger, talking
from tests.e2e.stack import Instance, Stack, rehearsal, wait_for

BACK = 180  # seconds for a group to notice, launch and join
SILENCE = 30  # seconds a client may wait for an acknowledgement


def _returned(stack: Stack, lost: Instance) -> Instance | None:
    """The lost member's new instance, once it is in good standing."""
    for instance in stack.instances(lost.tier):
        replaced = instance.name == lost.name and instance.id != lost.id
        if replaced and instance.role in ("primary", "replica"):
            return instance
    return None


async def test_an_app_instance_is_lost(stack: Stack, ledger: Ledger) -> None:
    # One may have been lost in the test before, and nobody have noticed yet.
    lost = next(one for one in stack.instances("app") if one.role == "app")
    async with talking(stack.url(), ledger) as talk:
        await talk.go_on(10)
        rehearsal("kill", lost.id)
        await asyncio.to_thread(
            wait_for, "three healthy targets", lambda: stack.app_is_whole_without(lost), BACK
        )
        names = {person.name for person in talk.clients}
        await talk.clients[0].wait_for_users(*names)
        await talk.go_on(10)
    print(f"longest gap between acknowledgements: {talk.longest_gap():.1f} s")
    assert talk.longest_gap() < SILENCE
    await ledger.check(stack.url())


@pytest.mark.parametrize("tier", ["redis", "mysql"])
async def test_a_leader_is_lost(stack: Stack, ledger: Ledger, tier: str) -> None:
    lost = stack.leaders(tier)[0]
    leaders = len(stack.leaders(tier))
    async with talking(stack.url(), ledger) as talk:
        await talk.go_on(10)
        rehearsal("kill", lost.id)
        killed = time.monotonic()

        def _succeeded() -> list[str]:
            names = [i.name for i in stack.leaders(tier)]
            return names if lost.name not in names and len(names) == leaders else []

        async with talking(stack.url(), ledger) as newcomers:  # accounts made amid the loss
            print(f"four accounts registered {time.monotonic() - killed:.1f} s after the loss")
            successors = await asyncio.to_thread(wait_for, "a new leader", _succeeded, 30)
            print(f"{lost.name} lost; after {time.monotonic() - killed:.1f} s {successors} lead")
            back = await asyncio.to_thread(
                wait_for, f"{lost.name} to come back", lambda: _returned(stack, lost), BACK
            )
            print(f"{lost.name} is back after {time.monotonic() - killed:.1f} s as {back.role}")
            await newcomers.go_on(10)
        await talk.go_on(10)
    print(f"longest gap between acknowledgements: {talk.longest_gap():.1f} s")
    assert (back.address, back.volume_id, back.zone) == (lost.address, lost.volume_id, lost.zone)
    assert talk.longest_gap() < SILENCE
    await ledger.check(stack.url())
