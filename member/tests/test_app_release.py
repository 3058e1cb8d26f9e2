"""The release command runs once a release, whoever asks, and never twice in silence."""

from __future__ import annotations

import pytest
from app_world import Book, Host, Stack
from chatlift_member.app_release import (
    FENCE_SECONDS,
    MOST_ATTEMPTS,
    UNIT,
    ReleaseGate,
    Step,
    decide,
    outcome,
)
from chatlift_member.errors import AgentError, NotInTime
from chatlift_member.release_book import LEASE_SECONDS, Run
from chatlift_member.wait import Deadline
from member_factory import Clock

BEGIN, STOP = f"begin {UNIT}", f"stop {UNIT}"


def run(**changes: object) -> Run:
    values = {"state": "running", "holder": "i-2", "attempt": 1, "since": "then", "live": True}
    return Run(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("row", "claimed", "step"),
    [
        (None, 0, Step.CLAIM),
        (run(state="done", live=False), 0, Step.GO),
        (run(state="failed", live=False), 0, Step.GIVE_UP),
        (run(), 0, Step.WAIT),
        (run(), 1, Step.WAIT),
        (run(holder="i-1"), 1, Step.RUN),
        (run(holder="i-1", live=False), 1, Step.RUN),
        (run(holder="i-1"), 0, Step.WAIT),
        (run(holder="i-1", live=False), 0, Step.CLAIM),
        (run(holder="i-1", attempt=2), 1, Step.WAIT),
        (run(live=False), 0, Step.CLAIM),
        (run(live=False, attempt=MOST_ATTEMPTS), 0, Step.GIVE_UP),
    ],
)
def test_what_comes_next(row: Run | None, claimed: int, step: Step) -> None:
    assert decide(row, "i-1", claimed=claimed, restartable=True) is step


def test_a_command_that_must_not_run_twice_is_left_to_a_person() -> None:
    assert decide(run(live=False), "i-1", claimed=0, restartable=False) is Step.GIVE_UP


@pytest.mark.parametrize(
    ("state", "result", "exited", "known"),
    [
        ("inactive", "success", "0", None),
        ("activating", "success", "0", "running"),
        ("inactive", "success", "123", "done"),
        ("active", "success", "123", "done"),
        ("failed", "exit-code", "123", "failed"),
    ],
)
def test_what_systemd_knows(state: str, result: str, exited: str, known: str | None) -> None:
    properties = {
        "ActiveState": state,
        "Result": result,
        "ExecMainExitTimestampMonotonic": exited,
    }
    assert outcome(properties) == known


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    clock = Clock()
    monkeypatch.setattr("time.sleep", clock.sleep)
    return Stack(clock)


def gate(stack: Stack, me: str = "i-1", *, restartable: bool = True) -> tuple[ReleaseGate, Host]:
    host = Host(stack.clock)
    made = ReleaseGate(
        Book(stack, me),  # type: ignore[arg-type]
        host,  # type: ignore[arg-type]
        "ami-1",
        timeout=900,
        restartable=restartable,
        clock=stack.clock,
    )
    return made, host


def pass_through(stack: Stack, made: ReleaseGate, seconds: float = 1200) -> None:
    made.pass_through(Deadline(seconds, stack.clock))


def test_the_first_instance_runs_it_and_the_next_ones_do_not(stack: Stack) -> None:
    first, host = gate(stack)
    pass_through(stack, first)
    assert host.done == [BEGIN]
    second, other = gate(stack, "i-2")
    pass_through(stack, second)
    assert other.done == []


def test_a_long_run_is_not_taken_for_dead(stack: Stack) -> None:
    first, host = gate(stack)
    host.command_seconds = LEASE_SECONDS * 5
    seen = []
    stack.clock.sleep = lambda seconds: (  # type: ignore[method-assign]
        setattr(stack.clock, "now", stack.clock.now + seconds),
        seen.append(Book(stack, "i-2").look()),
    )[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", stack.clock.sleep)
        pass_through(stack, first)
    assert all(run and (run.live or run.state == "done") for run in seen[1:])
    assert host.done == [BEGIN]


def test_a_lost_answer_to_the_claim_is_read_again(stack: Stack) -> None:
    made, host = gate(stack)
    stack.loses_answers = 1
    pass_through(stack, made)
    assert host.done == [BEGIN]
    assert stack.runs["ami-1"][0].attempt == 1


def test_a_failure_stops_every_instance_and_says_what_to_do(stack: Stack) -> None:
    first, host = gate(stack)
    host.command_code = 1
    for made in (first, gate(stack, "i-2")[0]):
        with pytest.raises(AgentError, match=r"failed on i-1 \(2026-.* deploy it as a new one"):
            pass_through(stack, made)
    assert host.done == [BEGIN]


def test_a_run_cut_short_is_tried_again_aloud(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    Book(stack, "i-2").claim(None)
    made, host = gate(stack)
    began = stack.clock.now
    pass_through(stack, made)
    assert stack.clock.now - began >= LEASE_SECONDS
    assert host.done == [BEGIN]
    assert "was cut short on i-2" in caplog.text
    assert stack.runs["ami-1"][0] == run(
        state="done", holder="i-1", attempt=2, since="2026-01-02 03:04:05", live=True
    )


def test_a_run_cut_short_is_reported_where_it_must_not_run_twice(stack: Stack) -> None:
    Book(stack, "i-2").claim(None)
    made, host = gate(stack, restartable=False)
    with pytest.raises(AgentError, match="was cut short on i-2"):
        pass_through(stack, made)
    assert host.done == []


@pytest.mark.parametrize(
    ("shown", "done"),
    [
        ({"ActiveState": "activating"}, [BEGIN]),  # joins the run that systemd knows
        ({"ExecMainExitTimestampMonotonic": "7"}, []),
    ],
)
def test_a_restarted_agent_goes_on_with_its_own_run(
    stack: Stack, shown: dict[str, str], done: list[str]
) -> None:
    Book(stack, "i-1").claim(None)
    made, host = gate(stack)
    host.shown |= shown
    pass_through(stack, made)
    assert host.done == done
    assert stack.runs["ami-1"][0].attempt == 1


def test_a_restarted_agent_learns_of_a_failure(stack: Stack) -> None:
    Book(stack, "i-1").claim(None)
    made, host = gate(stack)
    host.shown |= {"ExecMainExitTimestampMonotonic": "7", "Result": "exit-code"}
    with pytest.raises(AgentError, match="failed on i-1"):
        pass_through(stack, made)
    assert host.done == []


def test_a_run_that_cannot_be_renewed_is_stopped_before_another_begins(stack: Stack) -> None:
    made, host = gate(stack)
    host.command_seconds = 300

    def sleep(seconds: float) -> None:
        stack.clock.now += seconds
        stack.down = BEGIN in host.done and STOP not in host.done
        if STOP in host.done:
            host.command_seconds = 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", sleep)
        pass_through(stack, made)
    assert host.done == [BEGIN, STOP, BEGIN]
    assert stack.runs["ami-1"][0].attempt == 2
    assert FENCE_SECONDS < LEASE_SECONDS


def test_while_mysql_is_away_the_start_waits(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    stack.down = True
    made, host = gate(stack)
    with pytest.raises(NotInTime, match="No MySQL primary answers"):
        pass_through(stack, made, seconds=60)
    assert host.done == []


def test_a_command_that_never_ends_has_failed(stack: Stack) -> None:
    made, host = gate(stack)
    host.command_seconds = 10000
    with pytest.raises(AgentError, match="failed on i-1"):
        pass_through(stack, made, seconds=5000)
    assert host.done == [BEGIN, STOP]
