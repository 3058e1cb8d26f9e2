# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which images something runs, would launch, or would go back to, and what that is."""

from __future__ import annotations

from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils import instance_refresh
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    filters,
    pages,
    tag_dict,
)
from ansible_collections.chatlift.aws.plugins.module_utils.scaling_group import (
    VERSION_BEFORE_TAG,
    launch_template_of,
)

_NOT_ENDED = ["pending", "running", "stopping", "stopped", "shutting-down"]


def users(ec2: Any, autoscaling: Any) -> dict[str, str]:
    """What needs an image, by the image's id, over the whole account and region.

    Of a launch template that are the newest and the default version, the one that its group has,
    had before (where a rollback goes) and is being refreshed to. Others only tell what was.
    """
    found = _launch_templates(ec2, autoscaling)
    for reservation in pages(
        ec2, "describe_instances", "Reservations", Filters=filters(instance_state_name=_NOT_ENDED)
    ):
        for one in reservation["Instances"]:
            found[one["ImageId"]] = f"instance {one['InstanceId']}"
    return found


def _launch_templates(ec2: Any, autoscaling: Any) -> dict[str, str]:
    named = _versions_of_groups(autoscaling)
    found = {}
    for template in pages(ec2, "describe_launch_templates", "LaunchTemplates"):
        template_id, name = template["LaunchTemplateId"], template["LaunchTemplateName"]
        wanted = {"$Latest", "$Default", *named.get(template_id, ()), *named.get(name, ())}
        for one in pages(
            ec2,
            "describe_launch_template_versions",
            "LaunchTemplateVersions",
            LaunchTemplateId=template_id,
        ):
            number = str(one["VersionNumber"])
            special = {"$Default"} if one["DefaultVersion"] else set()
            if number == str(template["LatestVersionNumber"]):
                special.add("$Latest")
            image = one["LaunchTemplateData"].get("ImageId")
            if image and wanted & {number, *special}:
                found[image] = f"version {number} of the launch template {name}"
    return found


def _versions_of_groups(autoscaling: Any) -> dict[str, set[str]]:
    """Versions by the id or name of their launch template."""
    named: dict[str, set[str]] = {}
    for group in pages(autoscaling, "describe_auto_scaling_groups", "AutoScalingGroups"):
        own = launch_template_of(group)
        refresh = instance_refresh.newest(autoscaling, group["AutoScalingGroupName"])
        specifications = [own, instance_refresh.wanted(refresh)]
        if before := tag_dict(group.get("Tags")).get(VERSION_BEFORE_TAG):
            specifications.append({**own, "Version": before})
        for one in specifications:
            for key in ("LaunchTemplateId", "LaunchTemplateName"):
                if key in one:
                    named.setdefault(one[key], set()).add(one.get("Version", "$Default"))
    return named
