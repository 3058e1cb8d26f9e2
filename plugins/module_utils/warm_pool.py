# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The warm pool of an Auto Scaling group: instances that are prepared and wait beside it.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import pages, wait_until

# What a pool's instances take to be terminated, without a hook.
DELETE_TIMEOUT_SECONDS = 600

# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
METRICS = (
    *(
        f"WarmPool{name}"
        for name in (
            "DesiredCapacity",
            "MinSize",
            "PendingCapacity",
            "TerminatingCapacity",
            "TotalCapacity",
            "WarmedCapacity",
        )
    ),
    "GroupAndWarmPoolDesiredCapacity",
    "GroupAndWarmPoolTotalCapacity",
)


@dataclass(frozen=True)
class WarmPool:
    """A pool as it is wanted: its instances ``Stopped`` or ``Running``, at least ``min_size``.

    Usually it holds what the group lacks of ``max_prepared_capacity``, or of its own maximum where
    that is -1. No instance returns to it: what has served is not as a new one.
    """

    state: str
    min_size: int
    max_prepared_capacity: int

    def settings(self) -> dict[str, Any]:
        """The pool's settings, named and shaped as the API takes them."""
        return {
            "PoolState": self.state,
            "MinSize": self.min_size,
            "MaxGroupPreparedCapacity": self.max_prepared_capacity,
            "InstanceReusePolicy": {"ReuseOnScaleIn": False},
        }


def ensure(
    autoscaling: Any, changes: Changes, group: str, wanted: WarmPool, current: dict[str, Any]
) -> None:
    """Create the pool or change its settings; ``current`` is the group as it was described."""
    before = _settings(current)
    if before and current["WarmPoolConfiguration"].get("Status") and not changes.check_mode:
        _wait_until_gone(autoscaling, group)
        before = None
    after = wanted.settings()
    if before != after:
        changes.apply(
            f"warm pool of group {group}",
            before,
            after,
            autoscaling.put_warm_pool,
            AutoScalingGroupName=group,
            **after,
        )


def remove(autoscaling: Any, changes: Changes, group: str, current: dict[str, Any]) -> None:
    """End the pool's instances and delete it, and wait until it is gone.

    Their terminating hook is not asked: they have served nobody, and who is stopped cannot answer.
    """
    before = _settings(current)
    if before is None:
        return
    changes.apply(
        f"warm pool of group {group}",
        before,
        None,
        autoscaling.delete_warm_pool,
        AutoScalingGroupName=group,
        ForceDelete=True,
    )
    if not changes.check_mode:
        # As long as it is there, the group cannot be given spot instances.
        _wait_until_gone(autoscaling, group)


def _wait_until_gone(autoscaling: Any, group: str) -> None:
    wait_until(
        lambda: autoscaling.describe_warm_pool(AutoScalingGroupName=group),
        lambda found: not found.get("WarmPoolConfiguration"),
        what=f"the warm pool of {group} to be deleted",
        timeout=DELETE_TIMEOUT_SECONDS,
        describe=lambda found: [one["InstanceId"] for one in found["Instances"]],
    )


def instances(autoscaling: Any, group: dict[str, Any]) -> list[str]:
    """Ids of the instances in the pool of a described group."""
    if _settings(group) is None:
        return []
    name = group["AutoScalingGroupName"]
    found = pages(autoscaling, "describe_warm_pool", "Instances", AutoScalingGroupName=name)
    return [instance["InstanceId"] for instance in found]


def _settings(group: dict[str, Any]) -> dict[str, Any] | None:
    """The settings of the pool of a described group; what AWS leaves out has its default."""
    found = group.get("WarmPoolConfiguration")
    if not found:
        return None
    prepared = found.get("MaxGroupPreparedCapacity")
    reuse = found.get("InstanceReusePolicy") or {}
    return {
        "PoolState": found.get("PoolState", "Stopped"),
        "MinSize": found.get("MinSize", 0),
        "MaxGroupPreparedCapacity": -1 if prepared is None else prepared,
        "InstanceReusePolicy": {"ReuseOnScaleIn": reuse.get("ReuseOnScaleIn", False)},
    }
