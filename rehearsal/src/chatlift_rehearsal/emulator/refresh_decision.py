"""What an instance refresh does next: a function of what it wants and what runs, no effects.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-overview.html
https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-adding-checkpoints-instance-refresh.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal[
    "Pending",
    "InProgress",
    "Baking",
    "Successful",
    "Failed",
    "Cancelling",
    "Cancelled",
    "RollbackInProgress",
    "RollbackSuccessful",
    "RollbackFailed",
]

PATIENCE = 3600.0
"""Seconds that a refresh goes on trying without getting any further."""


@dataclass(frozen=True)
class Subject:
    """An instance that is not leaving, as a refresh sees it.

    ``stale`` is what the refresh means to replace; ``ready`` is healthy and past its warm-up;
    ``outgoing`` leaves as soon as its replacement is ready. ``hindrance`` says why a stale one may
    not be replaced yet.
    """

    id: str
    stale: bool
    ready: bool
    coming: bool = False
    outgoing: bool = False
    hindrance: str = ""


@dataclass(frozen=True)
class Scene:
    """All that a decision is made of; times are in seconds.

    ``least`` and ``most`` are the bounds of how many instances there are while some are replaced.
    ``alarms`` are the states of the alarms by name. ``passed`` is the checkpoint reached last, in
    percent, and ``pause`` how long is still to be waited there; ``bake`` is what is left of the
    bake time. ``stuck`` is for how long it got no further.
    """

    status: Status
    desired: int
    least: int
    most: int
    subjects: Sequence[Subject]
    leaving: int = 0
    alarms: Sequence[tuple[str, str]] = ()
    checkpoints: Sequence[int] = (100,)
    passed: int = 0
    pause: float = 0.0
    bake: float = 0.0
    stuck: float = 0.0
    auto_rollback: bool = False

    @property
    def stale(self) -> list[Subject]:
        return [s for s in self.subjects if s.stale]

    @property
    def fresh(self) -> list[Subject]:
        """Those that are as they should be; one of them that is ill goes again."""
        return [s for s in self.subjects if not s.stale and not s.outgoing]

    @property
    def percent(self) -> int:
        """How complete it is; a rollback goes down to zero."""
        if self.status == "RollbackInProgress":
            return self._share(len(self.stale))
        return self._share(sum(s.ready for s in self.fresh))

    @property
    def complete(self) -> bool:
        """All that was asked for is new."""
        asked = self.checkpoints[-1]
        return self.percent >= asked and not (asked == 100 and self.stale)

    @property
    def undone(self) -> bool:
        """None is left of those that were to go, and there are enough others."""
        return not self.stale and len(self.fresh) >= self.desired

    @property
    def settled(self) -> bool:
        """Nothing is under way."""
        outgoing = any(s.outgoing for s in self.subjects)
        return not outgoing and not self.leaving and all(s.ready for s in self.fresh)

    def _share(self, count: int) -> int:
        return min(100 * count // self.desired, 100) if self.desired else 100


@dataclass(frozen=True)
class Decision:
    """The status from now on and why, the instances to replace, those to keep after all, and the
    checkpoint that was reached, in percent."""

    status: Status
    reason: str = ""
    replace: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    checkpoint: int = 0


def decide(scene: Scene, warm: Scene | None = None) -> Decision:
    """The next step of a refresh that is under way; the warm pool's turn is when all else is done.

    Of ``warm`` only the instances and how many there may be count.
    """
    match scene.status:
        case "InProgress":
            return _go_on(scene, warm)
        case "Baking":
            return _bake(scene)
        case "Cancelling":
            return _cancel(scene)
        case "RollbackInProgress":
            return _roll_back(scene, warm)
        case _:
            return Decision("InProgress")


def _go_on(scene: Scene, warm: Scene | None) -> Decision:
    if failure := _alarm(scene) or _no_progress(scene):
        return _fail(scene, failure)
    if silent := [name for name, found in scene.alarms if found == "INSUFFICIENT_DATA"]:
        return Decision("InProgress", f"Waiting for the alarm {silent[0]} to have data.")
    if scene.pause > 0:
        return Decision("InProgress", f"Waiting at the checkpoint of {scene.passed} percent.")
    if scene.settled and scene.complete:
        if warm and not (warm.settled and warm.complete):
            return _warm(scene, warm)
        return Decision("Baking" if scene.bake > 0 else "Successful")
    ahead = [p for p in scene.checkpoints if p > scene.passed]
    reached = [p for p in ahead[:-1] if p <= scene.percent]
    if scene.settled and reached:
        reason = f"The checkpoint of {reached[-1]} percent is reached."
        return Decision("InProgress", reason, checkpoint=reached[-1])
    return Decision("InProgress", _waiting_for(scene), _to_replace(scene, ahead[0]))


def _bake(scene: Scene) -> Decision:
    if failure := _alarm(scene):
        return _fail(scene, failure)
    if scene.bake > 0:
        return Decision("Baking", "Waiting for the bake time to end.")
    return Decision("Successful")


def _roll_back(scene: Scene, warm: Scene | None) -> Decision:
    if failure := _no_progress(scene):
        return Decision("RollbackFailed", failure)
    if scene.settled and scene.undone:
        if warm and not (warm.settled and warm.undone):
            return _warm(scene, warm)
        return Decision("RollbackSuccessful")
    return Decision("RollbackInProgress", _waiting_for(scene), _to_replace(scene, 100))


def _warm(scene: Scene, warm: Scene) -> Decision:
    reason = "Waiting for instances of the warm pool to be replaced."
    return Decision(scene.status, reason, _to_replace(warm, 100))


def _cancel(scene: Scene) -> Decision:
    """Finish what has begun: as many leave as come."""
    coming = sum(s.coming for s in scene.subjects)
    outgoing = [s.id for s in scene.subjects if s.outgoing]
    if not coming and not outgoing and not scene.leaving:
        return Decision("Cancelled")
    reason = "Waiting for launches and terminations that have begun."
    return Decision("Cancelling", reason, keep=tuple(outgoing[coming:]))


def _fail(scene: Scene, why: str) -> Decision:
    return Decision("RollbackInProgress" if scene.auto_rollback else "Failed", why)


def _alarm(scene: Scene) -> str:
    raised = [name for name, found in scene.alarms if found == "ALARM"]
    return f"The alarm {raised[0]} is in the ALARM state." if raised else ""


def _no_progress(scene: Scene) -> str:
    if scene.stuck < PATIENCE:
        return ""
    return f"No instance was replaced for an hour. {_waiting_for(scene)}"


def _to_replace(scene: Scene, goal: int) -> tuple[str, ...]:
    """Whom to replace now, so that at most ``goal`` percent of the group are new.

    What does not serve anyway goes first; for each of the others there has to be room.
    """
    waiting = [s for s in scene.stale if not s.outgoing]
    rest = scene.desired - math.ceil(scene.desired * goal / 100)
    missing = max(scene.desired - len(scene.subjects), 0)
    under_way = missing + sum(s.outgoing or not (s.stale or s.ready) for s in scene.subjects)
    room = max(scene.most - scene.least - under_way, 0)
    free = [s for s in waiting if not s.hindrance]
    chosen = [s for s in free if not s.ready] + [s for s in free if s.ready][:room]
    return tuple(s.id for s in chosen[: max(len(waiting) - rest, 0)])


def _waiting_for(scene: Scene) -> str:
    """What holds it up, with an example, as AWS says it."""
    if unready := next((s for s in scene.fresh if not s.ready), None):
        if unready.coming:
            return f"Waiting for instances to be in service. For example: {unready.id} is not yet."
        return (
            "Waiting for instances to warm up before continuing. For example: "
            f"{unready.id} is warming up."
        )
    if hindered := next((s for s in scene.stale if s.hindrance), None):
        return f"Waiting for instances that are {hindered.hindrance}. For example: {hindered.id}."
    return "Waiting for instances to be terminated." if scene.leaving else ""
