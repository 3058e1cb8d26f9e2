# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watching an instance refresh until it ends: its progress, the instances that came and went, the
failures, and where the time went."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any, Callable

from ansible_collections.chatlift.aws.plugins.module_utils.changes import ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.instance_refresh import (
    ACTIVE,
    describe,
)
from ansible_collections.chatlift.aws.plugins.module_utils.refusals import LAUNCH_QUOTAS
from ansible_collections.chatlift.aws.plugins.module_utils.scaling_group import FAILED

INTERVAL_SECONDS = 5.0
SILENCE_SECONDS = 60.0
"""Something is said at least this often."""

# The reason of a failure comes after it, and may name an image, an interface, an instance type.
_INSTANCE = re.compile(r"[^:.]*: (i-[0-9a-f]+)")
_HEALTH = re.compile("health.check|status check")
_NO_ROOM = (*LAUNCH_QUOTAS, "capacity")


@dataclass(frozen=True)
class Activity:
    """A launch or a termination; ``ended`` is None while it goes on."""

    id: str
    instance: str
    launch: bool
    status: str
    began: datetime
    ended: datetime | None
    cause: str
    message: str

    @property
    def failed(self) -> bool:
        return self.status in FAILED

    @property
    def seconds(self) -> float | None:
        return (self.ended - self.began).total_seconds() if self.ended else None

    @property
    def reason(self) -> str:
        """Why it failed, or why the instance went."""
        last = self.cause.rstrip(".").rpartition(". ")[2].rpartition("in response to ")[2]
        return self.message or last


def activities(autoscaling: Any, name: str, since: datetime) -> list[Activity]:
    """The launches and terminations that began since then, the oldest first."""
    found: list[Activity] = []
    more: dict[str, str] = {}
    while True:
        answer = autoscaling.describe_scaling_activities(AutoScalingGroupName=name, **more)
        for one in answer["Activities"]:
            if one["StartTime"] >= since:
                found.append(_activity(one))
            elif one.get("EndTime"):  # those that go on come first, however old
                return found[::-1]
        if not answer.get("NextToken"):
            return found[::-1]
        more = {"NextToken": answer["NextToken"]}


def _activity(told: dict[str, Any]) -> Activity:
    instance = _INSTANCE.match(told["Description"])
    return Activity(
        told["ActivityId"],
        instance[1] if instance else "",
        told["Description"].startswith("Launching"),
        told["StatusCode"],
        told["StartTime"],
        told.get("EndTime"),
        told.get("Cause", ""),
        told.get("StatusMessage", ""),
    )


def failures(history: list[Activity]) -> list[Activity]:
    """Launches that came to nothing, and new instances that failed a health check; each once."""
    new = {one.instance for one in history if one.launch}
    found = {
        one.instance or one.id: one
        for one in history
        if (one.launch and one.failed)
        or (not one.launch and one.instance in new and _HEALTH.search(one.cause))
    }
    return list(found.values())


def spares_image(history: list[Activity]) -> bool:
    """Whether all that failed were launches for which the account's quota or AWS's capacity did not
    suffice. That says nothing about the image."""
    failed = failures(history)
    return bool(failed) and all(
        not one.instance and any(words in one.reason for words in _NO_ROOM) for one in failed
    )


def seconds(history: list[Activity], began: datetime, ended: datetime) -> dict[str, float]:
    """Where the time went: while something was launched, else while something left, else in
    warm-ups and other waits. The parts add up to the total."""
    launching = _spans([one for one in history if one.launch], ended)
    leaving = _spans([one for one in history if not one.launch], ended)
    marks = sorted({began, ended, *(mark for span in launching + leaving for mark in span)})
    parts = {"launch": 0.0, "leave": 0.0, "wait": 0.0}
    for start, end in pairwise(marks):
        if start < began or end > ended:
            continue
        if any(a <= start and end <= b for a, b in launching):
            part = "launch"
        elif any(a <= start and end <= b for a, b in leaving):
            part = "leave"
        else:
            part = "wait"
        parts[part] += (end - start).total_seconds()
    parts["total"] = (ended - began).total_seconds()
    return {name: round(value, 1) for name, value in parts.items()}


def _spans(some: list[Activity], ended: datetime) -> list[tuple[datetime, datetime]]:
    return [(one.began, one.ended or ended) for one in some]


@dataclass
class Watch:
    """One refresh of one group. ``say`` shows a line, ``give_up`` ends the refresh because of so
    many failures; both are the caller's."""

    autoscaling: Any
    name: str
    refresh_id: str
    timeout: float
    most_failures: int
    say: Callable[[str], None]
    give_up: Callable[[str], None]
    is_passing: Callable[[Exception], bool] = lambda error: False
    history: list[Activity] = field(default_factory=list)
    _said: set[str] = field(default_factory=set)
    _line: str = ""
    _spoke_at: float = 0.0
    _gave_up: bool = False

    def until_ended(self) -> dict[str, Any]:
        """The refresh once it has ended, however it ended.

        Raises:
            ChatliftError: It did not in time.
        """
        deadline = time.monotonic() + self.timeout
        refresh: dict[str, Any] = {}
        while True:
            try:
                refresh = self._look()
            except Exception as error:
                if not self.is_passing(error):
                    raise
            if refresh and refresh["Status"] not in ACTIVE:
                return refresh
            if time.monotonic() >= deadline:
                raise ChatliftError(
                    f"Waited {self.timeout:g} s for the refresh of {self.name} to"
                    f" {describe(refresh) if refresh else 'an unknown state'}. It goes on without"
                    f" this: {refresh.get('StatusReason', '')} Run the same again to wait on, or"
                    f" end it with state=rolled_back."
                )
            time.sleep(INTERVAL_SECONDS)

    def _look(self) -> dict[str, Any]:
        refresh: dict[str, Any] = self.autoscaling.describe_instance_refreshes(
            AutoScalingGroupName=self.name, InstanceRefreshIds=[self.refresh_id]
        )["InstanceRefreshes"][0]
        began = refresh.get("StartTime", datetime.now(timezone.utc))
        self.history = activities(self.autoscaling, self.name, began)
        self._tell(refresh)
        failed = failures(self.history)
        forward = refresh["Status"] in ("Pending", "InProgress")
        if forward and not self._gave_up and 0 < self.most_failures <= len(failed):
            self.give_up(f"{len(failed)} new instances failed, the last one: {failed[-1].reason}")
            self._gave_up = True
        return refresh

    def _tell(self, refresh: dict[str, Any]) -> None:
        """Say what is new."""
        for one in self.history:
            if one.ended and one.id not in self._said:
                self._said.add(one.id)
                self.say(_news(one))
        line = f"to {describe(refresh)}: {refresh.get('StatusReason', '')}".rstrip(": ")
        if line != self._line or time.monotonic() >= self._spoke_at + SILENCE_SECONDS:
            self._line, self._spoke_at = line, time.monotonic()
            self.say(line)


def _news(activity: Activity) -> str:
    what = activity.instance or "a launch"
    if activity.failed:
        return f"{what} failed: {activity.reason}"
    where = "is in service" if activity.launch else "is gone"
    return f"{what} {where} after {activity.seconds:.0f} s"
