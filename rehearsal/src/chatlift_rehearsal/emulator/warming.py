"""What Auto Scaling does by itself for a warm pool: one turn that makes it what it should be.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
"""

from __future__ import annotations

from . import refresh_turn
from .activities import at
from .autoscaling import AutoScalingMends, Group
from .launches import launch, launch_failed, may_launch, zones_used
from .lifecycle import LAUNCHING, TERMINATING, GroupInstance, outcome
from .warm_pool import WarmPool


def draw(group: Group, cause: str) -> GroupInstance | None:
    """Move an instance from the pool into the group, None when none is ready."""
    pool, refresh = group.warm_pool, group.refresh
    if pool is None or pool.status:
        return None
    # During a refresh, none that is yet to be replaced.
    ready = [m for m in pool.ready if not (refresh and refresh_turn.stale(group, refresh, m))]
    if not ready:
        return None
    used = zones_used(group.members)
    member = min(ready, key=lambda m: used[str(m.availability_zone)])
    pool.instances.remove(member)
    member.lifecycle_state = "Pending"
    member.instance.start()
    description = f"Launching a new EC2 instance from warm pool: {member.instance.id}"
    member.activity = group.begin(description, cause)
    group.instance_states.append(member)
    return member


def turn(backend: AutoScalingMends, group: Group) -> None:
    """Bring the pool of a group one turn further; the group itself has had its turn."""
    pool = group.warm_pool
    if pool is None:
        return
    for member in list(pool.instances):
        _advance(backend, group, member)
    gone = bool(pool.status or group.status)
    wanted = 0 if gone else pool.wanted(int(group.desired_capacity or 0), int(group.max_size or 0))
    present = [m for m in pool.instances if not m.leaving and not m.outgoing]
    if not group.suspended("Terminate"):
        # Those that are not ready yet go first.
        present.sort(key=lambda m: m.lifecycle_state != m.warm_state)
        for member in present[wanted:]:
            _dismiss(group, member, "a difference between desired and actual warm capacity")
        _dismiss_replaced(group, pool, wanted)
    most = max(group.bounds(wanted)[1], wanted)
    room = most - sum(not m.leaving for m in pool.instances)
    for _ in range(min(wanted - len(present), room)):
        if may_launch(group):
            _launch(backend, group)
    for member in list(pool.instances):
        _advance(backend, group, member)
    if pool.status and not pool.instances:
        group.warm_pool = None


def _dismiss_replaced(group: Group, pool: WarmPool, wanted: int) -> None:
    """Let those go whose replacement is there; those first that are of no use."""
    outgoing = [m for m in pool.instances if m.outgoing and not m.leaving]
    outgoing.sort(key=lambda m: m in pool.ready)
    spare = len(pool.ready) - group.bounds(wanted)[0]
    idle = [m for m in outgoing if m not in pool.ready]
    for member in outgoing[: len(idle) + max(spare, 0)]:
        _dismiss(group, member, "an instance refresh")


def _launch(backend: AutoScalingMends, group: Group) -> None:
    assert group.warm_pool is not None
    cause = f"{at()} an instance was started in response to a need for warm capacity."
    member = launch(backend, group, "Warmed:Pending", cause, " into warm pool")
    if member:
        member.warm_state = f"Warmed:{group.warm_pool.pool_state}"
        group.warm_pool.instances.append(member)


def _dismiss(group: Group, member: GroupInstance, reason: str) -> None:
    cause = f"{at()} an instance was taken out of the warm pool in response to {reason}."
    group.leave(member, cause, replaced=False)


def _advance(backend: AutoScalingMends, group: Group, member: GroupInstance) -> None:
    """Take an instance as far on its way as it can go now."""
    if not member.leaving and _lost(member):
        _dismiss(group, member, "an EC2 health check")
    match member.lifecycle_state:
        case "Warmed:Pending" if member.instance.state == "running":
            if not backend.begin_waits(group, member, LAUNCHING):
                _settle(group, member)
        case "Warmed:Pending:Wait":
            _end_wait(group, member)
        case "Warmed:Terminating":
            # A launch that was given up has nothing to leave, a lost host nobody to ask. A stopped
            # one cannot answer either, but Auto Scaling waits until the hook times out.
            silent = member.abandoned or _lost(member)
            if silent or not backend.begin_waits(group, member, TERMINATING):
                _terminate(member)
        case "Warmed:Terminating:Wait" if _lost(member) or outcome(member.waits.values()):
            _terminate(member)
    if member.lifecycle_state == "Warmed:Pending:Proceed" and member.instance.state == "stopped":
        _is_warm(group, member)
    if member.lifecycle_state.endswith("Terminating:Proceed"):
        _forget_terminated(group, member)


def _end_wait(group: Group, member: GroupInstance) -> None:
    result = outcome(member.waits.values())
    if result == "CONTINUE":
        _settle(group, member)
    elif result == "ABANDON":
        if member.activity:
            member.activity.end(
                "Cancelled", "Lifecycle Action was abandoned: the launching hook said ABANDON."
            )
        member.abandoned = True
        launch_failed(group)
        _dismiss(group, member, "an abandoned lifecycle action")


def _settle(group: Group, member: GroupInstance) -> None:
    member.waits = {}
    if member.warm_state == "Warmed:Stopped":
        member.lifecycle_state = "Warmed:Pending:Proceed"
        member.instance.stop()
    else:
        _is_warm(group, member)


def _is_warm(group: Group, member: GroupInstance) -> None:
    member.lifecycle_state = member.warm_state
    group.failed_launches = 0
    if member.activity:
        member.activity.end()
        member.activity = None


def _lost(member: GroupInstance) -> bool:
    """Whether it will never be of use: it was terminated, or what should run does not."""
    instance = member.instance
    gone = instance.state in ("shutting-down", "terminated")
    return gone or instance.impaired or member.health_status == "Unhealthy"


def _terminate(member: GroupInstance) -> None:
    member.lifecycle_state = "Warmed:Terminating:Proceed"
    member.waits = {}
    member.instance.terminate()


def _forget_terminated(group: Group, member: GroupInstance) -> None:
    if member.instance.state == "terminated" and group.warm_pool:
        group.warm_pool.instances.remove(member)
        if member.activity:
            member.activity.end()
