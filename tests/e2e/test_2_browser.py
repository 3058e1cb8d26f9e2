"""Two people in a browser, and the app instance of one of them is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

from playwright.async_api import Browser

from tests.e2e.browser import Person, chromium
from tests.e2e.conversation import new_name
from tests.e2e.stack import Stack, rehearsal, wait_for

RECOVERED = 60  # seconds for a page to notice, and to be connected again
BACK = 180  # seconds for the group to notice, launch and join


async def _elsewhere(browser: Browser, url: str, room: str, than: Person) -> Person:
    """Somebody whom another app instance serves."""
    person, _ = await Person.arriving(browser, url, new_name("bob"))
    await person.enter(room)
    for _ in range(10):
        if await person.server() != await than.server():
            return person
        await person.page.reload()
        await person.enter(room, "Log in")
    raise AssertionError(f"Everybody is served by {await than.server()}.")


async def test_a_page_comes_back_by_itself_with_what_was_said_meanwhile(
    stack: Stack, tmp_path: Path
) -> None:
    domain, url, room = stack.domain(), stack.url(), new_name("room")
    async with chromium(domain, tmp_path) as browser:
        ann, answer = await Person.arriving(browser, url, new_name("ann"))
        assert answer.headers["content-security-policy"].startswith("default-src 'self'; ")
        assert answer.headers["strict-transport-security"]
        await ann.screenshot("1-arrived")
        await ann.enter(room)
        bob = await _elsewhere(browser, url, room, than=ann)
        said = ["Good morning, Bob.", "Morning, Ann!"]
        await ann.say(said[0])
        await bob.say(said[1])
        await ann.sees(said)
        await bob.sees(said)
        await ann.screenshot("2-ann-talks")
        await bob.screenshot("2-bob-talks")

        loaded, lost = await ann.loaded_at(), await ann.server()
        instance = next(one for one in stack.instances("app") if one.id == lost)
        rehearsal("kill", lost)
        for text in ("Are you still there?", "I go on, then."):
            await bob.say(text)
            said.append(text)
        await ann.is_("reconnecting", RECOVERED)
        said.append("Can you hear me?")
        await ann.write(said[-1])
        await ann.screenshot("3-ann-is-cut-off")
        await ann.is_("connected", RECOVERED)
        await ann.sees(said)
        await bob.sees(said)
        await ann.screenshot("4-ann-is-back")
        assert await ann.loaded_at() == loaded, "the page was loaded again"
        assert await ann.server() != lost

        said.append("I am back, and have read it all.")
        await ann.say(said[-1])
        await bob.sees(said)
        await bob.screenshot("5-bob-reads-on")
        assert not bob.errors
        of_the_connection = f"WebSocket connection to 'wss://{domain}/socket.io/"
        assert not [error for error in ann.errors if not error.startswith(of_the_connection)]
    await asyncio.to_thread(
        wait_for, "three healthy targets", lambda: stack.app_is_whole_without(instance), BACK
    )
