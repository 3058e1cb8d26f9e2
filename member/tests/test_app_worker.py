"""A worker number is one instance's alone, and the lowest that is free."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_world import Place, Stack
from chatlift_member import app_worker
from chatlift_member.app_worker import LEASE_SECONDS, RENEW_SECONDS, Worker, is_used, lowest_free
from chatlift_member.coordinator import Lease
from chatlift_member.errors import AgentError, NotInTime
from chatlift_member.wait import Deadline
from member_factory import Clock


def leases(*holders: tuple[int, str, bool]) -> list[Lease]:
    return [Lease(f"worker/{number}", holder, "10.0.0.1", live) for number, holder, live in holders]


@pytest.mark.parametrize(
    ("held", "number"),
    [
        (leases(), 0),
        (leases((0, "i-2", True)), 1),
        (leases((1, "i-2", True)), 0),
        (leases((0, "i-2", True), (1, "i-3", False), (2, "i-4", True)), 1),
        (leases((0, "i-2", False), (3, "i-1", False)), 3),
    ],
)
def test_the_lowest_free_number_is_taken_or_ones_own(held: list[Lease], number: int) -> None:
    assert lowest_free(held, "i-1") == number


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("id = {{ worker }}", True),
        ("{% if worker > 0 %}", True),
        ('{"format": "json", "content": {"id": "{{ worker + 1 }}"}}', True),
        ("# a worker {{ stack }}", False),
        ("{{ workers }}", False),
    ],
)
def test_only_a_template_that_uses_the_number_asks_for_one(
    tmp_path: Path, text: str, used: bool
) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/settings.data").write_text(text)
    assert is_used(tmp_path) is used


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    clock = Clock()
    monkeypatch.setattr("time.sleep", clock.sleep)
    monkeypatch.setattr(
        app_worker, "write_atomically", lambda path, text, mode: path.write_text(text)
    )
    return Stack(clock)


def worker(stack: Stack, me: str, directory: Path) -> Worker:
    return Worker(Place(stack, me), directory / me, stack.clock)  # type: ignore[arg-type]


def test_two_instances_have_two_numbers(stack: Stack, tmp_path: Path) -> None:
    numbers = []
    for me in ("i-1", "i-2"):
        made = worker(stack, me, tmp_path)
        made.take(Deadline(5, stack.clock))
        numbers.append(made.number)
    assert numbers == [0, 1]


def test_a_restarted_agent_remembers_its_number(stack: Stack, tmp_path: Path) -> None:
    worker(stack, "i-2", tmp_path).take(Deadline(5, stack.clock))
    worker(stack, "i-1", tmp_path).take(Deadline(5, stack.clock))
    assert worker(stack, "i-1", tmp_path).number == 1


def test_a_released_number_is_free_at_once(stack: Stack, tmp_path: Path) -> None:
    first = worker(stack, "i-1", tmp_path)
    first.take(Deadline(5, stack.clock))
    first.release()
    second = worker(stack, "i-2", tmp_path)
    second.take(Deadline(5, stack.clock))
    assert second.number == 0


def test_a_lost_answer_leaves_no_number_behind(stack: Stack, tmp_path: Path) -> None:
    stack.loses_answers = 1
    made = worker(stack, "i-1", tmp_path)
    made.take(Deadline(5, stack.clock))
    assert list(stack.leases) == ["worker/0"]


def test_the_lease_is_renewed_in_time(stack: Stack, tmp_path: Path) -> None:
    made = worker(stack, "i-1", tmp_path)
    made.take(Deadline(5, stack.clock))
    for _ in range(LEASE_SECONDS // 5):
        stack.clock.now += 5
        made.renew()
    assert stack.leases["worker/0"][1] > stack.clock.now + LEASE_SECONDS - 2 * RENEW_SECONDS


def test_a_number_that_another_took_is_lost(stack: Stack, tmp_path: Path) -> None:
    made = worker(stack, "i-1", tmp_path)
    made.take(Deadline(5, stack.clock))
    stack.clock.now += LEASE_SECONDS + 1
    worker(stack, "i-2", tmp_path).take(Deadline(5, stack.clock))
    with pytest.raises(AgentError, match="another one has taken its worker number 0"):
        made.renew()
    assert made.lost


def test_a_start_without_mysql_waits_and_says_why(stack: Stack, tmp_path: Path) -> None:
    stack.down = True
    with pytest.raises(NotInTime, match="a worker number; last seen: No MySQL primary answers"):
        worker(stack, "i-1", tmp_path).take(Deadline(30, stack.clock))
