"""What a refresh decides, without a group."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from chatlift_rehearsal.emulator.refresh_decision import PATIENCE, Scene, Subject, decide

OLD = [Subject(f"old-{n}", stale=True, ready=True) for n in range(10)]
NEW = [Subject(f"new-{n}", stale=False, ready=True) for n in range(10)]
COMING = Subject("coming", stale=False, ready=False, coming=True)


def going(subject: Subject) -> Subject:
    return replace(subject, outgoing=True)


def scene(*subjects: Subject, **different: Any) -> Scene:
    """A group of three that launches before it terminates."""
    usual: dict[str, Any] = {"status": "InProgress", "desired": 3, "least": 3, "most": 4}
    return Scene(subjects=subjects, **{**usual, **different})


def test_it_begins_one_turn_after_it_was_asked_for() -> None:
    decision = decide(scene(*OLD[:3], status="Pending"))
    assert (decision.status, decision.replace) == ("InProgress", ())


@pytest.mark.parametrize(
    ("least", "most", "count"), [(3, 4, 1), (3, 6, 3), (2, 3, 1), (0, 3, 3), (2, 4, 2)]
)
def test_as_many_are_replaced_at_once_as_the_bounds_have_room_for(
    least: int, most: int, count: int
) -> None:
    decision = decide(scene(*OLD[:3], least=least, most=most))
    assert decision.replace == tuple(one.id for one in OLD[:count])


@pytest.mark.parametrize(
    "under_way",
    [
        pytest.param((going(OLD[0]), *OLD[1:3]), id="one is leaving"),
        pytest.param((*OLD[:2], COMING), id="one is coming"),
        pytest.param((*OLD[:2], replace(COMING, coming=False)), id="one warms up"),
        pytest.param(tuple(OLD[:2]), id="one could not be launched"),
    ],
)
def test_what_is_under_way_takes_room(under_way: tuple[Subject, ...]) -> None:
    assert decide(scene(*under_way)).replace == ()


def test_what_does_not_serve_is_replaced_first_and_needs_no_room() -> None:
    ill = replace(OLD[2], ready=False)
    assert decide(scene(*OLD[:2], ill)).replace == (ill.id, OLD[0].id)


def test_it_ends_when_all_are_new_and_warm_and_nobody_is_leaving() -> None:
    assert decide(scene(*NEW[:3])).status == "Successful"
    assert decide(scene(*NEW[:3], leaving=1)).status == "InProgress"
    assert decide(scene(*NEW[:2], COMING)).status == "InProgress"
    assert decide(scene(*NEW[:2])).status == "InProgress"


def test_it_bakes_before_it_ends() -> None:
    assert decide(scene(*NEW[:3], bake=60)).status == "Baking"
    assert decide(scene(*NEW[:3], status="Baking", bake=1)).status == "Baking"
    assert decide(scene(*NEW[:3], status="Baking", bake=0)).status == "Successful"


@pytest.mark.parametrize("status", ["InProgress", "Baking"])
@pytest.mark.parametrize(("back", "then"), [(True, "RollbackInProgress"), (False, "Failed")])
def test_an_alarm_ends_it(status: str, back: bool, then: str) -> None:
    alarms = [("quiet", "OK"), ("loud", "ALARM")]
    decision = decide(scene(*NEW[:3], status=status, bake=9, alarms=alarms, auto_rollback=back))
    assert decision.status == then
    assert "loud" in decision.reason


def test_without_data_of_an_alarm_nothing_is_replaced() -> None:
    decision = decide(scene(*OLD[:3], alarms=[("mute", "INSUFFICIENT_DATA")]))
    assert (decision.status, decision.replace) == ("InProgress", ())
    assert "mute" in decision.reason


def test_an_hour_without_progress_ends_it() -> None:
    stuck = scene(*OLD[:3], COMING, stuck=PATIENCE)
    assert decide(stuck).status == "Failed"
    assert decide(replace(stuck, auto_rollback=True)).status == "RollbackInProgress"
    assert decide(replace(stuck, status="RollbackInProgress")).status == "RollbackFailed"
    assert COMING.id in decide(stuck).reason


def of_ten(fresh: int, **different: Any) -> Scene:
    """The example of AWS's documentation: two of ten at a time, checkpoints 20 and 50."""
    usual = {"desired": 10, "least": 8, "most": 10, "checkpoints": [20, 50]}
    return scene(*NEW[:fresh], *OLD[fresh:], **{**usual, **different})


def test_checkpoints_pace_it() -> None:
    assert len(decide(of_ten(0)).replace) == 2
    assert decide(of_ten(2)).checkpoint == 20
    assert decide(of_ten(2, passed=20, pause=1)).replace == ()
    assert len(decide(of_ten(2, passed=20)).replace) == 2
    assert len(decide(of_ten(4, passed=20)).replace) == 1
    assert decide(of_ten(5, passed=20)).status == "Successful"


def test_a_checkpoint_that_is_passed_unseen_is_left_out() -> None:
    two = scene(NEW[0], OLD[0], desired=2, least=1, most=2, checkpoints=[10, 40, 100])
    assert decide(two).checkpoint == 40


def test_those_that_may_not_be_replaced_are_waited_for() -> None:
    hindered = replace(OLD[0], hindrance="in standby")
    decision = decide(scene(hindered, *NEW[:2]))
    assert (decision.status, decision.replace) == ("InProgress", ())
    assert "in standby" in decision.reason


def test_a_rollback_ends_those_that_came_and_counts_down() -> None:
    came = replace(NEW[0], stale=True)
    midst = scene(came, *NEW[1:3], status="RollbackInProgress")
    assert decide(midst).replace == (came.id,)
    assert midst.percent == 33
    done = scene(*NEW[:3], status="RollbackInProgress")
    assert (decide(done).status, done.percent) == ("RollbackSuccessful", 0)


def test_a_cancelled_one_finishes_what_has_begun() -> None:
    begun = scene(going(OLD[0]), going(OLD[1]), OLD[2], COMING, status="Cancelling")
    decision = decide(begun)
    assert (decision.status, decision.keep) == ("Cancelling", (OLD[1].id,))
    assert decide(scene(*OLD[:3], status="Cancelling", leaving=1)).status == "Cancelling"
    assert decide(scene(*OLD[:2], NEW[0], status="Cancelling")).status == "Cancelled"
