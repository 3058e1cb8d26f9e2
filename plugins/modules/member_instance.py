#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: member_instance
short_description: Replace the instance under a member
version_added: 0.1.0
description:
  - Ends the instance of a member that does not run the launch template version which its group
    wants, and waits until its successor, at the same address and with the same volume, is in
    service.
  - The instance leaves in an orderly way, and hands over first if it leads. Whether the others can
    do without it is not looked at here; M(chatlift.aws.data_tier_gate) does that.
  - A replacement that is under way already, begun by whomever, is only waited for.
  - Notes at the group which version ran before, in its tag C(chatlift:version-before).
options:
  name:
    description: The member, such as C(redis-a1).
    type: str
    required: true
  stack:
    description: Name of the stack.
    type: str
    required: true
  always:
    description: Replace an instance that runs the right version, too.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait for the new instance.
    type: int
    default: 1800
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says whether the instance would be replaced.
    support: full
  diff_mode:
    description: Shows the version before and after.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Let redis-a1 run what its group wants
  chatlift.aws.member_instance:
    stack: demo
    name: redis-a1
"""

RETURN = r"""
instance_id:
  description: The member's instance.
  type: str
  returned: always
  sample: i-0123456789abcdef0
launch_template_version:
  description: The version that it runs.
  type: str
  returned: always
  sample: "2"
image_id:
  description: The AMI that it runs.
  type: str
  returned: always
  sample: ami-0123456789abcdef0
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import layout, scaling_group
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.member_reports import Member, Members
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    error_code,
    retry_while,
    wait_until,
)
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "stack": {"type": "str", "required": True},
    "always": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 1800},
}

# Launches in a row that fail before a new image is taken for the reason, and waiting is given up.
FAILED_LAUNCHES = 2
BUSY_SECONDS = 120


class Replacement:
    """The member of one run of the module."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        self.name = module.params["name"]
        self.stack = module.params["stack"]
        self.group = layout.resource_name(self.stack, self.name)
        self.timeout = module.params["wait_timeout"]
        self.autoscaling = module.client("autoscaling")
        self.members = Members(self.autoscaling, module.client("ec2"), self.stack, [self.name])
        self.known = {one["ActivityId"] for one in self._activities()}
        self.before = self.look().instance_id

    def look(self) -> Member:
        return self.members.look()[self.name]

    def end(self, member: Member) -> None:
        """Note what ran before, and end the instance; its group launches another one."""
        if member.in_service and member.version != member.wanted:
            scaling_group.note_version_before(self.autoscaling, self.group, member.version)
        retry_while(
            lambda error: error_code(error) == "ScalingActivityInProgress",
            self.autoscaling.terminate_instance_in_auto_scaling_group,
            what=f"the group {self.group} to let an instance go",
            timeout=BUSY_SECONDS,
            InstanceId=member.instance_id,
            ShouldDecrementDesiredCapacity=False,
        )

    def wait(self, ended: str) -> Member:
        """Wait until an instance other than ``ended`` runs what the group wants."""
        seen = wait_until(
            self.look,
            lambda seen: self._is_there(seen, ended) or len(self._failures()) >= FAILED_LAUNCHES,
            what=f"{self.name} to be in service with version {self.look().wanted}",
            timeout=self.timeout,
            describe=self._describe,
        )
        if not self._is_there(seen, ended):
            raise ChatliftError(
                f"The launches of {self.name} with version {seen.wanted} fail."
                f" {self._describe(seen)}"
            )
        return seen

    def _is_there(self, seen: Member, ended: str) -> bool:
        return seen.in_service and seen.version == seen.wanted and seen.instance_id != ended

    def _failures(self) -> list[dict[str, Any]]:
        """The launches that began after this did and failed, the latest first."""
        failed = scaling_group.failed_launches(self._activities(), self.before)
        return [one for one in failed if one["ActivityId"] not in self.known]

    def _activities(self) -> list[dict[str, Any]]:
        """What the group did last, the latest first."""
        found: list[dict[str, Any]] = self.autoscaling.describe_scaling_activities(
            AutoScalingGroupName=self.group, MaxRecords=20
        )["Activities"]
        return found

    def _describe(self, seen: Member) -> str:
        said = [one.get("StatusMessage", "").rstrip(".") for one in self._failures()[:1]]
        state = f"{seen.instance_id} {seen.state}, version {seen.version}".strip()
        tier = layout.parse_member(self.name).tier
        return (
            f"{'; '.join([state, *said])}. The journal of each instance is in the log group"
            f" /chatlift/{self.stack}/{tier}."
        )


def replace(module: AnsibleAWSModule, changes: Changes) -> dict:
    replacement = Replacement(module)
    member = replacement.look()
    if member.state == "gone":
        raise ChatliftError(
            f"There is no group for {member.name} in the stack {replacement.stack}."
            f" Run playbooks/data_tier.yml first."
        )
    is_leaving = not member.instance_id or member.state.startswith("Terminating")
    is_outdated = member.version != member.wanted
    is_due = is_outdated or (member.in_service and module.params["always"])
    ended = ""
    if is_due and not is_leaving:
        changes.apply(
            f"instance of {member.name}",
            {"id": member.instance_id, "version": member.version},
            {"version": member.wanted},
            replacement.end,
            member=member,
        )
        ended = member.instance_id
    if not changes.check_mode:
        member = replacement.wait(ended)
    return {
        "instance_id": member.instance_id,
        "launch_template_version": member.version,
        "image_id": member.image_id,
    }


def main() -> None:
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), replace)


if __name__ == "__main__":
    main()
