"""People in a real browser: headless Chromium, each with a window that shares nothing with others'.

The browser trusts the rehearsal's authority as a person would have it do: in its own database.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from playwright.async_api import Browser, ConsoleMessage, Page, Response, async_playwright, expect

from tests.e2e.visitor import AUTHORITY, address_of

CHROMIUM = "/usr/bin/chromium"
SCREENSHOTS = Path("build/screenshots")
PASSWORD = "correct horse"
PENDING = re.compile(r"\bpending\b")

_ANSWER = 15_000  # milliseconds that people wait for the chat


@asynccontextmanager
async def chromium(domain: str, home: Path) -> AsyncIterator[Browser]:
    """A browser that finds ``domain`` through the rehearsal's DNS; its files are below ``home``."""
    _trust_authority(home)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[f"--host-resolver-rules=MAP {domain} {await address_of(domain)}"],
            env={**os.environ, "HOME": str(home)},
        )
        try:
            yield browser
        finally:
            await browser.close()


def _trust_authority(home: Path) -> None:
    """Add it to the database of certificates that Chromium reads on Linux."""
    directory = home / ".pki" / "nssdb"
    directory.mkdir(parents=True)
    database = ["-d", f"sql:{directory}"]
    authority = ["-n", "rehearsal", "-t", "C,,", "-i", str(AUTHORITY)]
    subprocess.run(["certutil", "-N", "--empty-password", *database], check=True)
    subprocess.run(["certutil", "-A", *authority, *database], check=True)


class Person:
    """Somebody with the chat's page open; ``errors`` has what the console complained of."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.name = name
        self.errors: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    @classmethod
    async def arriving(cls, browser: Browser, url: str, name: str) -> tuple[Self, Response]:
        """Open the page; also return how it was answered."""
        context = await browser.new_context(viewport={"width": 900, "height": 640})
        person = cls(await context.new_page(), name)
        answer = await person.page.goto(url)
        assert answer is not None
        return person, answer

    async def enter(self, room: str, button: str = "Register") -> None:
        """Register, or log in, and join the room."""
        await self.page.get_by_label("Name").fill(self.name)
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_label("Room").fill(room)
        await self.page.get_by_role("button", name=button).click()
        await self.is_("connected")

    async def write(self, text: str) -> None:
        """Write a message, which the page sends as soon as it can."""
        await self.page.get_by_label("Message").fill(text)
        await self.page.get_by_role("button", name="Send").click()

    async def say(self, text: str) -> None:
        """Write a message, and wait until the chat has it."""
        await self.write(text)
        row = self.page.locator("#messages li", has_text=text)
        await expect(row).not_to_have_class(PENDING, timeout=_ANSWER)

    async def sees(self, texts: list[str]) -> None:
        """Wait until these are the messages on the page, in this order and each once."""
        await expect(self.page.locator("#messages p")).to_have_text(texts, timeout=_ANSWER)

    async def is_(self, state: str, seconds: float = 15) -> None:
        """Wait until the page says so of its connection, if only for a moment."""
        says = "state => document.querySelector('[role=status]').textContent === state"
        await self.page.wait_for_function(says, arg=state, timeout=seconds * 1000)

    async def server(self) -> str:
        """The app instance that serves the page now."""
        title = await self.page.get_by_role("status").get_attribute("title")
        assert title is not None
        return title.removeprefix("Served by ")

    async def loaded_at(self) -> float:
        """When the page was loaded: a reload would change it."""
        when: float = await self.page.evaluate("performance.timeOrigin")
        return when

    async def screenshot(self, step: str) -> None:
        """Take a picture of the window, for people to look at."""
        await self.page.screenshot(path=SCREENSHOTS / f"{step}.png")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)
