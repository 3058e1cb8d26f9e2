"""Launching an instance for a group: where, from what, and what becomes of a failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from moto.core.exceptions import ServiceException

from . import state
from .autoscaling import AutoScalingMends, Group
from .lifecycle import GroupInstance
from .refresh_record import instance_types

# After the n-th failed launch in a row a group waits 2^n seconds, at most this long.
_LONGEST_BACKOFF = 60.0
_NAME_TAG = "aws:autoscaling:groupName"


def may_launch(group: Group) -> bool:
    """Whether launches are not suspended, and the last failure is long enough ago."""
    return not group.suspended("Launch") and state.now() >= group.next_launch_at


def launch(
    backend: AutoScalingMends, group: Group, lifecycle_state: str, cause: str, where: str = ""
) -> GroupInstance | None:
    """A new instance in this state, None when there is none to be had."""
    description = f"Launching a new EC2 instance{where}"
    try:
        instance = _run_instance(backend, group)
    except ServiceException as error:
        reason = f"{error.message}. Launching EC2 instance failed."
        activity = group.begin(f"{description}.  Status Reason: {reason}", cause)
        activity.end("Failed", reason)
        launch_failed(group)
        return None
    member = GroupInstance(
        instance,
        lifecycle_state,
        protected_from_scale_in=group.new_instances_protected_from_scale_in,
        autoscaling_group=group,
    )
    member.activity = group.begin(f"{description}: {instance.id}", cause)
    if group.refresh and group.refresh.launches:
        member.launched_by = group.refresh.id
    return member


def launch_failed(group: Group) -> None:
    """Let the next attempt wait, ever longer."""
    group.failed_launches += 1
    backoff = min(2.0**group.failed_launches, _LONGEST_BACKOFF)
    group.next_launch_at = state.now() + backoff


def zones_used(members: Iterable[GroupInstance]) -> Counter[str]:
    """How many instances each zone has."""
    # One that is to be replaced leaves its zone to its replacement.
    return Counter(str(m.availability_zone) for m in members if not m.outgoing)


def _run_instance(backend: AutoScalingMends, group: Group) -> Any:
    if refusal := state.trouble.of_launches():
        raise ServiceException(refusal)
    version = group.version_of(group.launched)
    preferred_type = next(iter(instance_types(group.launched)), None)
    zone, subnet_id = _place(backend, group)
    reservation = backend.ec2_backend.run_instances(
        "",
        1,
        None,
        [],
        launch_template={"LaunchTemplateId": version.template.id, "Version": str(version.number)},
        instance_type=preferred_type or "m1.small",
        is_instance_type_default=preferred_type is None,
        region_name=backend.region_name,
        placement=zone,
        subnet_id=subnet_id,
        associate_public_ip=None,
        tags={"instance": {**group.get_propagated_tags(), _NAME_TAG: group.name}},
    )
    return reservation.instances[0]


def _place(backend: AutoScalingMends, group: Group) -> tuple[str, str | None]:
    """The zone with the fewest instances, and the group's subnet there if it has subnets."""
    warm = group.warm_pool.instances if group.warm_pool else []
    used = zones_used([*group.members, *(m for m in warm if not m.leaving)])
    if not group.vpc_zone_identifier:
        zone = min(group.availability_zones, key=lambda zone: used[zone])
        return zone, None
    subnets = [
        backend.ec2_backend.get_subnet(subnet_id.strip())
        for subnet_id in group.vpc_zone_identifier.split(",")
    ]
    subnet = min(subnets, key=lambda subnet: used[subnet.availability_zone])
    return subnet.availability_zone, subnet.id
