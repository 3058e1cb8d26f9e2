"""The writers find a pause of writes and a write that was forgotten, and nothing else."""

from __future__ import annotations

import threading
import time

import pytest

from tests.e2e.writers import PAUSE, Writer, outcome

SECONDS = 3.0
HELD = 2.0
NOTICED = HELD / 2
"""Between a gap that was made and one that a busy machine makes."""


class Memory:
    """Keeps a number, fails for a while if told to, and may forget the last one."""

    tier, name = "redis", "10.0.0.1:6379"

    def __init__(self, held: float = 0.0, forgets: int = 0, error: type[Exception] = OSError):
        self._held = time.monotonic() + held
        self._error, self._forgets, self.number = error, forgets, 0

    def write(self, number: int) -> None:
        if time.monotonic() < self._held:
            raise self._error
        self.number = number

    def read(self) -> int:
        return self.number - self._forgets


def written(*places: Memory) -> tuple[float, list[str]]:
    stop = threading.Event()
    writers = [Writer(place, stop) for place in places]
    for writer in writers:
        writer.start()
    time.sleep(SECONDS)
    stop.set()
    writes = outcome(writers)
    return writes.gaps["redis"], writes.lost


def test_a_place_that_takes_everything_has_no_gap() -> None:
    gap, lost = written(Memory())
    assert PAUSE <= gap < NOTICED
    assert lost == []


def test_the_worst_gap_of_all_is_told_and_nothing_is_skipped() -> None:
    late = Memory(held=HELD)
    gap, lost = written(Memory(), late)
    assert gap > NOTICED
    assert 0 < late.number <= SECONDS / PAUSE
    assert lost == []


def test_a_number_that_was_kept_and_is_gone_is_found() -> None:
    _, lost = written(Memory(forgets=1))
    (sentence,) = lost
    assert sentence.startswith("10.0.0.1:6379 kept ")


def test_a_fault_of_the_writer_is_not_taken_for_a_gap() -> None:
    with pytest.raises(ZeroDivisionError):
        written(Memory(held=SECONDS, error=ZeroDivisionError))
