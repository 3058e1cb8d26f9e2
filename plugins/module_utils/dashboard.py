# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The CloudWatch dashboard of a stack."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.load_balancer_names import (
    DIMENSIONS,
    Names,
)


def resolve(body: dict[str, Any], names: Names, alarm_arns: str) -> dict[str, Any]:
    """A body in which names of load balancers, target groups and alarms have become CloudWatch's.

    ``alarm_arns`` is what the ARNs of the stack's alarms begin with.
    """
    widgets = []
    for widget in body.get("widgets", []):
        properties = dict(widget.get("properties", {}))
        if "metrics" in properties:
            properties["metrics"] = [_metric(one, names) for one in properties["metrics"]]
        if "alarms" in properties:
            properties["alarms"] = [f"{alarm_arns}{one}" for one in properties["alarms"]]
        widgets.append({**widget, "properties": properties})
    return {**body, "widgets": widgets} if body else {}


def _metric(metric: list[Any], names: Names) -> list[Any]:
    before = [None, *metric[:-1]]
    return [
        names.value(key, item) if key in DIMENSIONS else item
        for key, item in zip(before, metric, strict=True)
    ]


class Dashboard:
    """The dashboard ``chatlift-<stack>``."""

    def __init__(self, cloudwatch: Any, changes: Changes, stack: str) -> None:
        self.cloudwatch = cloudwatch
        self.changes = changes
        self.name = layout.stack_name(stack)

    def ensure(self, body: dict[str, Any]) -> None:
        """Make it look like ``body``, or delete it when that is empty."""
        if not body:
            self.delete()
            return
        current = self._find()
        if current != body:
            self.changes.apply(
                f"dashboard {self.name}",
                current,
                body,
                self.cloudwatch.put_dashboard,
                DashboardName=self.name,
                DashboardBody=json.dumps(body),
            )

    def delete(self) -> None:
        """Delete it, if it is there."""
        if self._find() is not None:
            self.changes.apply(
                f"dashboard {self.name}",
                "present",
                None,
                self.cloudwatch.delete_dashboards,
                DashboardNames=[self.name],
            )

    def _find(self) -> Any:
        found = self.cloudwatch.list_dashboards(DashboardNamePrefix=self.name)
        if self.name not in [one["DashboardName"] for one in found.get("DashboardEntries", [])]:
            return None
        return json.loads(self.cloudwatch.get_dashboard(DashboardName=self.name)["DashboardBody"])
