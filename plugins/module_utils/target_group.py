# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The target group of the app tier. Its targets are the Auto Scaling group's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    delete_when_free,
    error_code,
    tag_list,
)

# HAProxy on the instance.
PORT = 8080

# The member agent's own health: it fails as soon as the instance begins to leave. An instance that
# leaves waits for 20 s at most until nobody is sent to it any more; three checks of 5 s are less.
HEALTH_CHECK = {
    "HealthCheckProtocol": "HTTP",
    "HealthCheckPort": "8008",
    "HealthCheckPath": "/healthz",
    "HealthCheckIntervalSeconds": 5,
    "HealthCheckTimeoutSeconds": 3,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 3,
    "Matcher": {"HttpCode": "200"},
}


@dataclass(frozen=True)
class TargetGroup:
    """A target group as it is wanted; times are in seconds.

    ``stickiness`` is how long a cookie leads a client to the same instance, 0 for no cookie.
    """

    name: str
    vpc_id: str
    tags: dict[str, str]
    algorithm: str
    deregistration_delay: int
    slow_start: int
    stickiness: int

    def attributes(self) -> dict[str, str]:
        wanted = {
            "deregistration_delay.timeout_seconds": str(self.deregistration_delay),
            "load_balancing.algorithm.type": self.algorithm,
            "slow_start.duration_seconds": str(self.slow_start),
            "stickiness.enabled": "true" if self.stickiness else "false",
        }
        if self.stickiness:
            wanted["stickiness.type"] = "lb_cookie"
            wanted["stickiness.lb_cookie.duration_seconds"] = str(self.stickiness)
        return wanted


def find(elbv2: Any, name: str) -> dict[str, Any] | None:
    try:
        found = elbv2.describe_target_groups(Names=[name])["TargetGroups"]
    except elbv2.exceptions.ClientError as error:
        if error_code(error) == "TargetGroupNotFound":
            return None
        raise
    return found[0] if found else None


def ensure(elbv2: Any, changes: Changes, wanted: TargetGroup) -> str:
    """Make sure that the group exists with its health check and attributes, and return its ARN."""
    current = find(elbv2, wanted.name)
    if current is None:
        arn = _create(elbv2, changes, wanted)
    else:
        arn = current["TargetGroupArn"]
        _check_place(current, wanted)
        _update_health_check(elbv2, changes, wanted, current)
    known = current is not None and elbv2.describe_target_group_attributes(TargetGroupArn=arn)
    update_attributes(
        changes,
        f"attributes of target group {wanted.name}",
        known,
        wanted.attributes(),
        elbv2.modify_target_group_attributes,
        TargetGroupArn=arn,
    )
    return str(arn)


def delete(elbv2: Any, changes: Changes, name: str) -> None:
    current = find(elbv2, name)
    if current is not None:
        changes.apply(
            f"target group {name}",
            "present",
            None,
            delete_when_free,
            call=elbv2.delete_target_group,
            what=f"the target group {name}",
            timeout=60,
            TargetGroupArn=current["TargetGroupArn"],
        )


def update_attributes(
    changes: Changes,
    what: str,
    current: Any,
    wanted: dict[str, str],
    call: Any,
    **resource: str,
) -> None:
    """Set the attributes that differ. ``current`` is what a describe operation answered; it is
    falsy for a resource that was made just now, of which all attributes are set."""
    present = {one["Key"]: one["Value"] for one in current["Attributes"]} if current else {}
    different = {key: value for key, value in wanted.items() if present.get(key) != value}
    if different:
        changes.apply(
            what,
            {key: present.get(key) for key in different},
            different,
            call,
            Attributes=tag_list(different),
            **resource,
        )


def _create(elbv2: Any, changes: Changes, wanted: TargetGroup) -> str:
    request = {
        "Protocol": "HTTP",
        "ProtocolVersion": "HTTP1",
        "Port": PORT,
        "VpcId": wanted.vpc_id,
        "TargetType": "instance",
        **HEALTH_CHECK,
    }
    made = changes.apply(
        f"target group {wanted.name}",
        None,
        request,
        elbv2.create_target_group,
        Name=wanted.name,
        Tags=tag_list(wanted.tags),
        **request,
    )
    return made["TargetGroups"][0]["TargetGroupArn"] if made else UNKNOWN


def _check_place(current: dict[str, Any], wanted: TargetGroup) -> None:
    place = (current["VpcId"], current["Protocol"], current["Port"])
    if place != (wanted.vpc_id, "HTTP", PORT):
        raise ChatliftError(
            f"The target group {wanted.name} is for {place[1]} on port {place[2]} in {place[0]},"
            f" where HTTP on port {PORT} in {wanted.vpc_id} is wanted, and neither can be changed."
            f" Delete the load balancer and the target group, then run this again."
        )


def _update_health_check(
    elbv2: Any, changes: Changes, wanted: TargetGroup, current: dict[str, Any]
) -> None:
    before = {key: current.get(key) for key in HEALTH_CHECK}
    if before != HEALTH_CHECK:
        changes.apply(
            f"health check of target group {wanted.name}",
            before,
            HEALTH_CHECK,
            elbv2.modify_target_group,
            TargetGroupArn=current["TargetGroupArn"],
            **HEALTH_CHECK,
        )
