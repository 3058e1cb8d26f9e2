"""Check a chat from outside while something is done to it: see the README beside this file."""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import uvloop
from aiohttp import ClientError
from rich.console import Console

from tests.checker.accounts import Unavailable
from tests.checker.checker import Checker
from tests.checker.display import show
from tests.checker.endpoint import describe
from tests.checker.report import FIGURES, Report
from tests.checker.settings import Settings

READY = "Checking until it is told to stop"
"""Begins the line that says that everyone is in and messages flow."""

EXCEEDED, IMPOSSIBLE = 1, 2
"""Exit codes: a limit was exceeded; the chat could not be checked."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.checker", description=__doc__)
    usual = {f.name: f.default for f in fields(Settings)}
    what = parser.add_argument_group("what to check")
    what.add_argument("--url", required=True, help="where clients reach the chat: https://HOST")
    what.add_argument("--ca", type=Path, help="certificate authority to trust (PEM)")
    what.add_argument("--resolver", help="address of the name server to ask")
    for name, kind, text in (
        ("clients", int, "WebSocket clients"),
        ("room_size", int, "clients in a room"),
        ("rate", float, "messages a second, all rooms together"),
        ("requests", float, "HTTP requests a second"),
        ("registrations", float, "new accounts a second"),
        ("page", str, "page that answers 200; '' for none"),
        ("ramp", float, "clients that connect a second, at first"),
        ("kept", int, "messages that a room keeps"),
        ("patience", float, "seconds to get in, and in the end to get everything"),
    ):
        option = f"--{name.replace('_', '-')}"
        what.add_argument(option, type=kind, default=usual[name], help=f"{text} ({usual[name]})")
    parser.add_argument("--seconds", type=float, help="end by itself after so many seconds")
    parser.add_argument("--json", type=Path, help="write the report to this file as well")
    parser.add_argument(
        "--notes",
        action="store_true",
        help="put each line of standard input on the time line; its end ends the check",
    )
    limits = parser.add_argument_group("limits", "Exit with code 1 when a figure is larger.")
    for name, meaning in FIGURES.items():
        option, unit = f"--max-{name.replace('_', '-')}", meaning.unit or "N"
        text = meaning.label + ("" if meaning.limit is None else f" ({meaning.limit:g})")
        limits.add_argument(option, type=float, metavar=unit.upper(), help=text)
    return parser.parse_args(arguments)


async def check(settings: Settings, seconds: float | None, notes: bool, console: Console) -> Report:
    """Check for so many seconds, or until SIGINT or SIGTERM, or the end of the notes."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    console.print(f"{settings.clients} clients are joining their rooms at {settings.url}")
    async with Checker(settings) as checker:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        if notes:
            loop.add_reader(sys.stdin, _take_note, checker, stop)
        console.print(READY if seconds is None else f"Checking for {seconds:g} s")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
        for number in (signal.SIGINT, signal.SIGTERM):  # who asks twice wants no report
            loop.remove_signal_handler(number)
        console.print("Waiting for what is on its way, then looking for what the chat has kept")
    return checker.report


def _take_note(checker: Checker, stop: asyncio.Event) -> None:
    """Take a note; when whoever wrote them is gone, nobody else would end the check."""
    line = sys.stdin.readline()
    if line.strip():
        checker.note(line.strip())
    elif not line:
        asyncio.get_running_loop().remove_reader(sys.stdin)
        stop.set()


def main() -> int:
    """Check, show the report, and name the limits that were exceeded."""
    options = parse()
    values = vars(options)
    limits = {n: values[f"max_{n}"] for n in FIGURES if values[f"max_{n}"] is not None}
    _allow_open_files(2 * options.clients + 200)
    console = Console(width=None if sys.stdout.isatty() else 140)
    try:
        names = {f.name for f in fields(Settings)}
        settings = Settings(**{name: value for name, value in values.items() if name in names})
        report = uvloop.run(check(settings, options.seconds, options.notes, console))
    except (Unavailable, ClientError, OSError, ValueError) as error:
        print(describe(error), file=sys.stderr)
        return IMPOSSIBLE
    except KeyboardInterrupt:
        return IMPOSSIBLE
    if options.json:
        report.save(options.json)
    show(report, limits, console)
    exceeded = report.exceeded(limits)
    for sentence in exceeded:
        console.print(sentence, style="red", markup=False, highlight=False)
    return EXCEEDED if exceeded else 0


def _allow_open_files(count: int) -> None:
    """A client is an open file, and the usual limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


if __name__ == "__main__":
    sys.exit(main())
