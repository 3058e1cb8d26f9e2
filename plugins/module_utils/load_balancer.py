# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The application load balancer of a stack: itself, where it stands, its attributes, its tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    error_code,
    tag_dict,
    tag_list,
)
from ansible_collections.chatlift.aws.plugins.module_utils.target_group import update_attributes

PROTECTION = "deletion_protection.enabled"


@dataclass(frozen=True)
class LoadBalancer:
    """A load balancer as it is wanted; ``idle_timeout`` is in seconds, ``logs_bucket`` may be
    empty."""

    name: str
    scheme: str
    subnets: tuple[str, ...]
    security_group: str
    tags: dict[str, str]
    idle_timeout: int
    deletion_protection: bool
    logs_bucket: str
    logs_prefix: str

    def attributes(self) -> dict[str, str]:
        wanted = {
            PROTECTION: "true" if self.deletion_protection else "false",
            "idle_timeout.timeout_seconds": str(self.idle_timeout),
            "routing.http.drop_invalid_header_fields.enabled": "true",
            "access_logs.s3.enabled": "true" if self.logs_bucket else "false",
        }
        if self.logs_bucket:
            wanted["access_logs.s3.bucket"] = self.logs_bucket
            wanted["access_logs.s3.prefix"] = self.logs_prefix
        return wanted


def find(elbv2: Any, name: str) -> dict[str, Any] | None:
    try:
        found = elbv2.describe_load_balancers(Names=[name])["LoadBalancers"]
    except elbv2.exceptions.ClientError as error:
        if error_code(error) == "LoadBalancerNotFound":
            return None
        raise
    return found[0] if found else None


def ensure(elbv2: Any, changes: Changes, wanted: LoadBalancer) -> dict[str, Any]:
    """Make sure that the load balancer exists, and return what AWS says of it.

    In check mode a new one has no more than its ARN, which is not known.
    """
    current = find(elbv2, wanted.name)
    if current is None:
        balancer = _create(elbv2, changes, wanted)
    else:
        balancer = current
        _check_scheme(current, wanted)
        _update_place(elbv2, changes, wanted, current)
    arn = balancer["LoadBalancerArn"]
    known = current is not None and elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)
    update_attributes(
        changes,
        f"attributes of load balancer {wanted.name}",
        known,
        wanted.attributes(),
        elbv2.modify_load_balancer_attributes,
        LoadBalancerArn=arn,
    )
    return balancer


def ensure_tags(elbv2: Any, changes: Changes, wanted: dict[str, dict[str, str]]) -> None:
    """Give each of these ARNs the tags that it lacks; at most 20, as one question takes."""
    arns = [arn for arn in wanted if arn != UNKNOWN]
    found = elbv2.describe_tags(ResourceArns=arns)["TagDescriptions"] if arns else []
    present = {one["ResourceArn"]: tag_dict(one["Tags"]) for one in found}
    for arn in arns:
        tags = present.get(arn, {})
        missing = {key: value for key, value in wanted[arn].items() if tags.get(key) != value}
        if missing:
            changes.apply(
                f"tags of {arn.rpartition(':')[2]}",
                {key: tags.get(key) for key in missing},
                missing,
                elbv2.add_tags,
                ResourceArns=[arn],
                Tags=tag_list(missing),
            )


def delete(elbv2: Any, changes: Changes, name: str) -> None:
    """Delete the load balancer and its listeners; its network interfaces go a little later."""
    current = find(elbv2, name)
    if current is None:
        return
    arn = current["LoadBalancerArn"]
    attributes = elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
    if {"Key": PROTECTION, "Value": "true"} in attributes:
        raise ChatliftError(
            f"The load balancer {name} is protected against deletion. Set"
            f" app_tier_deletion_protection to false, run playbooks/app_tier.yml, then run this"
            f" again."
        )
    changes.apply(
        f"load balancer {name}",
        {"DNSName": current["DNSName"]},
        None,
        elbv2.delete_load_balancer,
        LoadBalancerArn=arn,
    )


def _create(elbv2: Any, changes: Changes, wanted: LoadBalancer) -> dict[str, Any]:
    request = {
        "Type": "application",
        "Scheme": wanted.scheme,
        "IpAddressType": "ipv4",
        "Subnets": list(wanted.subnets),
        "SecurityGroups": [wanted.security_group],
    }
    made = changes.apply(
        f"load balancer {wanted.name}",
        None,
        request,
        elbv2.create_load_balancer,
        Name=wanted.name,
        Tags=tag_list(wanted.tags),
        **request,
    )
    return made["LoadBalancers"][0] if made else {"LoadBalancerArn": UNKNOWN}


def _check_scheme(current: dict[str, Any], wanted: LoadBalancer) -> None:
    if current["Scheme"] != wanted.scheme:
        raise ChatliftError(
            f"The load balancer {wanted.name} is {current['Scheme']} and cannot become"
            f" {wanted.scheme}. Delete the load balancer, which cuts its clients off, then run this"
            f" again: target group and instances stay."
        )


def _update_place(
    elbv2: Any, changes: Changes, wanted: LoadBalancer, current: dict[str, Any]
) -> None:
    arn = current["LoadBalancerArn"]
    subnets = sorted(zone["SubnetId"] for zone in current["AvailabilityZones"])
    if subnets != sorted(wanted.subnets):
        changes.apply(
            f"subnets of load balancer {wanted.name}",
            subnets,
            sorted(wanted.subnets),
            elbv2.set_subnets,
            LoadBalancerArn=arn,
            Subnets=list(wanted.subnets),
        )
    if current["SecurityGroups"] != [wanted.security_group]:
        changes.apply(
            f"security groups of load balancer {wanted.name}",
            current["SecurityGroups"],
            [wanted.security_group],
            elbv2.set_security_groups,
            LoadBalancerArn=arn,
            SecurityGroups=[wanted.security_group],
        )
