#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: member_version
short_description: Lead a member back from an image
version_added: 0.1.0
description:
  - Lets the next instance of a member be what it was before an image that turned out to be bad. It
    takes a launch template version that exists, with its settings, and replaces nothing;
    M(chatlift.aws.member_instance) does that.
  - That is the version which the member still runs, if that is of another image; else the one that
    ran before it was last replaced; else the newest one of another image. Images that are gone, or
    that were undone (tag C(chatlift:undone)), are passed over.
  - A member whose group does not want that image stays as it is.
options:
  name:
    description: The member, such as C(redis-a1).
    type: str
    required: true
  stack:
    description: Name of the stack.
    type: str
    required: true
  leave_image:
    description: The AMI to go back from.
    type: str
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says to which version it would go back.
    support: full
  diff_mode:
    description: Shows version and image before and after.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Go back from a bad image
  chatlift.aws.member_version:
    stack: demo
    name: redis-a1
    leave_image: ami-0123456789abcdef0
"""

RETURN = r"""
launch_template_version:
  description: The version that the next instance runs.
  type: str
  returned: always
  sample: "1"
leaves:
  description: >-
    Whether the member goes back from O(leave_image): its group wanted that, or does not want it any
    more, but the instance runs it.
  type: bool
  returned: always
image_id:
  description: The AMI of that version.
  type: str
  returned: always
  sample: ami-0123456789abcdef0
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import (
    images,
    launch_template,
    layout,
    scaling_group,
)
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.member_reports import Members
from ansible_collections.chatlift.aws.plugins.module_utils.resources import tag_dict
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "stack": {"type": "str", "required": True},
    "leave_image": {"type": "str", "required": True},
}


def go_back(module: AnsibleAWSModule, changes: Changes) -> dict:
    name, stack = module.params["name"], module.params["stack"]
    autoscaling, ec2 = module.client("autoscaling"), module.client("ec2")
    group_name = layout.resource_name(stack, name)
    group = scaling_group.find(autoscaling, [group_name]).get(group_name)
    if group is None:
        raise ChatliftError(f"There is no group {group_name}, so there is nothing to go back from.")
    versions = {
        str(one["VersionNumber"]): one["LaunchTemplateData"].get("ImageId", "")
        for one in launch_template.versions(ec2, group_name)
    }
    leave = module.params["leave_image"]
    specification = scaling_group.launch_template_of(group)
    version = specification["Version"]
    member = Members(autoscaling, ec2, stack, [name]).look()[name]
    is_wanted = versions.get(version) == leave
    if is_wanted:
        before = tag_dict(group.get("Tags")).get(scaling_group.VERSION_BEFORE_TAG, "")
        good = _good_images(ec2, set(versions.values()) - {leave})
        version = _choose(versions, [member.version, before], good)
        if not version:
            raise ChatliftError(
                f"{name} has never had another image than {leave} that is still there and was not"
                f" undone: name the one to go to, playbooks/rolling_deploy.yml --limit {name}"
                f" -e data_tier_image_id=ami-…"
            )
        changes.apply(
            f"group {group_name}",
            {"version": specification["Version"], "image": leave},
            {"version": version, "image": versions[version]},
            autoscaling.update_auto_scaling_group,
            AutoScalingGroupName=group_name,
            LaunchTemplate={
                "LaunchTemplateId": specification["LaunchTemplateId"],
                "Version": version,
            },
        )
    return {
        "launch_template_version": version,
        "image_id": versions.get(version, ""),
        "leaves": is_wanted or versions.get(member.version) == leave,
    }


def _good_images(ec2: Any, image_ids: set[str]) -> set[str]:
    """Those that can be launched, and that nobody has gone back from."""
    wanted = [{"Name": "image-id", "Values": sorted(image_ids)}]
    found = ec2.describe_images(Filters=wanted)["Images"] if image_ids else []
    return {
        one["ImageId"]
        for one in found
        if one["State"] == "available" and images.UNDONE_TAG not in tag_dict(one.get("Tags"))
    }


def _choose(versions: dict[str, str], preferred: list[str], good: set[str]) -> str:
    """The first of ``preferred`` whose image is ``good``, else the newest; empty for none."""
    others = [version for version, image in versions.items() if image in good]
    known = [version for version in preferred if version in others]
    return known[0] if known else max(others, key=int, default="")


def main() -> None:
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), go_back)


if __name__ == "__main__":
    main()
