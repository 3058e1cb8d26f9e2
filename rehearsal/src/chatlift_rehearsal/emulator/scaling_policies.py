"""Scaling policies that belong to one group each, and the alarms of those that track a target.

moto keeps policies of all groups by their names alone, and makes no alarm.
https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from moto.autoscaling import models
from moto.autoscaling.models import AutoScalingBackend
from moto.autoscaling.responses import AutoScalingResponse
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.responses import ActionResult, EmptyResult

from .errors import group_error

TRACKING = "TargetTrackingScaling"

# Growing is urgent, shrinking is not: so many minutes in a row, and so much below the target.
_HIGH_MINUTES, _LOW_MINUTES, _LOW_SHARE = 3, 15, 0.9


@dataclass(frozen=True)
class Metric:
    """What a policy tracks."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    statistic: str = "Average"


class Policy(models.FakeScalingPolicy):
    """A policy with the names of its alarms."""

    __module__ = "moto.autoscaling.models"  # moto derives the service from it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.enabled = True
        self.high = self.low = ""

    @property
    def alarms(self) -> list[dict[str, str]]:
        """As DescribePolicies has them."""
        known = cloudwatch_of(self.autoscaling_backend).alarms
        return [
            {"AlarmName": name, "AlarmARN": known[name].alarm_arn}
            for name in (self.high, self.low)
            if name in known
        ]

    @property
    def target(self) -> float:
        """The value to keep the metric at."""
        return float(self._configuration["TargetValue"])

    @property
    def shrinks(self) -> bool:
        """Whether it also takes instances away."""
        return not self._configuration.get("DisableScaleIn")

    @property
    def metric(self) -> Metric:
        """The metric to keep at the target."""
        own = self._configuration.get("CustomizedMetricSpecification")
        if own and "MetricName" in own:
            named = {one["Name"]: one["Value"] for one in own.get("Dimensions", [])}
            return Metric(own["Namespace"], own["MetricName"], named, own["Statistic"])
        kind = self._configuration.get("PredefinedMetricSpecification", {})
        if kind.get("PredefinedMetricType") != "ASGAverageCPUUtilization":
            raise group_error(
                "The rehearsal tracks ASGAverageCPUUtilization and one metric of your own, no "
                "other predefined metric and no metric math."
            )
        group = {"AutoScalingGroupName": str(self.auto_scaling_group_name)}
        return Metric("AWS/EC2", "CPUUtilization", group)

    @property
    def _configuration(self) -> dict[str, Any]:
        return vars(self.target_tracking_configuration)

    def make_alarms(self) -> None:
        """Make its two alarms, or bring them to a changed target."""
        for side, comparison, minutes, threshold in (
            ("High", "GreaterThanThreshold", _HIGH_MINUTES, self.target),
            ("Low", "LessThanThreshold", _LOW_MINUTES, self.target * _LOW_SHARE),
        ):
            prefix = f"TargetTracking-{self.auto_scaling_group_name}-Alarm{side}"
            name = getattr(self, side.lower()) or f"{prefix}-{uuid.uuid4()}"
            setattr(self, side.lower(), name)
            metric = self.metric
            cloudwatch_of(self.autoscaling_backend).put_metric_alarm(
                name,
                metric.namespace,
                metric.name,
                comparison,
                minutes,
                60,
                threshold,
                metric.statistic,
                f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {self.arn}.",
                [{"Name": key, "Value": value} for key, value in metric.dimensions.items()],
                [self.arn],
            )

    def forget_alarms(self) -> None:
        """Delete its alarms."""
        cloudwatch_of(self.autoscaling_backend).delete_alarms([self.high, self.low])


class PolicyMends(AutoScalingBackend):
    """Policies by group and name."""

    policies: dict[str, Policy]  # type: ignore[assignment]

    def put_scaling_policy(self, name: str, *args: Any, **kwargs: Any) -> Policy:
        group = kwargs["as_name"]
        key = f"{group}/{name}"
        before = self.policies.get(key)
        made: Any = super().put_scaling_policy(name, *args, **kwargs)
        policy: Policy = self.policies.pop(made.name)
        if policy.policy_type == TRACKING:
            if before and before.policy_type == TRACKING:
                policy.high, policy.low = before.high, before.low
            policy.make_alarms()
        self.policies[key] = policy
        return policy

    def delete_policy(self, group_name: str) -> None:
        """Delete the policy ``group/name``; moto calls the parameter so."""
        policy = self.policies.pop(group_name, None)
        if policy and policy.policy_type == TRACKING:
            policy.forget_alarms()

    def policy(self, group: str | None, name: str) -> str:
        """The key of a policy, which a request names by its ARN or within its group."""
        for key, policy in self.policies.items():
            if name == policy.arn or (name == policy.name and group in (None, key.split("/")[0])):
                return key
        raise group_error("PolicyName not found")


class PolicyResponses(AutoScalingResponse):
    """The operations on policies."""

    def put_scaling_policy(self) -> ActionResult:
        group, name = self._get_param("AutoScalingGroupName"), self._get_param("PolicyName")
        if group not in self.autoscaling_backend.autoscaling_groups:
            raise group_error("Group not found")
        super().put_scaling_policy()
        policy = self.autoscaling_backend.policies[f"{group}/{name}"]
        assert isinstance(policy, Policy)
        policy.enabled = self._get_bool_param("Enabled", True)
        return ActionResult({"PolicyARN": policy.arn, "Alarms": policy.alarms})

    def delete_policy(self) -> ActionResult:
        self.autoscaling_backend.delete_policy(self._key())
        return EmptyResult()

    def execute_policy(self) -> ActionResult:
        self.autoscaling_backend.execute_policy(self._key())
        return EmptyResult()

    def _key(self) -> str:
        backend = self.autoscaling_backend
        assert isinstance(backend, PolicyMends)
        return backend.policy(
            self._get_param("AutoScalingGroupName"), self._get_param("PolicyName")
        )


def cloudwatch_of(backend: AutoScalingBackend) -> Any:
    """CloudWatch in the account and region of ``backend``."""
    return cloudwatch_backends[backend.account_id][backend.region_name]
