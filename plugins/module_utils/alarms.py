# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The CloudWatch alarms of a stack: metric alarms, and composite alarms of them."""

from __future__ import annotations

from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    pages,
    tag_dict,
    tag_list,
)

# CloudWatch's limit of DeleteAlarms.
MOST_AT_ONCE = 100


def metric_alarm(stack: str, alarm: dict[str, Any], topic: str) -> dict[str, Any]:
    """An alarm as the API takes it, from one of the module's option ``alarms``."""
    statistic = alarm["statistic"]
    kind = "ExtendedStatistic" if statistic.startswith("p") else "Statistic"
    return {
        "AlarmName": layout.resource_name(stack, alarm["name"]),
        "AlarmDescription": alarm["description"],
        "Namespace": alarm["namespace"],
        "MetricName": alarm["metric"],
        "Dimensions": [
            {"Name": name, "Value": value} for name, value in sorted(alarm["dimensions"].items())
        ],
        kind: statistic,
        "Period": alarm["period"],
        "EvaluationPeriods": alarm["periods"],
        "DatapointsToAlarm": alarm["datapoints"] or alarm["periods"],
        "ComparisonOperator": alarm["comparison"],
        "Threshold": float(alarm["threshold"]),
        "TreatMissingData": alarm["missing"],
        "ActionsEnabled": True,
        "AlarmActions": [topic],
        "OKActions": [topic],
        "InsufficientDataActions": [],
    }


def composite_alarm(stack: str, alarm: dict[str, Any], topic: str) -> dict[str, Any]:
    """A composite alarm that is in alarm while any of its alarms is."""
    names = [layout.resource_name(stack, name) for name in alarm["any_of"]]
    return {
        "AlarmName": layout.resource_name(stack, alarm["name"]),
        "AlarmDescription": alarm["description"],
        "AlarmRule": " OR ".join(f'ALARM("{name}")' for name in names),
        "ActionsEnabled": True,
        "AlarmActions": [topic],
        "OKActions": [topic],
        "InsufficientDataActions": [],
    }


class Alarms:
    """The alarms that there are whose names begin like the stack's."""

    def __init__(self, cloudwatch: Any, changes: Changes, stack: str) -> None:
        self.cloudwatch = cloudwatch
        self.changes = changes
        self.stack = stack
        prefix = layout.resource_name(stack, "")
        self.metric = self._find("MetricAlarm", "MetricAlarms", prefix)
        self.composite = self._find("CompositeAlarm", "CompositeAlarms", prefix)

    def ensure(self, metric: list[dict[str, Any]], composite: list[dict[str, Any]]) -> None:
        """Make or change those that are wanted, then delete those of the stack that are not.

        Each step leaves every composite alarm with the alarms that its rule names.
        """
        for alarm in metric:
            self._put(self.metric, alarm, self.cloudwatch.put_metric_alarm)
        for alarm in composite:
            self._put(self.composite, alarm, self.cloudwatch.put_composite_alarm)
        self._delete_others({alarm["AlarmName"] for alarm in [*metric, *composite]})

    def delete(self) -> None:
        """Delete every alarm of the stack."""
        self._delete_others(set())

    def _find(self, kind: str, key: str, prefix: str) -> dict[str, dict[str, Any]]:
        found = pages(
            self.cloudwatch, "describe_alarms", key, AlarmNamePrefix=prefix, AlarmTypes=[kind]
        )
        return {alarm["AlarmName"]: alarm for alarm in found}

    def _put(self, present: dict[str, dict[str, Any]], wanted: dict[str, Any], put: Any) -> None:
        name = wanted["AlarmName"]
        current = present.get(name)
        if current is None:
            tags = tag_list(layout.tags(self.stack, name))
            self.changes.apply(f"alarm {name}", None, wanted, put, **wanted, Tags=tags)
            return
        before = _comparable(current, wanted)
        different = {key: value for key, value in wanted.items() if before[key] != value}
        if different:
            # What an update leaves out would fall back to its default.
            self.changes.apply(
                f"alarm {name}", {key: before[key] for key in different}, different, put, **wanted
            )

    def _delete_others(self, wanted: set[str]) -> None:
        """Composite alarms first, one at a time: an alarm that a rule names cannot be deleted."""
        for name in self._of_stack(self.composite, wanted):
            self._delete([name])
        names = self._of_stack(self.metric, wanted)
        for first in range(0, len(names), MOST_AT_ONCE):
            self._delete(names[first : first + MOST_AT_ONCE])

    def _of_stack(self, present: dict[str, dict[str, Any]], wanted: set[str]) -> list[str]:
        """Those not wanted that carry the stack's tag.

        The name alone does not tell: those of the stack ``demo-2`` begin like those of ``demo``.
        """
        return [
            name
            for name, alarm in present.items()
            if name not in wanted and self._stack_of(alarm["AlarmArn"]) == self.stack
        ]

    def _stack_of(self, arn: str) -> str | None:
        tags = tag_dict(self.cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"])
        return tags.get("chatlift:stack")

    def _delete(self, names: list[str]) -> None:
        if names:
            self.changes.apply(
                f"alarms {', '.join(names)}",
                "present",
                None,
                self.cloudwatch.delete_alarms,
                AlarmNames=names,
            )


def _comparable(current: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What the API says, as far as ``wanted`` says it too, with the dimensions in order."""
    seen = {key: current.get(key) for key in wanted}
    if "Dimensions" in seen:
        seen["Dimensions"] = sorted(seen["Dimensions"] or [], key=lambda one: one["Name"])
    return seen
