# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Auto Scaling groups with both lifecycle hooks, metrics, scaling policies and a warm pool.

A change of the launch template replaces nothing. It is recorded in the group, or, with
``keeps_version``, left to an instance refresh, which can go back as long as the group has the
version before.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils import scaling_policies, warm_pool
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.launch_template import (
    LAUNCH_HOOK,
    TERMINATE_HOOK,
    Version,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    pages,
    retry_while,
    shaped_like,
    tag_dict,
    wait_until,
)
from ansible_collections.chatlift.aws.plugins.module_utils.warm_pool import WarmPool

VERSION_BEFORE_TAG = "chatlift:version-before"

# Of a group's activity.
FAILED = ("Failed", "Cancelled")

# A new instance profile takes some seconds to be known everywhere in AWS.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html
PROFILE_TIMEOUT_SECONDS = 60


# All that concern a group without a warm pool; they cost nothing.
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
METRICS = tuple(
    f"Group{name}"
    for name in (
        "DesiredCapacity",
        "InServiceInstances",
        "MaxSize",
        "MinSize",
        "PendingInstances",
        "StandbyInstances",
        "TerminatingInstances",
        "TotalInstances",
    )
)


@dataclass(frozen=True)
class MixedInstances:
    """Several instance types, the first one preferred, and how many of them are no spot instances:
    the first ``on_demand_base``, and of the others ``on_demand_percentage``."""

    instance_types: tuple[str, ...]
    on_demand_base: int
    on_demand_percentage: int

    def policy(self, version: Version) -> dict[str, Any]:
        return {
            "LaunchTemplate": {
                "LaunchTemplateSpecification": version.specification,
                "Overrides": [{"InstanceType": name} for name in self.instance_types],
            },
            "InstancesDistribution": {
                "OnDemandAllocationStrategy": "prioritized",
                "OnDemandBaseCapacity": self.on_demand_base,
                "OnDemandPercentageAboveBaseCapacity": self.on_demand_percentage,
                "SpotAllocationStrategy": "price-capacity-optimized",
            },
        }


@dataclass(frozen=True)
class Group:
    """An Auto Scaling group as it is wanted; times are in seconds.

    Exactly one of ``zones`` (a launch template that names a network interface) and ``subnets``
    (ids) is given. ``min_size`` is also the capacity a new group starts with; the capacity between
    the sizes is the scaling policies' from then on.

    ``healthy_percentages`` are the least and the most instances, in percent of the capacity, while
    instances are replaced: with at least 100 a new one is launched before an old one ends.
    ``warmup`` is how long the metrics of a new instance are not yet typical. With ``keeps_version``
    a group that serves keeps the launch template version that it has.
    """

    name: str
    version: Version
    tags: dict[str, str]
    min_size: int
    max_size: int
    health_check_type: str
    grace_period: int
    launch_timeout: int
    terminate_timeout: int
    healthy_percentages: tuple[int, int]
    warmup: int = 0
    zones: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    target_group_arns: tuple[str, ...] = ()
    termination_policies: tuple[str, ...] = ("Default",)
    mixed_instances: MixedInstances | None = None
    keeps_version: bool = False
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    warm_pool: WarmPool | None = None

    def settings(self) -> dict[str, Any]:
        """The group's settings, named and shaped as the API takes them."""
        place: dict[str, Any] = (
            {"VPCZoneIdentifier": ",".join(sorted(self.subnets))}
            if self.subnets
            else {"AvailabilityZones": sorted(self.zones)}
        )
        mixed = self.mixed_instances
        content: dict[str, Any] = (
            {"MixedInstancesPolicy": mixed.policy(self.version)}
            if mixed
            else {"LaunchTemplate": self.version.specification}
        )
        least, most = self.healthy_percentages
        return {
            **content,
            "MinSize": self.min_size,
            "MaxSize": self.max_size,
            "HealthCheckType": self.health_check_type,
            "HealthCheckGracePeriod": self.grace_period,
            "DefaultInstanceWarmup": self.warmup,
            "InstanceMaintenancePolicy": {
                "MinHealthyPercentage": least,
                "MaxHealthyPercentage": most,
            },
            "TerminationPolicies": list(self.termination_policies),
            # Spot instances that are about to be reclaimed are replaced before they are.
            "CapacityRebalance": bool(mixed and mixed.on_demand_percentage < 100),
            **place,
        }

    def hooks(self) -> dict[str, dict[str, Any]]:
        """Both hooks by name. A launch that is not completed in time is given up; an instance
        that does not leave in time is ended all the same."""
        return {
            LAUNCH_HOOK: {
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
                "HeartbeatTimeout": self.launch_timeout,
                "DefaultResult": "ABANDON",
            },
            TERMINATE_HOOK: {
                "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
                "HeartbeatTimeout": self.terminate_timeout,
                "DefaultResult": "CONTINUE",
            },
        }


def find(autoscaling: Any, names: list[str]) -> dict[str, dict[str, Any]]:
    """The groups of these names that exist, by name."""
    found = pages(
        autoscaling,
        "describe_auto_scaling_groups",
        "AutoScalingGroups",
        AutoScalingGroupNames=names,
    )
    return {group["AutoScalingGroupName"]: group for group in found}


def ensure(autoscaling: Any, changes: Changes, wanted: Group) -> Version:
    """Create the group, or bring its settings, tags, targets and hooks to what is wanted.

    Returns:
        The version that the group has from now on.
    """
    current = find(autoscaling, [wanted.name]).get(wanted.name)
    if current is None:
        _create(autoscaling, changes, wanted)
    else:
        if not wanted.warm_pool:
            warm_pool.remove(autoscaling, changes, wanted.name, current)
        if wanted.keeps_version:
            wanted = replace(wanted, version=_version_in_service(current) or wanted.version)
        _update_settings(autoscaling, changes, wanted, current)
        _update_tags(autoscaling, changes, wanted, current)
        _update_targets(autoscaling, changes, wanted, current)
        _update_hooks(autoscaling, changes, wanted)
    if wanted.warm_pool:
        warm_pool.ensure(autoscaling, changes, wanted.name, wanted.warm_pool, current or {})
    _enable_metrics(autoscaling, changes, wanted, current)
    scaling_policies.ensure(autoscaling, changes, wanted.name, wanted.policies, new=not current)
    return wanted.version


def launch_template_of(group: dict[str, Any]) -> dict[str, Any]:
    """The launch template that a described group or instance has, also in a mixed group."""
    mixed = group.get("MixedInstancesPolicy") or {}
    within = mixed.get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    return dict(within or group.get("LaunchTemplate") or {})


def failed_launches(activities: list[dict[str, Any]], before: str) -> list[dict[str, Any]]:
    """The launches of a group of one that failed, of its last activities; both the latest first.

    One that began while the instance ``before`` was still there says nothing: that has the member's
    network interface, and AWS does not always wait until it is free.
    """
    endings = [
        one for one in activities if before and not _is_launch(one) and before in one["Description"]
    ]
    if any("EndTime" not in one for one in endings):
        return []
    free = max((one["EndTime"] for one in endings), default=None)
    return [
        one
        for one in activities
        if _is_launch(one)
        and one["StatusCode"] in FAILED
        and (free is None or one["StartTime"] >= free)
    ]


def _is_launch(activity: dict[str, Any]) -> bool:
    return str(activity["Description"]).startswith("Launching")


def note_version_before(autoscaling: Any, name: str, version: str) -> None:
    """Note which version ran before the one that the group wants, for a way back."""
    autoscaling.create_or_update_tags(Tags=[_tag(name, VERSION_BEFORE_TAG, version)])


def _version_in_service(group: dict[str, Any]) -> Version | None:
    """The version that a group has, if it is one to go back to: not $Latest or $Default, nor one
    of which nothing has come into service."""
    template = launch_template_of(group)
    number = template.get("Version", "$Default")
    states = [one["LifecycleState"] for one in group["Instances"]]
    if number.startswith("$") or "InService" not in states:
        return None
    return Version(template["LaunchTemplateId"], number)


def delete(autoscaling: Any, ec2: Any, changes: Changes, name: str, timeout: float) -> None:
    """Delete the group, its warm pool and the instances of both, and wait until they are gone.

    The instances end without the terminating hook: nothing is left to hand over to.
    """
    current = find(autoscaling, [name]).get(name)
    if current is None:
        return
    instances = [instance["InstanceId"] for instance in current["Instances"]]
    instances += warm_pool.instances(autoscaling, current)
    changes.apply(
        f"group {name}",
        {"instances": instances},
        None,
        autoscaling.delete_auto_scaling_group,
        AutoScalingGroupName=name,
        ForceDelete=True,
    )
    if changes.check_mode:
        return
    wait_until(
        lambda: find(autoscaling, [name]),
        lambda found: not found,
        what=f"the group {name} to be deleted",
        timeout=timeout,
        describe=lambda found: found[name].get("Status", "present"),
    )
    if instances:
        wait_until(
            lambda: _instance_states(ec2, instances),
            lambda states: set(states.values()) <= {"terminated"},
            what=f"the instances of {name} to be terminated",
            timeout=timeout,
        )


def _create(autoscaling: Any, changes: Changes, wanted: Group) -> None:
    """The hooks are part of the creation: the first instance, too, must wait for its agent."""
    request = {
        "AutoScalingGroupName": wanted.name,
        "Tags": _group_tags(wanted),
        "LifecycleHookSpecificationList": [
            {"LifecycleHookName": name, **hook} for name, hook in wanted.hooks().items()
        ],
        **wanted.settings(),
    }
    if wanted.target_group_arns:
        request["TargetGroupARNs"] = list(wanted.target_group_arns)
    changes.apply(
        f"group {wanted.name}",
        None,
        {**wanted.settings(), "hooks": wanted.hooks()},
        retry_while,
        is_temporary=lambda error: "nvalid IAM Instance Profile" in str(error),
        call=autoscaling.create_auto_scaling_group,
        what=f"AWS to know the instance profile of {wanted.name}",
        timeout=PROFILE_TIMEOUT_SECONDS,
        **request,
    )


def _update_settings(
    autoscaling: Any, changes: Changes, wanted: Group, current: dict[str, Any]
) -> None:
    settings = wanted.settings()
    before = _current_settings(current, settings)
    different = {key: value for key, value in settings.items() if before[key] != value}
    if different:
        changes.apply(
            f"group {wanted.name}",
            {key: before[key] for key in different},
            different,
            autoscaling.update_auto_scaling_group,
            AutoScalingGroupName=wanted.name,
            **different,
        )


def _current_settings(current: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """What the API says, shaped like ``settings``, and its sets in order."""
    seen: dict[str, Any] = shaped_like(settings, current)
    if "VPCZoneIdentifier" in seen:
        seen["VPCZoneIdentifier"] = ",".join(sorted((seen["VPCZoneIdentifier"] or "").split(",")))
    else:
        seen["AvailabilityZones"] = sorted(seen["AvailabilityZones"] or [])
    return seen


def _update_tags(
    autoscaling: Any, changes: Changes, wanted: Group, current: dict[str, Any]
) -> None:
    present = tag_dict(current.get("Tags"))
    missing = {key: value for key, value in wanted.tags.items() if present.get(key) != value}
    if missing:
        changes.apply(
            f"tags of group {wanted.name}",
            {key: present.get(key) for key in missing},
            missing,
            autoscaling.create_or_update_tags,
            Tags=[tag for tag in _group_tags(wanted) if tag["Key"] in missing],
        )


def _update_targets(
    autoscaling: Any, changes: Changes, wanted: Group, current: dict[str, Any]
) -> None:
    present = current.get("TargetGroupARNs") or []
    for call, arns in (
        (
            autoscaling.attach_load_balancer_target_groups,
            [arn for arn in wanted.target_group_arns if arn not in present],
        ),
        (
            autoscaling.detach_load_balancer_target_groups,
            [arn for arn in present if arn not in wanted.target_group_arns],
        ),
    ):
        if arns:
            changes.apply(
                f"target groups of group {wanted.name}",
                present,
                list(wanted.target_group_arns),
                call,
                AutoScalingGroupName=wanted.name,
                TargetGroupARNs=arns,
            )


def _update_hooks(autoscaling: Any, changes: Changes, wanted: Group) -> None:
    present = {
        hook["LifecycleHookName"]: hook
        for hook in autoscaling.describe_lifecycle_hooks(AutoScalingGroupName=wanted.name)[
            "LifecycleHooks"
        ]
    }
    for name, hook in wanted.hooks().items():
        before = {key: present.get(name, {}).get(key) for key in hook}
        if before != hook:
            changes.apply(
                f"hook {name} of group {wanted.name}",
                before if name in present else None,
                hook,
                autoscaling.put_lifecycle_hook,
                AutoScalingGroupName=wanted.name,
                LifecycleHookName=name,
                **hook,
            )


def _enable_metrics(
    autoscaling: Any, changes: Changes, wanted: Group, current: dict[str, Any] | None
) -> None:
    enabled = {one["Metric"] for one in (current or {}).get("EnabledMetrics") or []}
    metrics = (*METRICS, *(warm_pool.METRICS if wanted.warm_pool else ()))
    if not enabled.issuperset(metrics):
        changes.apply(
            f"metrics of group {wanted.name}",
            sorted(enabled),
            sorted(enabled.union(metrics)),
            autoscaling.enable_metrics_collection,
            AutoScalingGroupName=wanted.name,
            Metrics=list(metrics),
            Granularity="1Minute",
        )


def _group_tags(wanted: Group) -> list[dict[str, Any]]:
    return [_tag(wanted.name, key, value) for key, value in sorted(wanted.tags.items())]


def _tag(name: str, key: str, value: str) -> dict[str, Any]:
    """Not propagated: the launch template tags the instances, from the very first moment."""
    return {
        "ResourceId": name,
        "ResourceType": "auto-scaling-group",
        "Key": key,
        "Value": value,
        "PropagateAtLaunch": False,
    }


def _instance_states(ec2: Any, instances: list[str]) -> dict[str, str]:
    reservations = pages(
        ec2,
        "describe_instances",
        "Reservations",
        Filters=[{"Name": "instance-id", "Values": instances}],
    )
    return {
        instance["InstanceId"]: instance["State"]["Name"]
        for reservation in reservations
        for instance in reservation["Instances"]
    }
