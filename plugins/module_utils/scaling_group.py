# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Auto Scaling groups with both lifecycle hooks.

A change of the launch template is recorded in the group and replaces nothing: replacing instances
is the work of the playbooks that do it one at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.launch_template import (
    LAUNCH_HOOK,
    TERMINATE_HOOK,
    Version,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    pages,
    retry_while,
    tag_dict,
    wait_until,
)

# A new instance profile takes some seconds to be known everywhere in AWS.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html
PROFILE_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Group:
    """An Auto Scaling group as it is wanted; times are in seconds.

    Exactly one of ``zones`` (a launch template that names a network interface) and ``subnets``
    (ids) is given. ``min_size`` is also the capacity a new group starts with.
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
    zones: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    target_group_arns: tuple[str, ...] = field(default=())

    def settings(self) -> dict[str, Any]:
        """The group's settings, named and shaped as the API takes them."""
        place: dict[str, Any] = (
            {"VPCZoneIdentifier": ",".join(sorted(self.subnets))}
            if self.subnets
            else {"AvailabilityZones": sorted(self.zones)}
        )
        return {
            "LaunchTemplate": self.version.specification,
            "MinSize": self.min_size,
            "MaxSize": self.max_size,
            "HealthCheckType": self.health_check_type,
            "HealthCheckGracePeriod": self.grace_period,
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


def ensure(autoscaling: Any, changes: Changes, wanted: Group) -> None:
    """Create the group, or bring its settings, tags, targets and hooks to what is wanted."""
    current = find(autoscaling, [wanted.name]).get(wanted.name)
    if current is None:
        _create(autoscaling, changes, wanted)
        return
    _update_settings(autoscaling, changes, wanted, current)
    _update_tags(autoscaling, changes, wanted, current)
    _update_targets(autoscaling, changes, wanted, current)
    _update_hooks(autoscaling, changes, wanted)


def delete(autoscaling: Any, ec2: Any, changes: Changes, name: str, timeout: float) -> None:
    """Delete the group and its instances, and wait until both are gone.

    The instances end without the terminating hook: nothing is left to hand over to.
    """
    current = find(autoscaling, [name]).get(name)
    if current is None:
        return
    instances = [instance["InstanceId"] for instance in current["Instances"]]
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
    """What the API says, shaped like ``settings``: lists in order, a template by its id."""
    seen = {key: current.get(key) for key in settings}
    template = seen["LaunchTemplate"] or {}
    seen["LaunchTemplate"] = {
        "LaunchTemplateId": template.get("LaunchTemplateId"),
        "Version": template.get("Version"),
    }
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
    missing = [arn for arn in wanted.target_group_arns if arn not in present]
    if missing:
        changes.apply(
            f"target groups of group {wanted.name}",
            present,
            [*present, *missing],
            autoscaling.attach_load_balancer_target_groups,
            AutoScalingGroupName=wanted.name,
            TargetGroupARNs=missing,
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


def _group_tags(wanted: Group) -> list[dict[str, Any]]:
    """Not propagated: the launch template tags the instances, from the very first moment."""
    return [
        {
            "ResourceId": wanted.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": False,
        }
        for key, value in sorted(wanted.tags.items())
    ]


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
