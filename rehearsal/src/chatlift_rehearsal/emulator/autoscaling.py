"""Auto Scaling groups that say what they want and leave the doing to ``reconcile``.

moto launches and terminates inside the API call, at random places, from the default version, and
forgets the rest: hooks, health, target groups, activities, limits.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from .activities import KEPT, Activity, at
from .errors import group_error
from .lifecycle import TERMINATING, GroupInstance, Wait, no_open_action
from .replacing import ReplacingGroup
from .scaling_policies import PolicyMends, PolicyResponses
from .warm_pool import WarmPool

# Parameters of Create- and UpdateAutoScalingGroup that moto drops, in one of them or in both.
_KEPT_PARAMETERS = {
    "CapacityRebalance": "capacity_rebalance",
    "Context": "context",
    "DefaultCooldown": "default_cooldown",
    "DefaultInstanceWarmup": "default_instance_warmup",
    "HealthCheckGracePeriod": "health_check_grace_period",
    "InstanceMaintenancePolicy": "instance_maintenance_policy",
    "MaxInstanceLifetime": "max_instance_lifetime",
    "PlacementGroup": "placement_group",
    "TerminationPolicies": "termination_policies",
}


class Group(ReplacingGroup):
    """A group: its wishes, its instances and what it remembers between two steps."""

    __module__ = "moto.autoscaling.models"  # moto derives the service from it
    instance_states: list[GroupInstance]  # type: ignore[assignment]
    warm_pool: WarmPool | None  # type: ignore[assignment]

    def __init__(self, **kwargs: Any) -> None:
        self.status: str | None = None
        self.activities: list[Activity] = []
        self.failed_launches = 0
        self.next_launch_at = 0.0
        # Why the desired capacity is what it is, as long as the instances are not.
        self.cause = ""
        super().__init__(**kwargs)

    @property
    def members(self) -> list[GroupInstance]:
        """Those that count as capacity: not leaving, not in standby."""
        return [m for m in self.instance_states if not m.leaving and m.lifecycle_state != "Standby"]

    @property
    def everybody(self) -> list[GroupInstance]:
        """Those of the warm pool, too."""
        warm = self.warm_pool.instances if self.warm_pool else []
        return [*self.instance_states, *warm]

    @property
    def warm_pool_size(self) -> int | None:
        return len(self.warm_pool.instances) if self.warm_pool else None

    def member(self, instance_id: str) -> GroupInstance | None:
        return next((m for m in self.everybody if m.instance.id == instance_id), None)

    def set_desired_capacity(self, new_capacity: int | None) -> None:
        smallest, largest = int(self.min_size or 0), int(self.max_size or 0)
        desired = smallest if new_capacity is None else int(new_capacity)
        if smallest > largest:
            raise group_error("Max bound, Min bound: max size must be at least min size")
        if desired > largest:
            raise group_error(
                f"New SetDesiredCapacity value {desired} is above max value {largest} "
                f"for the AutoScalingGroup {self.name}."
            )
        if desired < smallest:
            raise group_error(
                f"New SetDesiredCapacity value {desired} is below min value {smallest} "
                f"for the AutoScalingGroup {self.name}."
            )
        self.desired_capacity = desired

    def update(
        self,
        availability_zones: list[str],
        desired_capacity: int | None,
        max_size: int | None,
        min_size: int | None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        named = kwargs.get("launch_template") or kwargs.get("mixed_instances_policy")
        if named and self.refresh and self.refresh.desired:
            raise group_error(
                "An active instance refresh with a desired configuration exists. All configuration "
                "options derived from the desired configuration are not available for update while "
                "the instance refresh is active."
            )
        if desired_capacity is None:
            # The desired capacity follows new bounds.
            smallest = int(self.min_size or 0) if min_size is None else min_size
            largest = int(self.max_size or 0) if max_size is None else max_size
            desired_capacity = max(smallest, min(largest, int(self.desired_capacity or 0)))
        if self.warm_pool and _takes_spot(kwargs.get("mixed_instances_policy")):
            raise group_error("A group with a warm pool cannot launch Spot Instances.")
        mixed = self.mixed_instances_policy
        super().update(availability_zones, desired_capacity, max_size, min_size, *args, **kwargs)
        if not kwargs.get("launch_template") and kwargs.get("mixed_instances_policy") is None:
            # moto takes what is not said for what is not wanted.
            self.mixed_instances_policy = mixed

    def enable_metrics_collection(self, metrics: list[str]) -> None:
        """Those that are enabled stay so."""
        self.metrics = list(dict.fromkeys([*self.metrics, *(metrics or [])]))

    def begin(self, description: str, cause: str) -> Activity:
        """Record an activity that has begun."""
        activity = Activity(self.name, self.arn, description, cause)
        self.activities = [activity, *self.activities[: KEPT - 1]]
        return activity

    def suspended(self, process: str) -> bool:
        return any(p["ProcessName"] == process for p in self.suspended_processes)

    def leave(self, member: GroupInstance, cause: str, *, replaced: bool) -> Activity:
        """Take an instance out of service; ``replaced`` keeps its place for another."""
        if member.activity:
            member.activity.end("Cancelled", "The instance was taken out of service meanwhile.")
        member.lifecycle_state = "Warmed:Terminating" if member.warmed else "Terminating"
        member.waits = {}
        member.replaced = replaced
        member.activity = self.begin(f"Terminating EC2 instance: {member.instance.id}", cause)
        return member.activity


def _takes_spot(policy: dict[str, Any] | None) -> bool:
    """Whether a mixed instances policy takes spot instances for some of a group's capacity."""
    distribution = (policy or {}).get("InstancesDistribution", {})
    return int(distribution.get("OnDemandPercentageAboveBaseCapacity", 100)) < 100


def _end(group: Group, member: GroupInstance, cause: str) -> None:
    """End an instance by force: no hook is asked, and no connection waited for."""
    if not member.leaving:
        group.leave(member, cause, replaced=False)
    member.lifecycle_state = f"{'Warmed:' if member.warmed else ''}Terminating:Proceed"
    member.instance.terminate()


class AutoScalingMends(PolicyMends):
    """The operations that change a group; ``reconcile.step`` makes their wishes true."""

    def create_auto_scaling_group(self, name: str, *args: Any, **kwargs: Any) -> Any:
        if name in self.autoscaling_groups:
            raise group_error(
                "AutoScalingGroup by this name already exists - A group with the name "
                f"{name} already exists",
                code="AlreadyExists",
            )
        if not kwargs.get("launch_template") and not kwargs.get("mixed_instances_policy"):
            raise group_error(
                "Valid requests must contain a LaunchTemplate: launch configurations "
                "are not available to new accounts."
            )
        return super().create_auto_scaling_group(name, *args, **kwargs)

    def delete_auto_scaling_group(self, group_name: str, force: bool = False) -> None:
        group = self.group(group_name)
        if (group.instance_states or group.warm_pool) and not force:
            raise group_error(
                "You cannot delete an AutoScalingGroup while there are instances or pending "
                "Spot instance request(s) still in the group.",
                code="ResourceInUse",
            )
        group.status = "Delete in progress"
        group.min_size = group.desired_capacity = 0
        for member in group.everybody:
            _end(group, member, f"{at()} the group was deleted by force.")
        if not group.everybody:
            self.forget_group(group)

    def forget_group(self, group: Group) -> None:
        """Remove a group that has no instance left, and its hooks and policies."""
        self.autoscaling_groups.pop(group.name, None)
        for hook in self.describe_lifecycle_hooks(group.name):
            self.lifecycle_hooks.pop(f"{group.name}_{hook.name}")
        for policy in self.describe_policies(group.name):
            self.delete_policy(f"{group.name}/{policy.name}")

    def set_desired_capacity(self, group_name: str, desired_capacity: int | None) -> None:
        self.group(group_name).set_desired_capacity(desired_capacity)

    def put_warm_pool(
        self,
        group_name: str,
        max_group_prepared_capacity: int | None,
        min_size: int | None,
        pool_state: str | None,
        instance_reuse_policy: Any,
    ) -> None:
        group = self.group(group_name)
        if _takes_spot(group.mixed_instances_policy):
            raise group_error("A group that launches Spot Instances cannot have a warm pool.")
        pool = group.warm_pool or WarmPool()
        pool.put(min_size, max_group_prepared_capacity, pool_state, instance_reuse_policy)
        group.warm_pool = pool

    def delete_warm_pool(self, group_name: str, force: bool = False) -> None:
        group = self.group(group_name)
        pool = group.warm_pool
        if pool is None:
            return
        if pool.instances and not force:
            raise group_error(
                "You cannot delete a warm pool while there are instances in it.",
                code="ResourceInUse",
            )
        pool.status = "PendingDelete"
        for member in pool.instances:
            _end(group, member, f"{at()} the warm pool was deleted by force.")
        if not pool.instances:
            group.warm_pool = None

    def describe_warm_pool(self, group_name: str) -> WarmPool | None:  # type: ignore[override]
        return self.group(group_name).warm_pool

    def describe_auto_scaling_instances(self, instance_ids: list[str]) -> list[Any]:
        everybody = [member for group in self.groups() for member in group.everybody]
        return [m for m in everybody if not instance_ids or m.instance.id in instance_ids]

    def set_instance_health(self, instance_id: str, health_status: str) -> None:
        self.member(instance_id)[1].health_status = health_status

    def terminate_instance(self, instance_id: str, should_decrement: bool) -> Any:
        group, member = self.member(instance_id)
        if member.warmed:
            raise group_error(f"The instance {instance_id} is in a warm pool.")
        if member.leaving:
            return member.activity
        cause = (
            f"{at()} instance {instance_id} was taken out of service in response to a user request"
        )
        if should_decrement:
            before = int(group.desired_capacity or 0)
            group.set_desired_capacity(before - 1)
            cause += f", shrinking the capacity from {before} to {before - 1}"
        return group.leave(member, f"{cause}.", replaced=not should_decrement)

    def detach_instances(
        self, group_name: str, instance_ids: list[str], should_decrement: bool
    ) -> list[Any]:
        """A detached instance runs on, but no longer gets the group's traffic."""
        activities = super().detach_instances(group_name, instance_ids, should_decrement)
        for arn in self.group(group_name).target_group_arns:
            self.elbv2_backend.deregister_targets(arn, [{"Id": i} for i in instance_ids])
        return activities

    def delete_lifecycle_hook(self, as_name: str, name: str) -> None:
        """Whoever waits for it goes on: a launch is abandoned, a termination continued."""
        for member in self.group(as_name).everybody:
            if wait := member.waits.get(name):
                wait.result = wait.result or ("CONTINUE" if member.leaving else "ABANDON")
        super().delete_lifecycle_hook(as_name, name)

    # moto's ways of doing at once what reconcile does in its own time.

    def notify_terminate_instances(self, instance_ids: list[str]) -> None:
        """An instance terminated through EC2 is found by the next health check."""

    def update_attached_target_groups(self, group_name: str) -> None:
        """Target groups follow the instances' lifecycle states."""

    # Finding things.

    def group(self, name: str) -> Group:
        group = self.autoscaling_groups.get(name)
        if not isinstance(group, Group):
            raise group_error(
                f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"
            )
        return group

    def groups(self) -> list[Group]:
        return [group for group in self.autoscaling_groups.values() if isinstance(group, Group)]

    def find_member(self, instance_id: str) -> tuple[Group, GroupInstance] | None:
        for group in self.groups():
            if member := group.member(instance_id):
                return group, member
        return None

    def member(self, instance_id: str) -> tuple[Group, GroupInstance]:
        found = self.find_member(instance_id)
        if found is None:
            raise group_error(
                f"Instance Id not found - No managed instance found for instance ID: {instance_id}"
            )
        return found

    def begin_waits(self, group: Group, member: GroupInstance, transition: str) -> bool:
        """Let an instance wait for the hooks of a transition; False when there is none."""
        hooks = self.describe_lifecycle_hooks(group.name)
        member.waits = {
            hook.name: Wait.begin(hook) for hook in hooks if hook.lifecycle_transition == transition
        }
        if member.waits:
            side = "Terminating" if transition == TERMINATING else "Pending"
            member.lifecycle_state = f"{'Warmed:' if member.warmed else ''}{side}:Wait"
        return bool(member.waits)

    def wait_for(
        self, group_name: str, hook_name: str, instance_id: str | None, token: str | None
    ) -> Wait:
        """The open lifecycle action that a request is about."""
        group = self.group(group_name)
        for member in group.everybody:
            wait = member.waits.get(hook_name)
            if wait and (member.instance.id == instance_id or (token and wait.token == token)):
                return member.open_wait(hook_name, token)
        what = f"instance ID {instance_id}" if instance_id else f"token {token}"
        raise no_open_action(what)


class AutoScalingResponses(PolicyResponses):
    """The operations and parameters that moto does not know."""

    def create_auto_scaling_group(self) -> ActionResult:
        self.params.setdefault("HealthCheckGracePeriod", 0)  # moto takes 0 for "not given": 300
        result = super().create_auto_scaling_group()
        self._keep_parameters()
        for hook in self._get_param("LifecycleHookSpecificationList", []):
            self._put_hook(hook)
        return result

    def update_auto_scaling_group(self) -> ActionResult:
        result = super().update_auto_scaling_group()
        self._keep_parameters()
        return result

    def delete_auto_scaling_group(self) -> ActionResult:
        self._mends.delete_auto_scaling_group(
            self._get_param("AutoScalingGroupName"), self._get_bool_param("ForceDelete", False)
        )
        return EmptyResult()

    def describe_scaling_activities(self) -> ActionResult:
        name = self._get_param("AutoScalingGroupName")
        groups = [self._mends.group(name)] if name else self._mends.groups()
        wanted = self._get_param("ActivityIds", [])
        activities = sorted(
            (
                a
                for group in groups
                for a in group.activities
                if not wanted or a.activity_id in wanted
            ),
            key=lambda activity: activity.start_time,
            reverse=True,
        )
        return ActionResult({"Activities": activities[: self._get_int_param("MaxRecords", 100)]})

    def describe_warm_pool(self) -> ActionResult:
        pool = self._mends.describe_warm_pool(self._get_param("AutoScalingGroupName"))
        instances = pool.instances if pool else []
        return ActionResult({"WarmPoolConfiguration": pool, "Instances": instances})

    def delete_warm_pool(self) -> ActionResult:
        self._mends.delete_warm_pool(
            self._get_param("AutoScalingGroupName"), self._get_bool_param("ForceDelete", False)
        )
        return EmptyResult()

    def put_lifecycle_hook(self) -> ActionResult:
        self._mends.group(self._get_param("AutoScalingGroupName"))
        self._put_hook(self.params)
        return EmptyResult()

    def complete_lifecycle_action(self) -> ActionResult:
        self._wait().result = self._get_param("LifecycleActionResult")
        return EmptyResult()

    def record_lifecycle_action_heartbeat(self) -> ActionResult:
        self._wait().heartbeat()
        return EmptyResult()

    def disable_metrics_collection(self) -> ActionResult:
        group = self._mends.group(self._get_param("AutoScalingGroupName"))
        unwanted = self._get_param("Metrics") or group.metrics
        group.metrics = [metric for metric in group.metrics if metric not in unwanted]
        return EmptyResult()

    @property
    def _mends(self) -> AutoScalingMends:
        backend = self.autoscaling_backend
        assert isinstance(backend, AutoScalingMends)
        return backend

    def _wait(self) -> Wait:
        return self._mends.wait_for(
            self._get_param("AutoScalingGroupName"),
            self._get_param("LifecycleHookName"),
            self._get_param("InstanceId"),
            self._get_param("LifecycleActionToken"),
        )

    def _put_hook(self, parameters: dict[str, Any]) -> None:
        hook: Any = self._mends.create_lifecycle_hook(
            name=parameters["LifecycleHookName"],
            as_name=self._get_param("AutoScalingGroupName"),
            transition=parameters["LifecycleTransition"],
            timeout=parameters.get("HeartbeatTimeout"),
            result=parameters.get("DefaultResult", "ABANDON"),
        )
        hook.notification_metadata = parameters.get("NotificationMetadata")
        hook.notification_target_arn = parameters.get("NotificationTargetARN")
        hook.role_arn = parameters.get("RoleARN")

    def _keep_parameters(self) -> None:
        group = self._mends.group(self._get_param("AutoScalingGroupName"))
        for parameter, attribute in _KEPT_PARAMETERS.items():
            value = self._get_param(parameter)
            if value is not None:
                setattr(group, attribute, value)
