"""Target tracking: what groups do, once a minute, about the alarms of their policies.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/target-tracking-scaling-policy-overview.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from . import state
from .activities import at
from .autoscaling import Group
from .mends import Backends
from .metric_data import series
from .scaling_policies import TRACKING, Policy

_LOOK_BACK = 5
"""Minutes in which the latest value of a metric is looked for."""


@dataclass(frozen=True)
class Reading:
    """What one policy says: its alarms, and ``load``, how many times its target the metric is."""

    alarm: str
    load: float
    high: bool
    low: bool
    shrinks: bool = True


@dataclass(frozen=True)
class Size:
    """A group's capacity: instances whose warm-up is over, and those that come or go."""

    desired: int
    smallest: int
    largest: int
    typical: int
    settling: int


@dataclass(frozen=True)
class Decision:
    """The capacity that a policy asks for; ``alarm`` is the one that did."""

    desired: int
    alarm: str


def decide(readings: Sequence[Reading], size: Size) -> Decision | None:
    """The change to make, None for none.

    Any policy may let the group grow, in proportion and at once. An instance that warms up counts
    as there, so that the same load is not answered twice. Only all policies together let it shrink,
    by one instance at a time, and not while one warms up or leaves.
    """
    grown = [(math.ceil(size.typical * r.load), r.alarm) for r in readings if r.high]
    if grown:
        wanted, alarm = max(grown)
        wanted = min(wanted, size.largest)
        return Decision(wanted, alarm) if wanted > size.desired else None
    shrinking = [r for r in readings if r.shrinks]
    if size.settling or not shrinking or not all(r.low for r in shrinking):
        return None
    enough = max(math.ceil(size.typical * r.load) for r in shrinking)
    if max(enough, size.smallest) < size.desired:
        return Decision(size.desired - 1, shrinking[0].alarm)
    return None


def turn(backends: Backends) -> None:
    """Let every group follow its policies; the caller holds the lock."""
    for group in backends.autoscaling.groups():
        policies = [
            policy
            for policy in backends.autoscaling.describe_policies(group.name)
            if policy.policy_type == TRACKING and policy.enabled
        ]
        if not policies or group.suspended("AlarmNotification") or group.status:
            continue
        readings = [reading for policy in policies if (reading := _read(backends, policy))]
        if len(readings) < len(policies):
            # A policy without figures may let the group grow no more, but nothing shrink it.
            readings = [reading for reading in readings if reading.high]
        if decision := decide(readings, _size(group, policies)):
            before = group.desired_capacity
            group.set_desired_capacity(decision.desired)
            group.cause = (
                f"{at()} a monitor alarm {decision.alarm} in state ALARM triggered a policy "
                f"changing the desired capacity from {before} to {decision.desired}."
            )


def _read(backends: Backends, policy: Policy) -> Reading | None:
    """None while the metric has no figures."""
    metric = policy.metric
    key = series(metric.namespace, metric.name, metric.dimensions)
    figures = backends.cloudwatch.figures.periods(
        key, metric.statistic, 60, _LOOK_BACK, state.now()
    )
    latest = next((value for value in figures if value is not None), None)
    if latest is None:
        return None
    alarms = backends.cloudwatch.alarms
    high, low = (
        name in alarms and alarms[name].state_value == "ALARM" for name in (policy.high, policy.low)
    )
    name = policy.low if low else policy.high
    return Reading(name, latest / policy.target, high, low, policy.shrinks)


def _size(group: Group, policies: Sequence[Policy]) -> Size:
    own = [float(p.estimated_instance_warmup) for p in policies if p.estimated_instance_warmup]
    usual = float(getattr(group, "default_instance_warmup", None) or group.default_cooldown)
    warmup = state.seconds(max(own, default=usual))
    serving = [m for m in group.members if m.in_service_since is not None]
    typical = sum(state.now() >= (m.in_service_since or 0) + warmup for m in serving)
    return Size(
        desired=int(group.desired_capacity or 0),
        smallest=int(group.min_size or 0),
        largest=int(group.max_size or 0),
        typical=typical,
        settling=len(group.instance_states) - typical,
    )
