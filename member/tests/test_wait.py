"""A wait ends with the value, or says what it waited for."""

import pytest
from chatlift_member.errors import NotInTime
from chatlift_member.wait import Deadline, NotYet, wait_for
from member_factory import Clock


def test_returns_what_the_probe_returns_once_its_condition_holds() -> None:
    clock, calls = Clock(), []

    def probe() -> str:
        calls.append(clock.now)
        if len(calls) < 3:
            raise NotYet("too few")
        return "done"

    assert wait_for("calls", probe, Deadline(10, clock), interval=1, sleep=clock.sleep) == "done"
    assert calls == [100, 101, 102]


def test_a_time_out_says_what_was_awaited_how_long_and_what_was_last_seen() -> None:
    clock = Clock()

    def probe() -> None:
        raise NotYet("its state is attaching")

    with pytest.raises(NotInTime) as raised:
        wait_for("volume vol-1", probe, Deadline(10, clock), interval=1, sleep=clock.sleep)
    assert str(raised.value) == (
        "Waited 10 s in vain for volume vol-1; last seen: its state is attaching."
    )


def test_a_step_never_outlasts_the_whole() -> None:
    clock = Clock()
    whole = Deadline(10, clock)
    clock.sleep(8)
    assert whole.at_most(5).remaining() == 2
    assert whole.at_most(1).remaining() == 1


def test_pauses_grow_up_to_the_longest() -> None:
    clock, calls = Clock(), []

    def probe() -> None:
        calls.append(clock.now)
        raise NotYet("no")

    with pytest.raises(NotInTime):
        wait_for(
            "it", probe, Deadline(20, clock), interval=1, growth=2, longest=5, sleep=clock.sleep
        )
    assert calls == [100, 101, 103, 107, 112, 117, 120]
