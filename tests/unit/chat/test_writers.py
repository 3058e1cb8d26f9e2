"""The writers find a pause of writes and a write that was forgotten, and nothing else."""

from __future__ import annotations

import threading

import pytest

from tests.e2e.writers import PAUSE, Writer, Writes, outcome

WRITES = 5
FAILURES = 20
NOTICED = FAILURES * PAUSE / 2
"""Between the gap that failures make and one that a busy machine makes (s)."""
DEADLINE = 60.0


class Memory:
    """Keeps a number after so many failures, and may forget the last one."""

    tier, name = "redis", "10.0.0.1:6379"

    def __init__(self, failures: int = 0, forgets: int = 0) -> None:
        self.enough = threading.Event()
        self._failures, self._forgets, self._number = failures, forgets, 0

    def write(self, number: int) -> None:
        if self._failures:
            self._failures -= 1
            raise OSError
        assert number == self._number + 1
        self._number = number
        if number == WRITES:
            self.enough.set()

    def read(self) -> int:
        return self._number - self._forgets


class Broken(Memory):
    """Fails by a fault of its own."""

    def write(self, number: int) -> None:
        self.enough.set()
        raise ZeroDivisionError


def written(*places: Memory) -> Writes:
    stop = threading.Event()
    writers = [Writer(place, stop) for place in places]
    for writer in writers:
        writer.start()
    for place in places:
        assert place.enough.wait(DEADLINE)
    stop.set()
    return outcome(writers)


def test_a_place_that_takes_everything_has_no_gap() -> None:
    writes = written(Memory())
    assert PAUSE <= writes.gaps["redis"] < NOTICED
    assert writes.lost == []


def test_the_worst_gap_of_all_is_told_and_nothing_is_skipped() -> None:
    writes = written(Memory(), Memory(failures=FAILURES))
    assert writes.gaps["redis"] > NOTICED
    assert writes.lost == []


def test_a_number_that_was_kept_and_is_gone_is_found() -> None:
    (sentence,) = written(Memory(forgets=1)).lost
    assert sentence.startswith("10.0.0.1:6379 kept ")


def test_a_fault_of_the_writer_is_not_taken_for_a_gap() -> None:
    with pytest.raises(ZeroDivisionError):
        written(Broken())
