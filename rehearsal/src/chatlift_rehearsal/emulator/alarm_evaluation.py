"""Whether an alarm is in alarm: a function of its last periods, without effects.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Treatment = Literal["missing", "ignore", "breaching", "notBreaching"]

MORE_PERIODS = 2
"""How many periods beyond those to evaluate are looked at for figures that replace missing ones.
AWS says only that they are more; its example has five for three."""

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


@dataclass(frozen=True)
class Condition:
    """What makes an alarm, apart from its metric."""

    comparison: str
    threshold: float
    evaluation_periods: int
    datapoints_to_alarm: int
    treat_missing: Treatment = "missing"

    @property
    def periods(self) -> int:
        """How many periods are looked at."""
        return self.evaluation_periods + MORE_PERIODS

    def breached_by(self, value: float) -> bool:
        """Whether a figure is on the wrong side of the threshold."""
        return _COMPARISONS[self.comparison](value, self.threshold)


def evaluate(condition: Condition, values: Sequence[float | None], present: State) -> State:
    """The state that follows from ``values``, one a period, the latest first, None when missing.

    ``present`` is kept where the alarm is told to ignore missing figures, or nothing is certain.
    """
    known = [(age, value) for age, value in enumerate(values) if value is not None]
    needed = condition.datapoints_to_alarm
    missing = condition.evaluation_periods - len(known)
    latest = known[: condition.evaluation_periods]
    breaching = sum(condition.breached_by(value) for _, value in latest)
    if missing <= 0:
        return "ALARM" if breaching >= needed else "OK"
    if condition.treat_missing in ("breaching", "notBreaching"):
        filled = missing if condition.treat_missing == "breaching" else 0
        return "ALARM" if breaching + filled >= needed else "OK"
    if not known:
        return present if condition.treat_missing == "ignore" else "INSUFFICIENT_DATA"
    if breaching >= needed:
        return "ALARM"
    if breaching < len(latest):
        return "OK"
    # Fewer figures than it takes, and all are bad: enough when they have been for long enough.
    oldest = latest[-1][0]
    if condition.treat_missing == "missing" and oldest + 1 >= needed:
        return "ALARM"
    return present
