"""Members are asked, and waited for as long as an answer may come."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

UTILS = "ansible_collections.chatlift.aws.plugins.module_utils"


@pytest.fixture
def gate(collection: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The gate's module; half a second passes with each look at its clock."""
    module = import_module(f"{UTILS}.tier_gate")
    seconds = iter(range(1000))
    clock = SimpleNamespace(monotonic=lambda: next(seconds) / 2, sleep=lambda _: None)
    monkeypatch.setattr(module, "time", clock)
    return module


class Tier:
    """One member that answers from its second look on, if it answers; it may be replaced then."""

    def __init__(self, reports: Any, answers: bool, successor: str = "") -> None:
        self.looks = 0
        self._reports, self._answers, self._successor = reports, answers, successor
        self._member = reports.Member(
            name="mysql-b1",
            zone="a",
            instance_id="i-1",
            state="InService",
            version="1",
            wanted="1",
            image_id="ami-1",
            report=reports.Report(id="old", healthy=True),
        )

    def look(self) -> dict[str, Any]:
        self.looks += 1
        if self.looks > 2:
            report = replace(self._member.report, id="new" if self._answers else "old")
            return {
                "mysql-b1": replace(
                    self._member, report=report, instance_id=self._successor or "i-1"
                )
            }
        return {"mysql-b1": self._member}

    def ask(self, members: Any) -> str:
        return "new"


def _ask(gate: Any, tier: Tier) -> Any:
    asking = object.__new__(gate.TierGate)
    asking.members = tier
    known, _question = asking.ask()
    return known["mysql-b1"].report.id


def test_an_answer_ends_the_wait(gate: Any) -> None:
    tier = Tier(import_module(f"{UTILS}.member_reports"), answers=True)
    assert (_ask(gate, tier), tier.looks) == ("new", 3)


def test_who_is_silent_is_waited_for_until_the_deadline(gate: Any) -> None:
    tier = Tier(import_module(f"{UTILS}.member_reports"), answers=False)
    assert _ask(gate, tier) == "old"
    assert tier.looks > gate.ANSWER_SECONDS


def test_who_came_after_the_question_is_not_waited_for(gate: Any) -> None:
    tier = Tier(import_module(f"{UTILS}.member_reports"), answers=False, successor="i-2")
    assert (_ask(gate, tier), tier.looks) == ("old", 3)
