"""What CloudWatch and the services that publish to it do once a minute.

In the middle of each minute the figures of what the emulator itself knows are published; at its end
the alarms are evaluated. What others know, such as how many requests a load balancer got, they
publish themselves.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
"""

from __future__ import annotations

from collections import Counter

from ..model import arn_suffix
from . import state, target_tracking
from .autoscaling import Group
from .elbv2 import TargetGroup
from .mends import Backends

_PUBLISH = 0.5
"""When in a minute figures are published, as a share of it."""


class Minutes:
    """Does each thing once a minute, however often it is asked."""

    def __init__(self) -> None:
        self._published = self._evaluated = 0

    def turn(self, backends: Backends) -> None:
        """Do what is due; the caller holds the lock."""
        minutes = state.now() / state.minute
        if self._published != (published := int(minutes + _PUBLISH)):
            self._published = published
            _publish_groups(backends)
            _publish_targets(backends)
        cloudwatch = backends.cloudwatch
        if self._evaluated != int(minutes):
            self._evaluated = int(minutes)
            cloudwatch.evaluate_metric_alarms()
            target_tracking.turn(backends)
        cloudwatch.evaluate_composite_alarms()


def _publish_groups(backends: Backends) -> None:
    """The groups whose metrics collection is enabled."""
    for group in backends.autoscaling.groups():
        figures = _figures_of(group)
        for name in set(group.metrics or ()) & figures.keys():
            backends.cloudwatch.publish(
                "AWS/AutoScaling", name, {"AutoScalingGroupName": group.name}, figures[name], "None"
            )


def _figures_of(group: Group) -> dict[str, float]:
    states = Counter(str(m.lifecycle_state).partition(":")[0] for m in group.instance_states)
    figures = _pool_figures_of(group)
    return {
        **figures,
        "GroupMinSize": float(group.min_size or 0),
        "GroupMaxSize": float(group.max_size or 0),
        "GroupDesiredCapacity": float(group.desired_capacity or 0),
        "GroupInServiceInstances": float(states["InService"]),
        "GroupPendingInstances": float(states["Pending"]),
        "GroupTerminatingInstances": float(states["Terminating"]),
        "GroupTotalInstances": float(len(group.instance_states)),
    }


def _pool_figures_of(group: Group) -> dict[str, float]:
    pool = group.warm_pool
    if pool is None:
        return {}
    desired, total = int(group.desired_capacity or 0), len(pool.instances)
    wanted, leaving = (
        pool.wanted(desired, int(group.max_size or 0)),
        sum(member.leaving for member in pool.instances),
    )
    return {
        "WarmPoolMinSize": float(pool.min_size),
        "WarmPoolDesiredCapacity": float(wanted),
        "WarmPoolPendingCapacity": float(total - leaving - len(pool.ready)),
        "WarmPoolWarmedCapacity": float(len(pool.ready)),
        "WarmPoolTerminatingCapacity": float(leaving),
        "WarmPoolTotalCapacity": float(total),
        "GroupAndWarmPoolDesiredCapacity": float(desired + wanted),
        "GroupAndWarmPoolTotalCapacity": float(len(group.everybody)),
    }


def _publish_targets(backends: Backends) -> None:
    for group in backends.elbv2.target_groups.values():
        if not isinstance(group, TargetGroup):
            continue
        states = Counter(group.health_of(target) for target in group.targets)
        counts = {"HealthyHostCount": states["healthy"], "UnHealthyHostCount": states["unhealthy"]}
        for balancer in group.load_balancer_arns:
            named = {"TargetGroup": arn_suffix(group.arn), "LoadBalancer": arn_suffix(balancer)}
            for name, count in counts.items():
                backends.cloudwatch.publish("AWS/ApplicationELB", name, named, float(count))
