# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Target tracking: policies that keep a metric's average over a group's instances at a target.

Of several policies, the one that wants the most instances decides, and instances are taken away
only when all of them agree.
https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
"""

from __future__ import annotations

from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import pages, shaped_like

# Policies named so are this collection's; others are left alone.
PREFIX = "chatlift-"

# What the member agent publishes (docs/contracts.md, "Member agent").
NAMESPACE, CONNECTIONS = "chatlift", "WebSocketConnections"


def cpu(target: float) -> dict[str, dict[str, Any]]:
    """The policy that keeps CPU use at ``target`` percent; none for 0."""
    if not target:
        return {}
    metric = {"PredefinedMetricType": "ASGAverageCPUUtilization"}
    return {f"{PREFIX}cpu": _tracking(target, PredefinedMetricSpecification=metric)}


def connections(target: float, stack: str, tier: str, group: str) -> dict[str, dict[str, Any]]:
    """The policy that keeps open connections at ``target`` an instance; none for 0."""
    if not target:
        return {}
    dimensions = {"AutoScalingGroupName": group, "Stack": stack, "Tier": tier}
    metric = {
        "Namespace": NAMESPACE,
        "MetricName": CONNECTIONS,
        "Statistic": "Average",
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    return {f"{PREFIX}connections": _tracking(target, CustomizedMetricSpecification=metric)}


def ensure(
    autoscaling: Any,
    changes: Changes,
    group: str,
    wanted: dict[str, dict[str, Any]],
    *,
    new: bool,
) -> None:
    """Bring the group's policies to what is wanted; ``new`` is a group that had none yet."""
    present = {} if new else _find(autoscaling, group)
    for name, configuration in wanted.items():
        before = present.pop(name, None)
        after = {"TargetTrackingConfiguration": configuration, "Enabled": True}
        if before is None or shaped_like(after, before) != after:
            changes.apply(
                f"policy {name} of group {group}",
                before and shaped_like(after, before),
                after,
                autoscaling.put_scaling_policy,
                AutoScalingGroupName=group,
                PolicyName=name,
                PolicyType="TargetTrackingScaling",
                **after,
            )
    for name in present:
        if name.startswith(PREFIX):
            changes.apply(
                f"policy {name} of group {group}",
                "present",
                None,
                autoscaling.delete_policy,
                AutoScalingGroupName=group,
                PolicyName=name,
            )


def _find(autoscaling: Any, group: str) -> dict[str, dict[str, Any]]:
    """The group's policies by name, their dimensions in the order of their names."""
    found = pages(autoscaling, "describe_policies", "ScalingPolicies", AutoScalingGroupName=group)
    for policy in found:
        policy.setdefault("Enabled", True)
        metric = policy.get("TargetTrackingConfiguration", {}).get("CustomizedMetricSpecification")
        if metric:
            metric.get("Dimensions", []).sort(key=lambda dimension: dimension["Name"])
    return {policy["PolicyName"]: policy for policy in found}


def _tracking(target: float, **metric: dict[str, Any]) -> dict[str, Any]:
    return {"TargetValue": float(target), "DisableScaleIn": False, **metric}
