"""An instance refresh: what was asked for, and how far it is."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow

from . import state
from .refresh_decision import Status

ACTIVE: tuple[Status, ...] = ("Pending", "InProgress", "Baking", "Cancelling", "RollbackInProgress")
REVERSIBLE: tuple[Status, ...] = ("Pending", "InProgress", "Baking")

# https://docs.aws.amazon.com/autoscaling/ec2/userguide/understand-instance-refresh-default-values.html
_DEFAULTS = {
    "AutoRollback": False,
    "ScaleInProtectedInstances": "Wait",
    "SkipMatching": False,
    "StandbyInstances": "Wait",
}
_CHECKPOINT_DELAY = 3600.0

Configuration = dict[str, Any]
"""Either a ``LaunchTemplate`` or a ``MixedInstancesPolicy``, as the API has them."""


def specification(configuration: Configuration) -> dict[str, Any]:
    """The launch template and version that a configuration launches."""
    if mixed := configuration.get("MixedInstancesPolicy"):
        return dict(mixed["LaunchTemplate"]["LaunchTemplateSpecification"])
    return dict(configuration["LaunchTemplate"])


def instance_types(configuration: Configuration) -> list[str]:
    """The types of a mixed configuration, the preferred one first; else none."""
    mixed = configuration.get("MixedInstancesPolicy") or {}
    overrides = mixed.get("LaunchTemplate", {}).get("Overrides") or []
    return [one["InstanceType"] for one in overrides if "InstanceType" in one]


@dataclass
class Refresh:
    """One refresh of one group; moments are seconds on ``state.now``."""

    group_name: str
    asked: dict[str, Any]
    desired: Configuration | None
    instances_to_update: int
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: Status = "Pending"
    reason: str = ""
    began: datetime = field(default_factory=utcnow)
    ended: datetime | None = None
    percent: int = 0
    warm_progress: tuple[int, int] | None = None
    rollback: dict[str, Any] | None = None
    progress_at: float = field(default_factory=lambda: state.now())
    most_healthy: int = 0
    checkpoint: int = 0
    pause_until: float = 0.0
    bake_until: float | None = None

    @property
    def active(self) -> bool:
        return self.status in ACTIVE

    @property
    def launches(self) -> bool:
        """Whether what the group launches now is what the refresh wants."""
        return self.status in ("InProgress", "Baking")

    @property
    def preferences(self) -> dict[str, Any]:
        return {**_DEFAULTS, **self.asked}

    @property
    def alarms(self) -> list[str]:
        return list(self.asked.get("AlarmSpecification", {}).get("Alarms") or [])

    @property
    def checkpoints(self) -> list[int]:
        return [int(one) for one in self.asked.get("CheckpointPercentages") or [100]]

    @property
    def checkpoint_delay(self) -> float:
        return float(self.asked.get("CheckpointDelay", _CHECKPOINT_DELAY))

    @property
    def bake_time(self) -> float:
        return float(self.asked.get("BakeTime", 0))

    def begin_rollback(self, why: str) -> None:
        self.status = "RollbackInProgress"
        self.rollback = {
            "RollbackReason": why,
            "RollbackStartTime": utcnow(),
            "PercentageCompleteOnRollback": self.percent,
            "InstancesToUpdateOnRollback": self.instances_to_update,
        }
        self.progress_at, self.most_healthy = state.now(), 0

    def end(self, status: Status, reason: str) -> None:
        self.status, self.ended = status, utcnow()
        self.reason = reason

    def describe(self) -> dict[str, Any]:
        """An ``InstanceRefresh`` of the API."""
        told = {
            "InstanceRefreshId": self.id,
            "AutoScalingGroupName": self.group_name,
            "Status": self.status,
            "StatusReason": self.reason or None,
            "StartTime": self.began,
            "EndTime": self.ended,
            "PercentageComplete": self.percent,
            "InstancesToUpdate": self.instances_to_update,
            "ProgressDetails": self._progress_details,
            "Preferences": self.preferences,
            "DesiredConfiguration": self.desired,
            "RollbackDetails": self.rollback,
            "Strategy": "Rolling",
        }
        return {key: value for key, value in told.items() if value is not None}

    @property
    def _progress_details(self) -> dict[str, Any] | None:
        """Of a group with a warm pool, both apart."""
        if self.warm_progress is None:
            return None
        parts = {
            "LivePoolProgress": (self.percent, self.instances_to_update),
            "WarmPoolProgress": self.warm_progress,
        }
        names = ("PercentageComplete", "InstancesToUpdate")
        return {part: dict(zip(names, figures, strict=True)) for part, figures in parts.items()}
