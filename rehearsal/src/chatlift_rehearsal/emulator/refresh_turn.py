"""What instance refreshes do in one turn of the loop: a scene is set, and its decision carried out.

The instances that are to be replaced only become outgoing; ``reconcile`` launches their
replacements and lets them go, as it does with those that are ill.

Times are CloudWatch's: they pass as much faster here as its minute does.
"""

from __future__ import annotations

from collections.abc import Callable

from . import state
from .activities import at
from .autoscaling import AutoScalingMends, Group
from .lifecycle import GroupInstance
from .refresh_decision import Decision, Scene, Subject, decide
from .refresh_record import Refresh
from .scaling_policies import cloudwatch_of

Judge = Callable[[GroupInstance], bool]

_WHY = "an instance was taken out of service in response to an instance refresh."
_HINDRANCES = {
    "StandbyInstances": "in standby",
    "ScaleInProtectedInstances": "protected from scale in",
}
_PASSED_OVER = ("in standby", "Ignore")


def turn(backend: AutoScalingMends, group: Group, healthy: Judge, ready: Judge) -> None:
    """Bring a group's refresh one step further, if there is one."""
    refresh = group.refresh
    if refresh is None or group.suspended("InstanceRefresh"):
        return
    _note_progress(refresh, group, healthy)
    scene, warm = _scene(backend, group, refresh, ready), _warm_scene(group, refresh)
    refresh.percent = scene.percent
    if refresh.rollback is None:
        refresh.instances_to_update = len(scene.stale)
    refresh.warm_progress = (warm.percent, len(warm.stale)) if warm else None
    _carry_out(group, refresh, decide(scene, warm))


def stale(group: Group, refresh: Refresh, member: GroupInstance) -> bool:
    """Whether the refresh replaces this instance, or would if it were allowed to."""
    launched = member.launched_by == refresh.id
    if refresh.rollback is not None:
        return launched
    if launched or _hindrance(refresh, member)[1] == "Ignore":
        return False
    wanted = refresh.desired or group.configuration
    return not (refresh.preferences["SkipMatching"] and group.matches(member, wanted))


def _note_progress(refresh: Refresh, group: Group, healthy: Judge) -> None:
    """It gets further with each instance that is as it should be, and while it waits on purpose."""
    warm = group.warm_pool.ready if group.warm_pool else []
    good = [m for m in group.everybody if m in warm or healthy(m)]
    count = sum(not m.outgoing and not stale(group, refresh, m) for m in good)
    if count > refresh.most_healthy or state.now() < refresh.pause_until:
        refresh.most_healthy = max(count, refresh.most_healthy)
        refresh.progress_at = state.now()


def _scene(backend: AutoScalingMends, group: Group, refresh: Refresh, ready: Judge) -> Scene:
    alarms = cloudwatch_of(backend).alarms
    now = state.now()
    desired = int(group.desired_capacity or 0)
    least, most = group.bounds(desired)
    return Scene(
        status=refresh.status,
        desired=desired,
        least=least,
        most=most,
        subjects=[
            _subject(group, refresh, m, ready)
            for m in group.instance_states
            if not m.leaving and _hindrance(refresh, m) != _PASSED_OVER
        ],
        leaving=sum(m.leaving for m in group.instance_states),
        alarms=[(name, str(alarms[name].state_value)) for name in refresh.alarms if name in alarms],
        checkpoints=refresh.checkpoints,
        passed=refresh.checkpoint,
        pause=refresh.pause_until - now,
        bake=state.seconds(refresh.bake_time)
        if refresh.bake_until is None
        else refresh.bake_until - now,
        stuck=(now - refresh.progress_at) * 60 / state.minute,
        auto_rollback=refresh.preferences["AutoRollback"],
    )


def _warm_scene(group: Group, refresh: Refresh) -> Scene | None:
    """The warm pool, if there is one: its bounds are its own."""
    pool = group.warm_pool
    if pool is None or pool.status:
        return None
    wanted = pool.wanted(int(group.desired_capacity or 0), int(group.max_size or 0))
    least, most = group.bounds(wanted)
    here = [m for m in pool.instances if not m.leaving]
    subjects = [_subject(group, refresh, m, lambda member: member in pool.ready) for m in here]
    leaving = len(pool.instances) - len(here)
    return Scene(refresh.status, wanted, least, most, subjects, leaving)


def _subject(group: Group, refresh: Refresh, member: GroupInstance, ready: Judge) -> Subject:
    is_stale = stale(group, refresh, member)
    hindrance, answer = _hindrance(refresh, member)
    return Subject(
        member.instance.id,
        stale=is_stale,
        ready=ready(member),
        coming="Pending" in member.lifecycle_state,
        outgoing=bool(member.outgoing),
        hindrance=hindrance if answer == "Wait" else "",
    )


def _hindrance(refresh: Refresh, member: GroupInstance) -> tuple[str, str]:
    """What stands in the way of replacing an instance, and what was asked for in this case."""
    for preference, applies in (
        ("StandbyInstances", member.lifecycle_state == "Standby"),
        ("ScaleInProtectedInstances", member.protected_from_scale_in),
    ):
        if applies:
            return _HINDRANCES[preference], str(refresh.preferences[preference])
    return "", ""


def _carry_out(group: Group, refresh: Refresh, decision: Decision) -> None:
    for member in group.everybody:
        if member.instance.id in decision.replace:
            member.outgoing = f"{at()} {_WHY}"
            if member.lifecycle_state == "Standby":  # nobody counts on it
                group.leave(member, member.outgoing, replaced=False)
        elif member.instance.id in decision.keep:
            _keep(member)
    if decision.checkpoint:
        refresh.checkpoint = decision.checkpoint
        refresh.pause_until = state.now() + state.seconds(refresh.checkpoint_delay)
    if decision.status == "Baking" and refresh.bake_until is None:
        refresh.bake_until = state.now() + state.seconds(refresh.bake_time)
    if decision.status == refresh.status:
        refresh.reason = decision.reason
        return
    _change_status(group, refresh, decision)


def _change_status(group: Group, refresh: Refresh, decision: Decision) -> None:
    if decision.status == "RollbackInProgress":
        roll_back(group, refresh, decision.reason)
    elif decision.status in ("InProgress", "Baking"):
        refresh.status, refresh.reason = decision.status, decision.reason
    else:
        if decision.status == "Successful" and refresh.desired:
            group.configure(refresh.desired)
        refresh.end(decision.status, decision.reason or _last_word(refresh))
        _keep_all(group)


def roll_back(group: Group, refresh: Refresh, why: str) -> None:
    """Begin to undo a refresh: what it has not let go yet stays."""
    refresh.begin_rollback(why)
    refresh.reason = why
    _keep_all(group)


def cancel(group: Group, refresh: Refresh, *, wait: bool) -> None:
    """End a refresh, or let it first finish what it has begun."""
    if wait:
        refresh.status = "Cancelling"
        return
    refresh.end("Cancelled", "Cancelled due to user request.")
    _keep_all(group)


def _last_word(refresh: Refresh) -> str:
    if refresh.status == "Cancelling":
        return "Cancelled due to user request."
    return str(refresh.rollback["RollbackReason"]) if refresh.rollback else ""


def _keep_all(group: Group) -> None:
    for member in group.everybody:
        _keep(member)


def _keep(member: GroupInstance) -> None:
    """Let an instance stay after all, unless it is ill."""
    if member.health_status == "Healthy":
        member.outgoing = ""
