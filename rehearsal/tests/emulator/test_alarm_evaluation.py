"""The states that follow from the periods: the tables in AWS's guide, and what they leave out."""

from __future__ import annotations

import pytest
from chatlift_rehearsal.emulator.alarm_evaluation import Condition, State, Treatment, evaluate

TREATMENTS: tuple[Treatment, ...] = ("missing", "ignore", "breaching", "notBreaching")
KEEP = "keep"


def condition(datapoints: int, treatment: Treatment) -> Condition:
    return Condition("GreaterThanThreshold", 0, 3, datapoints, treatment)


def values(periods: str) -> list[float | None]:
    """``- 0 X`` of the guide, the oldest first: missing, good, breaching."""
    known: dict[str, float | None] = {"-": None, "0": 0.0, "X": 1.0}
    return [known[period] for period in reversed(periods.split())]


# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
@pytest.mark.parametrize(
    ("datapoints", "periods", "states"),
    [
        (3, "0 - X - X", ("OK", "OK", "OK", "OK")),
        (3, "- - - - 0", ("OK", "OK", "OK", "OK")),
        (3, "- - - - -", ("INSUFFICIENT_DATA", KEEP, "ALARM", "OK")),
        (3, "0 X X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (3, "- - X - -", ("ALARM", KEEP, "ALARM", "OK")),
        (2, "0 - X - X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 0 X 0 X", ("ALARM", "ALARM", "ALARM", "ALARM")),
        (2, "0 - X - -", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - - 0", ("OK", "OK", "ALARM", "OK")),
        (2, "- - - X -", ("ALARM", KEEP, "ALARM", "OK")),
        (3, "- - - - X", (KEEP, KEEP, "ALARM", "OK")),  # too soon to say
    ],
)
@pytest.mark.parametrize("present", ["OK", "ALARM"])
def test_missing_periods(
    datapoints: int, periods: str, states: tuple[str, ...], present: State
) -> None:
    for treatment, expected in zip(TREATMENTS, states, strict=True):
        wanted = present if expected == KEEP else expected
        found = evaluate(condition(datapoints, treatment), values(periods), present)
        assert found == wanted, treatment


@pytest.mark.parametrize(
    ("comparison", "breaches"),
    [
        ("GreaterThanOrEqualToThreshold", (False, True, True)),
        ("GreaterThanThreshold", (False, False, True)),
        ("LessThanThreshold", (True, False, False)),
        ("LessThanOrEqualToThreshold", (True, True, False)),
    ],
)
def test_comparisons(comparison: str, breaches: tuple[bool, ...]) -> None:
    alarm = Condition(comparison, 5, 1, 1)
    assert tuple(alarm.breached_by(value) for value in (4, 5, 6)) == breaches
