"""Alarms that change their state by themselves, say why, and tell their topics.

In moto an alarm is a record that is OK until somebody says otherwise.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.cloudwatch import models
from moto.cloudwatch.exceptions import ResourceNotFound, ValidationError
from moto.core.utils import utcnow
from moto.sns.models import sns_backends

from . import alarm_rule, state
from .alarm_evaluation import Condition, State, evaluate
from .metric_data import MetricData, MetricMends, series

KEPT = 100
"""Items of an alarm's history; AWS keeps them for 30 days."""

_CREATED = "Unchecked: Initial alarm creation"


@dataclass(frozen=True)
class HistoryItem:
    """What happened to an alarm; the fields' names are those of the API in snake case."""

    alarm_name: str
    alarm_type: str
    history_item_type: str
    history_summary: str
    history_data: str
    timestamp: datetime = field(default_factory=utcnow)


class Alarm(models.Alarm):
    """A metric alarm or, with a rule, a composite one."""

    state_value: State

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.state_value = "INSUFFICIENT_DATA"
        self.state_reason = _CREATED
        self.state_transitioned_timestamp = self.state_updated_timestamp
        self.history: list[HistoryItem] = []

    @property
    def kind(self) -> str:
        """``CompositeAlarm`` or ``MetricAlarm``."""
        return "MetricAlarm" if self.rule is None else "CompositeAlarm"

    @property
    def parsed(self) -> alarm_rule.Rule:
        """The rule of a composite alarm."""
        return alarm_rule.parse(self.rule or "")

    @property
    def condition(self) -> Condition:
        """What a metric alarm compares."""
        count = int(self.evaluation_periods)
        return Condition(
            comparison=self.comparison_operator,
            threshold=float(self.threshold),
            evaluation_periods=count,
            datapoints_to_alarm=int(self.datapoints_to_alarm or count),
            treat_missing=self.treat_missing_data or "missing",  # type: ignore[arg-type]
        )

    def succeed(self, before: Alarm) -> None:
        """Be the new configuration of an alarm, which keeps its state."""
        self.state_value, self.state_reason = before.state_value, before.state_reason
        self.state_reason_data = before.state_reason_data
        self.state_updated_timestamp = before.state_updated_timestamp
        self.state_transitioned_timestamp = before.state_transitioned_timestamp
        self.history = before.history

    def note(self, kind: str, summary: str, data: dict[str, Any]) -> None:
        """Write into the history."""
        item = HistoryItem(self.name, self.kind, kind, summary, json.dumps(data))
        self.history = [*self.history, item][-KEPT:]

    def actions(self) -> list[str]:
        """Whom to tell of the present state."""
        if not self.actions_enabled:
            return []
        told = {"ALARM": self.alarm_actions, "OK": self.ok_actions}
        return list(told.get(self.state_value, self.insufficient_data_actions))


class AlarmMends(MetricMends):
    """Alarms that are evaluated."""

    def put_metric_alarm(self, name: str, *args: Any, **kwargs: Any) -> Alarm:
        """Make an alarm, or change one, which keeps its state and its tags."""
        before = self.alarms.get(name)
        if before:
            kwargs["tags"] = None
        alarm: Alarm = super().put_metric_alarm(name, *args, **kwargs)  # type: ignore[assignment]
        if isinstance(before, Alarm):
            alarm.succeed(before)
        what = "updated" if before else "created"
        alarm.note("ConfigurationUpdate", f'Alarm "{name}" {what}', {"type": what})
        return alarm

    def put_composite_alarm(self, name: str, rule: str, **kwargs: Any) -> Alarm:
        """Make a composite alarm, or change one."""
        try:
            needed = alarm_rule.parse(rule).alarms
        except alarm_rule.RuleError as error:
            raise ValidationError(f"AlarmRule must not contain invalid syntax: {error}.") from error
        if unknown := sorted(needed - self.alarms.keys()):
            raise ValidationError(
                f"Could not save the composite alarm as alarms [{', '.join(unknown)}] in the alarm "
                "rule do not exist"
            )
        empty: dict[str, Any] = {
            "namespace": None,
            "metric_name": None,
            "comparison_operator": None,
            "evaluation_periods": None,
            "period": None,
            "threshold": None,
            "statistic": None,
            "dimensions": [],
        }
        return self.put_metric_alarm(name, rule=rule, **empty, **kwargs)

    def delete_alarms(self, alarm_names: list[str]) -> None:
        found = [self.alarms[name] for name in alarm_names if name in self.alarms]
        if sum(alarm.rule is not None for alarm in found) > 1:
            raise ValidationError("Only one composite alarm can be deleted at a time.")
        for alarm in found:
            if any(alarm.name in one.parsed.alarms for one in self._composites()):
                raise ValidationError(
                    f"Cannot delete {alarm.name} as there are composite alarm(s) depending on it."
                )
        for alarm in found:
            self.tagger.delete_all_tags_for_resource(alarm.alarm_arn)
        super().delete_alarms(alarm_names)

    def set_alarm_state(
        self, alarm_name: str, reason: str, reason_data: str, state_value: str
    ) -> None:
        alarm = self.alarms.get(alarm_name)
        if not isinstance(alarm, Alarm):
            raise ResourceNotFound
        self._change(alarm, state_value, reason, reason_data or "{}")  # type: ignore[arg-type]

    # What CloudWatch does by itself.

    def evaluate_metric_alarms(self) -> None:
        """Look at the periods that have ended; to be called once a minute."""
        for alarm in list(self.alarms.values()):
            if isinstance(alarm, Alarm) and alarm.rule is None and alarm.metric_name:
                values = _values(self.figures, alarm)
                found = evaluate(alarm.condition, values, alarm.state_value)
                if found != alarm.state_value:
                    self._change(alarm, found, reason_of(alarm.condition, values, found), "{}")

    def evaluate_composite_alarms(self) -> None:
        """Look at the alarms that the rules name; one may name another composite alarm."""
        for _ in self._composites():
            states = {name: str(alarm.state_value) for name, alarm in self.alarms.items()}
            for alarm in self._composites():
                rule = alarm.parsed
                found: State = "ALARM" if rule.holds(states) else "OK"
                if found != alarm.state_value:
                    said = ", ".join(f"{n} is {states.get(n)}" for n in sorted(rule.alarms))
                    self._change(alarm, found, f"The rule is {rule.holds(states)}: {said}.", "{}")

    def _composites(self) -> list[Alarm]:
        found = self.alarms.values()
        return [alarm for alarm in found if isinstance(alarm, Alarm) and alarm.rule is not None]

    def _change(self, alarm: Alarm, found: State, reason: str, reason_data: str) -> None:
        before = alarm.state_value
        alarm.state_value, alarm.state_reason = found, reason
        alarm.state_reason_data = reason_data
        alarm.state_updated_timestamp = alarm.state_transitioned_timestamp = utcnow()
        alarm.note(
            "StateUpdate",
            f"Alarm updated from {before} to {found}",
            {
                "oldState": {"stateValue": before},
                "newState": {"stateValue": found, "stateReason": reason},
            },
        )
        if found != before:
            for action in alarm.actions():
                self._act(alarm, action, before)

    def _act(self, alarm: Alarm, action: str, before: State) -> None:
        topic = sns_backends[self.account_id][self.region_name].topics.get(action)
        # Scaling policies look at their alarms themselves, once a minute.
        known = topic or ":scalingPolicy:" in action
        done = "Successfully executed" if known else "Failed to execute"
        if topic:
            message = message_of(alarm, before, self.account_id)
            topic.publish(json.dumps(message), subject=subject_of(alarm))
        alarm.note("Action", f"{done} action {action}", {"actionState": done.split()[0]})


def _values(figures: MetricData, alarm: Alarm) -> list[float | None]:
    named = {str(d.name): str(d.value) for d in alarm.dimensions}
    statistic = str(alarm.statistic or alarm.extended_statistic)
    key = series(alarm.namespace, alarm.metric_name, named)
    return figures.periods(key, statistic, alarm.period, alarm.condition.periods, state.now())


def reason_of(condition: Condition, values: Iterable[float | None], found: State) -> str:
    """Why an alarm has the state ``found``, in the manner of CloudWatch."""
    latest = list(values)[: condition.evaluation_periods]
    known = [value for value in latest if value is not None]
    if found == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {len(latest)} datapoints were unknown."
    said = ", ".join(f"{value:g}" for value in known) or "none"
    missing = len(latest) - len(known)
    return (
        f"Threshold {'Crossed' if found == 'ALARM' else 'not crossed'}: the last "
        f"{len(latest)} datapoints are [{said}]"
        + (f", and {missing} missing, treated as {condition.treat_missing}" if missing else "")
        + f"; {condition.datapoints_to_alarm} that are {condition.comparison} "
        f"{condition.threshold:g} make the alarm."
    )


def subject_of(alarm: Alarm) -> str:
    """The subject of what a topic gets; SNS takes 100 characters."""
    return f'{alarm.state_value}: "{alarm.name}" in {alarm.region_name}'[:100]


def message_of(alarm: Alarm, before: State, account_id: str) -> dict[str, Any]:
    """What a topic gets, with the keys of CloudWatch."""
    message: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.description,
        "AWSAccountId": account_id,
        "AlarmArn": alarm.alarm_arn,
        "NewStateValue": alarm.state_value,
        "NewStateReason": alarm.state_reason,
        "OldStateValue": before,
        "StateChangeTime": alarm.state_updated_timestamp.isoformat(timespec="milliseconds"),
        "Region": alarm.region_name,
        "OKActions": alarm.ok_actions,
        "AlarmActions": alarm.alarm_actions,
        "InsufficientDataActions": alarm.insufficient_data_actions,
    }
    if alarm.rule is not None:
        return {**message, "AlarmRule": alarm.rule}
    trigger = {
        "MetricName": alarm.metric_name,
        "Namespace": alarm.namespace,
        "StatisticType": "Statistic",
        "Statistic": str(alarm.statistic).upper(),
        "Dimensions": [{"name": d.name, "value": d.value} for d in alarm.dimensions],
        "Period": alarm.period,
        "EvaluationPeriods": alarm.evaluation_periods,
        "ComparisonOperator": alarm.comparison_operator,
        "Threshold": alarm.threshold,
        "TreatMissingData": alarm.treat_missing_data or "missing",
    }
    return {**message, "Trigger": trigger}
