"""The checker finds what a chat does wrong, and nothing else."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.checker.checker import Checker
from tests.checker.clock import BackOff
from tests.checker.display import timeline
from tests.checker.process import REPOSITORY, checking
from tests.checker.report import FIGURES, Note, Report
from tests.checker.settings import Settings
from tests.e2e.stack import wait_for
from tests.unit.chat.fake_chat import HELD, FakeChat, Fault
from tests.unit.chat.virtual_time import run

SECONDS = 5.0
LIMITS = {name: HELD / 2 if meaning.unit == "s" else 0 for name, meaning in FIGURES.items()}
FOUND: dict[Fault, set[str]] = {
    Fault.NOTHING: set(),
    Fault.LOSE: {"lost"},
    Fault.FORGET: {"lost"},
    Fault.WITHHOLD: {"lost"},
    Fault.DUPLICATE: {"duplicates"},
    Fault.STORE_TWICE: {"duplicates"},
    Fault.REORDER: {"reordered"},
    Fault.LEAK: {"strays"},
    Fault.KEEP_ACK: {"message_wait"},
    Fault.POSTPONE: set(),
    Fault.REFUSE: {"unacknowledged"},
    Fault.HOLD: {"message_wait"},
    Fault.SILENCE: {"delivery_gap", "silence"},
    Fault.DROP: {"reconnects"},
    Fault.DROP_TWICE: {"reconnects", "failed_connections"},
    Fault.MUTE: {"reconnects", "delivery_gap", "message_wait"},
    Fault.FAIL_REQUEST: {"failed_requests"},
    Fault.HOLD_ACCOUNTS: {"account_wait", "account_gap"},
    Fault.FORGET_ACCOUNT: {"lost_accounts"},
}
"""The figures that each fault raises above its limit; those that are counted, to 1."""


async def check(fault: Fault) -> Report:
    async with FakeChat(fault) as chat:
        settings = Settings(
            chat.url,
            clients=4,
            room_size=2,
            rate=20,
            registrations=4,
            patience=15,
            back_off=BackOff(0.1),
        )
        async with Checker(settings) as checker:
            await asyncio.sleep(SECONDS)
    return checker.report


@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.name.lower())
def test_a_fault_is_found_and_nothing_else(fault: Fault) -> None:
    report = run(check(fault))
    exceeded = {name for name in FIGURES if report[name] > LIMITS[name]}
    assert exceeded == FOUND[fault], report.exceeded(LIMITS)
    counted = {name: report[name] for name in exceeded if not FIGURES[name].unit}
    assert counted == dict.fromkeys(counted, 1)


@pytest.fixture(scope="module")
def report() -> Report:
    """That of a check with a fault."""
    return run(check(Fault.LOSE))


def test_a_sentence_says_which_limit_was_exceeded_and_where(report: Report) -> None:
    assert report.exceeded({"reconnects": 1, "message_wait": 0.5}) == [
        f"Acknowledged messages lost: 1, and 0 is the limit. The first: {report.faults['lost'][0]}."
    ]
    assert re.fullmatch(
        r"check-\w+-\d-\d \(due in second 0\.\d\) did not come to 2 of 2 clients, "
        r"and the chat does not keep it",
        report.faults["lost"][0],
    )
    assert report.exceeded({"lost": 1}) == []
    with pytest.raises(KeyError, match="reconnect: the figures are failed_requests"):
        report.exceeded({"reconnect": 1})


def test_a_report_is_the_same_when_it_has_been_stored(report: Report, tmp_path: Path) -> None:
    report.save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json") == report


def test_the_time_line_shows_the_worst_second_of_each_bar(report: Report) -> None:
    rows = {
        "acknowledged": [8.0] * 100,
        "longest wait, s": [0.5] * 100,
        "requests failed": [0.0] * 100,
    }
    rows["acknowledged"][13] = 1
    rows["longest wait, s"][13], rows["requests failed"][13] = 4.0, 3
    notes = [Note(12.3, "something begins"), Note(50, "it is over")]
    changed = replace(report, seconds=100, timeline=rows, notes=notes)
    console = Console(width=65, record=True, file=StringIO())
    console.print(timeline(changed, console.width))
    assert [line.rstrip() for line in console.export_text().splitlines()] == [
        "4 s a bar        0 to 100 s                 lowest  highest",
        "acknowledged     ███▁█████████████████████       1        8",
        "longest wait, s  ▁▁▁█▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁    0.50     4.00",
        "requests failed     █                            0        3",
        "notes               a        b",
    ]


async def test_a_check_in_a_process_of_its_own_takes_notes_and_ends_when_told() -> None:
    async with FakeChat(Fault.DUPLICATE) as chat:

        def deploy() -> Report:
            with checking(chat.url, "--clients=4", "--room-size=2", "--rate=50") as running:
                running.note("the deploy begins")
                wait_for("20 messages", lambda: chat.messages > 20, 60)
            assert "messages that came twice: 1" in running.printed
            return running.report

        report = await asyncio.to_thread(deploy)
    assert [note.text for note in report.notes] == ["the deploy begins"]
    assert report["duplicates"] == 1


async def test_a_check_does_not_outlive_whoever_takes_notes() -> None:
    async with FakeChat() as chat:
        command = ["-m", "tests.checker", "--url", chat.url, "--clients=2", "--page=", "--notes"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdin=PIPE, cwd=REPOSITORY
        )
        assert process.stdin
        process.stdin.close()
        async with asyncio.timeout(60):
            assert await process.wait() == 0


async def test_the_exit_code_tells_whether_a_limit_was_exceeded() -> None:
    async with FakeChat(Fault.DROP, at=1) as chat:
        arguments = ["--url", chat.url, "--clients=2", "--rate=50", "--seconds=1"]
        code, printed = await _run("--max-reconnects=0", *arguments)
        assert code == 1
        assert "Reconnects, the client with the most: 1, and 0 is the limit." in printed
        assert (await _run("--max-reconnects=1", *arguments))[0] == 0
    code, printed = await _run("--patience=0.1", *arguments)
    assert code == 2
    assert "POST /api/register had no answer in time; the last was: Cannot connect" in printed


async def _run(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "tests.checker", *arguments],
        cwd=REPOSITORY,
        stdout=PIPE,
        stderr=STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()
