"""CloudWatch's operations as AWS has them: composite alarms, histories, pages, what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from moto.cloudwatch.exceptions import InvalidParameterValue, ValidationError
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from .alarms import Alarm

T = TypeVar("T")

MOST_RECORDS = 100
_MOST_DATA = 1000
_DAY = 86400
_COMPARISONS = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
)
_TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")


class CloudWatchResponses(CloudWatchResponse):
    """What moto's answers lack."""

    def put_metric_data(self) -> ActionResult:
        if len(self._get_param("MetricData", [])) > _MOST_DATA:
            raise InvalidParameterValue(f"MetricData can hold at most {_MOST_DATA} figures.")
        if str(self._get_param("Namespace")).startswith("AWS/"):
            raise InvalidParameterValue(
                "The value AWS/ for parameter Namespace is invalid: it is reserved."
            )
        return super().put_metric_data()

    def put_metric_alarm(self) -> ActionResult:
        if self._get_param("Metrics"):
            raise ValidationError("The rehearsal evaluates no metric math: name one metric.")
        self._check_alarm()
        return super().put_metric_alarm()

    def _check_alarm(self) -> None:
        """Refuse what AWS refuses, as far as a mistake of ours could be in it.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        """
        period = int(self._get_param("Period") or 0)
        periods = int(self._get_param("EvaluationPeriods") or 0)
        _require(period in (10, 20, 30) or (period > 0 and period % 60 == 0), "Period", period)
        _require(
            not str(self._get_param("Namespace")).startswith("AWS/") or period >= 60,
            "Period",
            period,
        )
        _require(
            0 < period * periods <= _DAY * (7 if period >= 3600 else 1), "EvaluationPeriods", 0
        )
        needed = int(self._get_param("DatapointsToAlarm") or periods)
        _require(0 < needed <= periods, "DatapointsToAlarm", needed)
        comparison = self._get_param("ComparisonOperator")
        _require(comparison in _COMPARISONS, "ComparisonOperator", comparison)
        treatment = self._get_param("TreatMissingData") or "missing"
        _require(treatment in _TREATMENTS, "TreatMissingData", treatment)
        _require(self._get_param("Threshold") is not None, "Threshold", None)
        self._check_texts()

    def _check_texts(self) -> None:
        name, said = self._get_param("AlarmName"), self._get_param("AlarmDescription") or ""
        _require(0 < len(name or "") <= 255, "AlarmName", name)
        _require(len(said) <= 1024, "AlarmDescription", said)
        for key in ("AlarmActions", "OKActions", "InsufficientDataActions"):
            _require(len(self._get_param(key, [])) <= 5, key, self._get_param(key))

    def put_composite_alarm(self) -> ActionResult:
        self._check_texts()
        enabled = self._get_bool_param("ActionsEnabled")
        self.cloudwatch_backend.put_composite_alarm(  # type: ignore[attr-defined]
            self._get_param("AlarmName"),
            self._get_param("AlarmRule"),
            description=self._get_param("AlarmDescription"),
            alarm_actions=self._get_param("AlarmActions", []),
            ok_actions=self._get_param("OKActions", []),
            insufficient_data_actions=self._get_param("InsufficientDataActions", []),
            actions_enabled=True if enabled is None else enabled,
            tags=self._get_param("Tags", []),
        )
        return EmptyResult()

    def describe_alarms(self) -> ActionResult:
        """Metric alarms, unless ``AlarmTypes`` asks for others; every filter given holds."""
        types = self._get_param("AlarmTypes") or ["MetricAlarm"]
        names = self._get_param("AlarmNames")
        prefix = self._get_param("AlarmNamePrefix") or ""
        wanted_state = self._get_param("StateValue")
        action = self._get_param("ActionPrefix") or ""
        found = [
            alarm
            for alarm in self._alarms()
            if alarm.kind in types
            and (not names or alarm.name in names)
            and alarm.name.startswith(prefix)
            and wanted_state in (None, alarm.state_value)
            and (not action or any(one.startswith(action) for one in alarm.alarm_actions))
        ]
        page, token = self._page(sorted(found, key=lambda alarm: alarm.name), 50)
        answer: dict[str, Any] = {
            "MetricAlarms": [alarm for alarm in page if alarm.rule is None],
            "CompositeAlarms": [alarm for alarm in page if alarm.rule is not None],
        }
        return ActionResult({**answer, "NextToken": token} if token else answer)

    def describe_alarm_history(self) -> ActionResult:
        """The latest first, unless ``ScanBy`` asks otherwise."""
        name, kind = self._get_param("AlarmName"), self._get_param("HistoryItemType")
        types = self._get_param("AlarmTypes") or ["MetricAlarm"]
        items = [
            item
            for alarm in self._alarms()
            if name in (None, alarm.name) and (name or alarm.kind in types)
            for item in alarm.history
            if kind in (None, item.history_item_type)
        ]
        latest_first = self._get_param("ScanBy") != "TimestampAscending"
        items.sort(key=lambda item: item.timestamp, reverse=latest_first)
        page, token = self._page(items, MOST_RECORDS)
        answer: dict[str, Any] = {"AlarmHistoryItems": page}
        return ActionResult({**answer, "NextToken": token} if token else answer)

    def _alarms(self) -> list[Alarm]:
        found = self.cloudwatch_backend.alarms.values()
        return [alarm for alarm in found if isinstance(alarm, Alarm)]

    def _page(self, items: Sequence[T], usual: int) -> tuple[Sequence[T], str]:
        """One page, and the token of the next, empty when there is none."""
        first = int(self._get_param("NextToken") or 0)
        end = first + int(self._get_param("MaxRecords") or usual)
        return items[first:end], str(end) if end < len(items) else ""


def _require(holds: bool, parameter: str, value: object) -> None:
    if not holds:
        raise InvalidParameterValue(f"The value {value!r} for parameter {parameter} is invalid.")
