"""What a group's activities tell of an instance refresh, and of a member that is replaced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

UTILS = "ansible_collections.chatlift.aws.plugins.module_utils"
BEGAN = datetime(2026, 11, 3, 4, 5, tzinfo=UTC)
NO_IMAGE = "The image id '[ami-4edb0327]' does not exist. Launching EC2 instance failed."
NO_ROOM = "We currently do not have sufficient c7i-flex.large capacity in the Availability Zone."
QUOTA = "You have requested more vCPU capacity than your current vCPU limit of 32 allows."
LAUNCH, END = "Launching a new EC2 instance", "Terminating EC2 instance"


@pytest.fixture
def watch(collection: None) -> Any:
    return import_module(f"{UTILS}.refresh_watch")


@pytest.fixture
def group(collection: None) -> Any:
    return import_module(f"{UTILS}.scaling_group")


def _told(
    description: str, began: int = 0, ended: int | None = 1, failed: str = ""
) -> dict[str, Any]:
    """An activity as the API has it; ``began`` and ``ended`` are seconds after `BEGAN`."""
    told: dict[str, Any] = {
        "ActivityId": f"{description} {began} {failed}",
        "Description": f"{description}.  Status Reason: {failed}" if failed else description,
        "StatusCode": "Failed" if failed else "Successful",
        "StatusMessage": failed,
        "StartTime": BEGAN + timedelta(seconds=began),
    }
    return told if ended is None else {**told, "EndTime": BEGAN + timedelta(seconds=ended)}


class Api:
    """Auto Scaling with these activities."""

    def __init__(self, *activities: dict[str, Any]) -> None:
        self._activities = activities

    def describe_scaling_activities(self, **_: Any) -> dict[str, Any]:
        return {"Activities": list(self._activities)}


def test_an_instance_is_what_the_activity_is_about(watch: Any) -> None:
    told = Api(
        _told(f"{LAUNCH}: i-0aa1", failed="Instance failed to complete user's Lifecycle Action"),
        _told(LAUNCH, failed=NO_IMAGE),
        _told(LAUNCH, failed="Interface: [eni-0123456789] in use"),
        _told(LAUNCH, failed=NO_ROOM),
        _told(f"{LAUNCH} from warm pool: i-0aa2"),
        _told(f"{END}: i-0aa3"),
    )
    found = watch.activities(told, "app", BEGAN)[::-1]
    assert [one.instance for one in found] == ["i-0aa1", "", "", "", "i-0aa2", "i-0aa3"]
    assert len(watch.failures(found)) == 4


def test_an_old_one_that_goes_on_hides_none(watch: Any) -> None:
    told = Api(
        _told(f"{END}: i-0aa1", began=-500, ended=None),
        _told(LAUNCH, began=5, failed=NO_IMAGE),
        _told(f"{END}: i-0aa2", began=-900, ended=-800),
        _told(LAUNCH, began=-950, ended=-940, failed=NO_IMAGE),
    )
    assert [one.began for one in watch.activities(told, "app", BEGAN)] == [
        BEGAN + timedelta(seconds=5)
    ]


@pytest.mark.parametrize(
    ("reasons", "spared"),
    [([], False), ([NO_ROOM, QUOTA], True), ([NO_ROOM, NO_IMAGE], False)],
)
def test_an_image_is_spared_when_there_was_no_room(
    watch: Any, reasons: list[str], spared: bool
) -> None:
    told = Api(*(_told(LAUNCH, began=n, failed=reason) for n, reason in enumerate(reasons)))
    assert watch.spares_image(watch.activities(told, "app", BEGAN)) is spared


def test_an_instance_that_failed_is_not_spared(watch: Any) -> None:
    told = Api(_told(f"{LAUNCH}: i-0aa1", failed="no heartbeat, for want of capacity"))
    assert not watch.spares_image(watch.activities(told, "app", BEGAN))


def test_giving_up_is_tried_until_it_is_done(watch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Refreshing(Api):
        def describe_instance_refreshes(self, **_: Any) -> dict[str, Any]:
            status = "InProgress" if len(calls) < 2 else "RollbackSuccessful"
            return {"InstanceRefreshes": [{"Status": status, "StartTime": BEGAN}]}

    def give_up(why: str) -> None:
        calls.append(why)
        if len(calls) == 1:
            raise ConnectionError

    made = watch.Watch(
        *(Refreshing(_told(LAUNCH, failed=NO_IMAGE)), "app", "r-1", 60, 1),
        say=lambda _: None,
        give_up=give_up,
        is_passing=lambda error: isinstance(error, ConnectionError),
    )
    monkeypatch.setattr(watch, "INTERVAL_SECONDS", 0)
    assert made.until_ended()["Status"] == "RollbackSuccessful"
    assert len(calls) == 2


def test_launches_beside_the_instance_before_say_nothing(group: Any) -> None:
    early = _told(LAUNCH, began=10, ended=11, failed="Interface: [eni-01] in use")
    leaving = _told(f"{END}: i-0aa1", began=0, ended=None)
    assert group.failed_launches([early, leaving], "i-0aa1") == []
    gone = {**leaving, "EndTime": BEGAN + timedelta(seconds=60)}
    late = _told(f"{LAUNCH}: i-0aa2", began=70, ended=71, failed="Lifecycle Action was abandoned")
    its_end = _told(f"{END}: i-0aa2", began=71, ended=75)
    later = _told(LAUNCH, began=76, ended=77, failed=NO_IMAGE)
    told = [later, its_end, late, early, gone]
    assert group.failed_launches(told, "i-0aa1") == [later, late]
    assert group.failed_launches(told[:3], "") == [later, late]
