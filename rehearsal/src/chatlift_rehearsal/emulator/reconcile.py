"""What Auto Scaling does by itself: one turn of the loop that makes groups what they should be.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
"""

from __future__ import annotations

from moto.elbv2.models import ELBv2Backend

from . import refresh_turn, state, warming
from .activities import at
from .autoscaling import AutoScalingMends, Group
from .elbv2 import TargetGroup
from .launches import launch, launch_failed, may_launch, zones_used
from .lifecycle import LAUNCHING, TERMINATING, GroupInstance, outcome


def step(backend: AutoScalingMends, elbv2: ELBv2Backend) -> None:
    """Bring every group one turn further; the caller holds the lock."""
    for target_group in elbv2.target_groups.values():
        if isinstance(target_group, TargetGroup):
            target_group.finish_draining()
    for group in backend.groups():
        _Turn(backend, elbv2, group).take()


class _Turn:
    """One turn of one group."""

    def __init__(self, backend: AutoScalingMends, elbv2: ELBv2Backend, group: Group) -> None:
        self._backend = backend
        self._elbv2 = elbv2
        self._group = group

    def take(self) -> None:
        self._replace_unhealthy()
        self._advance_all()
        refresh_turn.turn(self._backend, self._group, self._healthy, self._ready)
        self._dismiss_replaced()
        self._scale()
        self._advance_all()
        self._sync_targets()
        warming.turn(self._backend, self._group)
        if self._group.status and not self._group.everybody:
            self._backend.forget_group(self._group)

    # Health.

    def _replace_unhealthy(self) -> None:
        for member in self._group.members:
            reason = self._ill(member)
            if not reason:
                continue
            member.health_status = "Unhealthy"
            if self._group.suspended("ReplaceUnhealthy"):
                continue
            member.outgoing = member.outgoing or (
                f"{at()} an instance was taken out of service in response to {reason}."
            )
            # Nobody waits for what is gone; else the place is kept until the instance is gone.
            if member.host_gone or not self._group.launches_first:
                kept = not self._group.launches_first
                self._group.leave(member, member.outgoing, replaced=kept)

    def _dismiss_replaced(self) -> None:
        """Let those go whose replacement is ready; those first that do not serve."""
        least, _most = self._group.bounds(int(self._group.desired_capacity or 0))
        ready = sum(map(self._ready, self._group.members))
        outgoing = [m for m in self._group.members if m.outgoing]
        idle = [m for m in outgoing if not self._ready(m)]
        serving = [m for m in outgoing if self._ready(m)]
        spare_idle = max(ready + len(idle) - least, 0)
        spare = max(ready - least, 0)
        for member in (*idle[:spare_idle], *serving[:spare]):
            self._group.leave(member, member.outgoing, replaced=False)

    def _healthy(self, member: GroupInstance) -> bool:
        """Whether it is in service and passes its health checks."""
        if member.lifecycle_state != "InService" or member.health_status != "Healthy":
            return False
        found = {group.health_of(member.instance.id) for group in self._checking_groups()}
        return not member.host_gone and found <= {"healthy", "unused"}

    def _ready(self, member: GroupInstance) -> bool:
        """Whether it is healthy and its warm-up is over."""
        warmup = state.seconds(self._group.warmup)
        since = member.in_service_since
        return self._healthy(member) and since is not None and state.now() >= since + warmup

    def _ill(self, member: GroupInstance) -> str | None:
        """Why an instance is unhealthy, in AWS's words."""
        if member.health_status == "Unhealthy":
            return "a user health-check"
        if self._group.suspended("HealthCheck"):
            return None
        if member.instance.state not in ("pending", "running"):
            return "an EC2 health check indicating it has been terminated or stopped"
        if member.instance.impaired:
            return "EC2 instance status checks failure"
        if self._elb_unhealthy(member):
            return "an ELB system health check failure"
        return None

    def _elb_unhealthy(self, member: GroupInstance) -> bool:
        grace = float(self._group.health_check_grace_period or 0)
        if member.in_service_since is None or state.now() < member.in_service_since + grace:
            return False
        return any(
            target_group.health_of(member.instance.id) == "unhealthy"
            for target_group in self._checking_groups()
        )

    def _checking_groups(self) -> list[TargetGroup]:
        """The target groups whose health checks are the group's too."""
        return self._target_groups() if "ELB" in str(self._group.health_check_type) else []

    # Lifecycle.

    def _advance_all(self) -> None:
        for member in list(self._group.instance_states):
            self._advance(member)

    def _advance(self, member: GroupInstance) -> None:
        """Take an instance as far on its way as it can go now."""
        if member.lifecycle_state == "Pending" and member.instance.state == "running":
            if self._backend.begin_waits(self._group, member, LAUNCHING):
                self._progress(member, "MidLifecycleAction", 60)
            else:
                self._enter_service(member)
        if member.lifecycle_state == "Pending:Wait":
            self._end_launch_wait(member)
        if member.lifecycle_state == "Terminating" and self._drained(member):
            self._ask_terminating_hooks(member)
        if member.lifecycle_state == "Terminating:Wait" and (
            member.host_gone or outcome(member.waits.values())
        ):
            self._terminate(member)
        if member.lifecycle_state == "Terminating:Proceed":
            self._forget_terminated(member)

    def _end_launch_wait(self, member: GroupInstance) -> None:
        result = outcome(member.waits.values())
        if result == "CONTINUE":
            self._enter_service(member)
        elif result == "ABANDON":
            message = "Lifecycle Action was abandoned: the launching hook ended with ABANDON."
            if member.activity:
                member.activity.end("Cancelled", message)
            member.abandoned = True
            launch_failed(self._group)
            self._group.leave(
                member,
                f"{at()} an instance was taken out of service because its lifecycle action was "
                "abandoned.",
                replaced=True,
            )

    def _enter_service(self, member: GroupInstance) -> None:
        member.lifecycle_state = "InService"
        member.in_service_since = state.now()
        member.waits = {}
        if member.activity:
            member.activity.end()
            member.activity = None
        self._group.failed_launches = 0
        self._sync_targets()

    def _drained(self, member: GroupInstance) -> bool:
        """Connections drain before the terminating hook is asked."""
        self._sync_targets()
        if member.host_gone or member.abandoned:
            return True
        draining = any(
            target_group.health_of(member.instance.id) == "draining"
            for target_group in self._target_groups()
        )
        if draining:
            self._progress(member, "WaitingForELBConnectionDraining", 30)
        return not draining

    def _ask_terminating_hooks(self, member: GroupInstance) -> None:
        # A launch that was given up has nothing to leave, a host that is gone nobody to ask.
        if member.abandoned or member.host_gone:
            self._terminate(member)
        elif self._backend.begin_waits(self._group, member, TERMINATING):
            self._progress(member, "MidLifecycleAction", 60)
        else:
            self._terminate(member)

    def _terminate(self, member: GroupInstance) -> None:
        member.lifecycle_state = "Terminating:Proceed"
        member.waits = {}
        member.instance.terminate()
        self._progress(member, "InProgress", 80)

    def _forget_terminated(self, member: GroupInstance) -> None:
        if member.instance.state != "terminated":
            return
        self._group.instance_states.remove(member)
        if member.activity:
            member.activity.end()

    def _progress(self, member: GroupInstance, status: str, progress: int) -> None:
        if member.activity and member.activity.end_time is None:
            member.activity.status_code = status
            member.activity.progress = progress

    # Capacity.

    def _scale(self) -> None:
        group = self._group
        desired = int(group.desired_capacity or 0)
        active = sum(not m.outgoing for m in group.members)
        # The place of an instance that is replaced is taken until it is gone: an unhealthy
        # instance is terminated before another is launched.
        kept = sum(1 for m in group.instance_states if m.leaving and m.replaced)
        if active > desired and not group.suspended("Terminate"):
            self._scale_in(active - desired, active)
        elif active + kept < desired and not group.suspended("Launch"):
            room = group.bounds(desired)[1] - len(group.members) - kept
            for _ in range(min(desired - active - kept, room)):
                self._launch()
        elif active == desired:
            group.cause = ""

    def _scale_in(self, count: int, active: int) -> None:
        for number in range(count):
            member = self._victim()
            if member is None:
                return
            self._group.leave(
                member,
                f"{self._cause}{at()} an instance was taken out of service in response to a "
                "difference between "
                f"desired and actual capacity, shrinking the capacity from {active - number} to "
                f"{active - number - 1}. {at()} instance {member.instance.id} was selected for "
                "termination.",
                replaced=False,
            )
        self._sync_targets()

    @property
    def _cause(self) -> str:
        return f"{self._group.cause} " if self._group.cause else ""

    def _victim(self) -> GroupInstance | None:
        """Who goes when the group shrinks: one of the fullest zone, as the group's policies say.

        Before those, one that does not serve yet.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html
        """
        policies = [str(policy) for policy in self._group.termination_policies]
        candidates = [
            m for m in self._group.members if not m.protected_from_scale_in and not m.outgoing
        ]
        zones = zones_used(self._group.members)
        return min(
            candidates,
            key=lambda m: (
                m.lifecycle_state == "InService",
                -zones[str(m.availability_zone)],
                *(_rank(m, policy) for policy in policies),
                m.instance.launch_time,
            ),
            default=None,
        )

    def _launch(self) -> None:
        group = self._group
        before = len(group.members)
        cause = (
            f"{self._cause}{at()} an instance was started in response to a difference between "
            f"desired and actual capacity, increasing the capacity from {before} to {before + 1}."
        )
        if not warming.draw(group, cause) and may_launch(group):
            member = launch(self._backend, group, "Pending", cause)
            if member:
                group.instance_states.append(member)

    # Target groups.

    def _target_groups(self) -> list[TargetGroup]:
        known = (self._elbv2.target_groups.get(arn) for arn in self._group.target_group_arns)
        return [group for group in known if isinstance(group, TargetGroup)]

    def _sync_targets(self) -> None:
        """Instances in service are registered, and no others of this group."""
        for target_group in self._target_groups():
            for member in self._group.instance_states:
                instance_id = member.instance.id
                wanted = member.lifecycle_state == "InService" and not member.host_gone
                if wanted and not self._group.suspended("AddToLoadBalancer"):
                    if instance_id not in target_group.targets:
                        target_group.register([{"Id": instance_id}])
                elif not wanted and instance_id in target_group.targets:
                    target_group.deregister([{"Id": instance_id}])


def _rank(member: GroupInstance, policy: str) -> float:
    """The lower, the sooner an instance ends by this termination policy."""
    match policy:
        case "Default" | "OldestLaunchTemplate":
            return float((member.launch_template or {}).get("Version") or 0)
        case "OldestInstance":
            return float(member.instance.launch_time.timestamp())
        case "NewestInstance":
            return -float(member.instance.launch_time.timestamp())
    return 0.0
