"""Warm pools: instances that have been prepared for a group and wait, stopped or running.

In moto a warm pool is a record without instances.
https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .errors import group_error
from .lifecycle import GroupInstance

_STATES = ("Stopped", "Running")


@dataclass
class WarmPool:
    """A group's pool; the names of its settings are those of the API in snake case."""

    min_size: int = 0
    max_group_prepared_capacity: int | None = None
    pool_state: str = "Stopped"
    status: str | None = None
    instances: list[GroupInstance] = field(default_factory=list)

    def put(
        self, smallest: int | None, prepared: int | None, state: str | None, reuse: Any
    ) -> None:
        """Take the settings of a PutWarmPool, in which what is not given has its default."""
        if self.status:
            raise group_error("The warm pool is being deleted.")
        if state and state not in _STATES:
            raise group_error(f"The rehearsal keeps warm instances {' or '.join(_STATES)} only.")
        if (reuse or {}).get("ReuseOnScaleIn"):
            raise group_error("The rehearsal lets no instance return to a warm pool.")
        self.min_size = smallest or 0
        self.max_group_prepared_capacity = None if prepared in (None, -1) else prepared
        self.pool_state = state or "Stopped"

    def wanted(self, desired: int, largest: int) -> int:
        """How many instances belong in it, for a group of this capacity and maximum size."""
        prepared = self.max_group_prepared_capacity
        return max((largest if prepared is None else prepared) - desired, self.min_size)

    @property
    def ready(self) -> list[GroupInstance]:
        """Those that a group may take."""
        return [m for m in self.instances if m.lifecycle_state == m.warm_state]
