#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: group_info
short_description: The Auto Scaling groups of a stack and their instances, awaited or as they are
version_added: 0.1.0
description:
  - Tells what runs in several groups with one question to the API, and on request waits until every
    one of them has all its instances in service, and healthy in its target groups.
  - In service means that the member agent on the instance completed the launching lifecycle hook.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  names:
    description: The parts to look at, such as C(redis-a1) or C(app).
    type: list
    elements: str
    required: true
  certificates:
    description: >-
      Fingerprint of the certificates that every instance should serve; O(wait) waits for that too.
    type: str
  wait:
    description: >-
      Wait until every group is in service, or until a quota forbids to launch its instances. Check
      mode never waits.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait.
    type: int
    default: 900
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Wait until all members of this run are in service
  chatlift.aws.group_info:
    stack: demo
    names: "{{ ansible_play_batch }}"
    wait: true
  run_once: true
"""

RETURN = r"""
groups:
  description: The groups by the names asked for; a group that does not exist is left out.
  type: dict
  returned: always
  contains:
    in_service:
      description: Whether all instances wanted are in service and healthy in every target group.
      type: bool
    desired:
      description: How many instances are wanted.
      type: int
    launch_template_version:
      description: The version that the next instance starts from.
      type: str
    warm:
      description: How many instances there are in the warm pool beside the group.
      type: int
    instances:
      description: >-
        Each instance with its id, address, image, zone, state, version and the fingerprint of the
        certificates that it serves.
      type: list
      elements: dict
"""

from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import (
    layout,
    refusals,
    scaling_group,
)
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    pages,
    tag_dict,
    wait_until,
)
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "names": {"type": "list", "elements": "str", "required": True},
    "certificates": {"type": "str"},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 900},
}

# A launch that failed longer before than this failed before this run, perhaps at another quota.
NEW = timedelta(seconds=60)


class Look:
    """One look at several groups."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        self.autoscaling = module.client("autoscaling")
        self.ec2 = module.client("ec2")
        self.elbv2 = module.client("elbv2")
        self.stack = module.params["stack"]
        self.since = datetime.now(timezone.utc) - NEW
        self.launches: list[datetime] = []
        self.certificates = module.params["certificates"]
        self.names = {layout.resource_name(self.stack, one): one for one in module.params["names"]}

    def __call__(self) -> dict[str, dict[str, Any]]:
        found = scaling_group.find(self.autoscaling, list(self.names))
        details = self._instance_details(found)
        return {self.names[name]: self._group(group, details) for name, group in found.items()}

    def _group(self, group: dict[str, Any], details: dict[str, dict[str, Any]]) -> dict[str, Any]:
        healthy = self._healthy_in_all(group.get("TargetGroupARNs") or [])
        instances = [
            {
                "id": one["InstanceId"],
                "address": details.get(one["InstanceId"], {}).get("PrivateIpAddress"),
                "image_id": details.get(one["InstanceId"], {}).get("ImageId"),
                "zone": one["AvailabilityZone"],
                "state": one["LifecycleState"],
                "health": one["HealthStatus"],
                "in_service": one["LifecycleState"] == "InService"
                and (healthy is None or one["InstanceId"] in healthy),
                "launch_template_version": scaling_group.launch_template_of(one).get("Version"),
                "certificates": tag_dict(details.get(one["InstanceId"], {}).get("Tags")).get(
                    "chatlift:certificates", ""
                ),
            }
            for one in group["Instances"]
        ]
        serving = [one for one in instances if one["in_service"]]
        return {
            "in_service": len(serving) == len(instances) == group["DesiredCapacity"],
            "desired": group["DesiredCapacity"],
            "warm": group.get("WarmPoolSize") or 0,
            "launch_template_version": scaling_group.launch_template_of(group).get("Version"),
            "instances": instances,
        }

    def _instance_details(self, groups: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        ids = [one["InstanceId"] for group in groups.values() for one in group["Instances"]]
        if not ids:
            return {}
        reservations = pages(
            self.ec2,
            "describe_instances",
            "Reservations",
            Filters=[{"Name": "instance-id", "Values": ids}],
        )
        details = {one["InstanceId"]: one for found in reservations for one in found["Instances"]}
        self.launches = [one["LaunchTime"] for one in details.values()]
        return details

    def _healthy_in_all(self, target_group_arns: list[str]) -> set[str] | None:
        """Ids of the instances healthy in every target group; None when there is no such group."""
        healthy = None
        for arn in target_group_arns:
            targets = self.elbv2.describe_target_health(TargetGroupArn=arn)
            ids = {
                one["Target"]["Id"]
                for one in targets["TargetHealthDescriptions"]
                if one["TargetHealth"]["State"] == "healthy"
            }
            healthy = ids if healthy is None else healthy & ids
        return healthy

    def first_launch(self, groups: dict[str, dict[str, Any]]) -> datetime:
        """When the oldest of the instances was launched."""
        return min(self.launches, default=datetime.now(timezone.utc))

    def all_as_wanted(self, groups: dict[str, dict[str, Any]]) -> bool:
        """Whether nothing is amiss.

        Raises:
            ChatliftError: Something is, and waiting does not help, as a quota is reached.
        """
        amiss = self._amiss(groups)
        for full_name, name in amiss.items():
            group = groups.get(name)
            if group and len(group["instances"]) < group["desired"]:
                self._see_why(full_name, name)
        return not amiss

    def _see_why(self, full_name: str, name: str) -> None:
        """Say which quota keeps a group from an instance, if that is why it lacks one."""
        last = self._last_activity(full_name)
        if last.get("StartTime", self.since) <= self.since:
            return  # the quota may be higher by now; the group tries again
        if quota := refusals.sentence_on_launch(last.get("StatusMessage", ""), self.stack):
            raise ChatliftError(f"The group of {name} lacks an instance. {quota}")

    def _amiss(self, groups: dict[str, dict[str, Any]]) -> dict[str, str]:
        """The groups not in service, or without the certificates, by their full names."""
        return {
            full_name: name
            for full_name, name in self.names.items()
            if not groups.get(name, {}).get("in_service") or self._outdated(groups[name])
        }

    def _outdated(self, group: dict[str, Any]) -> list[dict[str, Any]]:
        """The instances that serve other certificates than they should."""
        wanted = self.certificates
        return [one for one in group["instances"] if wanted and one["certificates"] != wanted]

    def complaints(self, groups: dict[str, dict[str, Any]]) -> str:
        """What is amiss with each group: its instances, its last activity, its certificates."""
        return "; ".join(
            f"{name}: {self._complaint(full_name, groups.get(name))}"
            for full_name, name in self._amiss(groups).items()
        )

    def _complaint(self, full_name: str, group: dict[str, Any] | None) -> str:
        if group is None:
            return "the group is gone"
        states = [f"{one['id']} {one['state']} {one['health']}" for one in group["instances"]]
        if group["in_service"]:
            ids = [one["id"] for one in self._outdated(group)]
            return f"{', '.join(ids)} without the new certificates; see the journal there"
        last = self._last_activity(full_name).get("StatusMessage")
        return ", ".join([*(states or ["no instance"]), *([last] if last else [])])

    def _last_activity(self, full_name: str) -> dict[str, Any]:
        activities = self.autoscaling.describe_scaling_activities(
            AutoScalingGroupName=full_name, MaxRecords=1
        )["Activities"]
        return dict(activities[0]) if activities else {}


def look_at_groups(module: AnsibleAWSModule, changes: Changes) -> dict:
    look = Look(module)
    if not module.params["wait"] or changes.check_mode:
        return {"groups": look()}
    missing = sorted(set(look.names.values()) - set(look()))
    if missing:
        raise ChatliftError(
            f"There is no group for {', '.join(missing)} in the stack {module.params['stack']}."
            f" Run playbooks/site.yml first."
        )
    what = "in service, with the new certificates" if look.certificates else "in service"
    groups = wait_until(
        look,
        look.all_as_wanted,
        what=f"{', '.join(look.names.values())} to be {what}",
        timeout=module.params["wait_timeout"],
        describe=look.complaints,
        link="application" if module.params["names"] == ["app"] else "members",
        began=look.first_launch,
    )
    return {"groups": groups}


def main() -> None:
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), look_at_groups)


if __name__ == "__main__":
    main()
