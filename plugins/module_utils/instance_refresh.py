# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Instance refreshes: what a group runs, what it should run, and what replaces one by the other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import UNKNOWN, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    error_code,
    pages,
    tag_dict,
)
from ansible_collections.chatlift.aws.plugins.module_utils.scaling_group import (
    VERSION_BEFORE_TAG,
    find,
    launch_template_of,
)

# Of a refresh that goes on. https://docs.aws.amazon.com/autoscaling/ec2/userguide/check-status-instance-refresh.html
FORWARD = ("Pending", "InProgress", "Baking")
ACTIVE = (*FORWARD, "Cancelling", "RollbackInProgress")

ONLY_OK = ("ALARM", "INSUFFICIENT_DATA")


@dataclass(frozen=True)
class Version:
    """A numbered version of a launch template, whose name refreshes of others may use."""

    template_id: str
    template_name: str
    number: str

    def is_of(self, specification: dict[str, Any]) -> bool:
        """Whether a LaunchTemplateSpecification means this one."""
        named = {specification.get("LaunchTemplateId"), specification.get("LaunchTemplateName")}
        return specification.get("Version") == self.number and bool(
            named & {self.template_id, self.template_name}
        )


@dataclass(frozen=True)
class Tier:
    """A group and its instances, those of a warm pool included, without those that leave."""

    group: dict[str, Any]
    instances: list[dict[str, Any]]

    @property
    def name(self) -> str:
        return str(self.group["AutoScalingGroupName"])

    @property
    def version(self) -> str:
        """The version that the group launches."""
        return str(launch_template_of(self.group).get("Version") or "$Default")

    @property
    def version_before(self) -> str:
        """The version that it had before, which no refresh tells once it has ended; empty when
        nobody noted one."""
        return tag_dict(self.group.get("Tags")).get(VERSION_BEFORE_TAG, "")

    def outdated(self, version: Version) -> list[dict[str, Any]]:
        """The instances that were launched from anything else."""
        return [one for one in self.instances if not self._matches(one, version)]

    def runs(self, version: Version) -> bool:
        """Whether the group launches this version and has no other instance."""
        return version.is_of(launch_template_of(self.group)) and not self.outdated(version)

    def configuration(self, version: Version) -> dict[str, Any]:
        """The DesiredConfiguration: the group's own with another version. A mixed group's policy is
        given in full, for AWS resets what is left out."""
        specification = {"LaunchTemplateId": version.template_id, "Version": version.number}
        mixed = self.group.get("MixedInstancesPolicy")
        if not mixed:
            return {"LaunchTemplate": specification}
        template = {**mixed["LaunchTemplate"], "LaunchTemplateSpecification": specification}
        return {"MixedInstancesPolicy": {**mixed, "LaunchTemplate": template}}

    def _matches(self, instance: dict[str, Any], version: Version) -> bool:
        mixed = self.group.get("MixedInstancesPolicy") or {}
        overrides = mixed.get("LaunchTemplate", {}).get("Overrides") or []
        types = [one["InstanceType"] for one in overrides if "InstanceType" in one]
        return version.is_of(launch_template_of(instance)) and (
            not types or instance.get("InstanceType") in types
        )


def look(autoscaling: Any, name: str) -> Tier:
    """The group of this name as it is now."""
    group = find(autoscaling, [name]).get(name)
    if group is None:
        raise ChatliftError(f"There is no Auto Scaling group {name}. Run playbooks/site.yml first.")
    instances = list(group["Instances"])
    if group.get("WarmPoolConfiguration"):
        instances += pages(
            autoscaling, "describe_warm_pool", "Instances", AutoScalingGroupName=name
        )
    return Tier(group, [one for one in instances if "Terminat" not in one["LifecycleState"]])


def find_version(ec2: Any, named: dict[str, Any], check_mode: bool) -> Version:
    """The version that was asked for: ``named`` has ``version``, and ``id`` or ``name``."""
    number = str(named["version"])
    if number == UNKNOWN and check_mode:  # check mode did not make it
        return Version(named.get("id") or UNKNOWN, named.get("name") or UNKNOWN, UNKNOWN)
    if not re.fullmatch(r"[1-9]\d*", number):
        raise ChatliftError(
            f"The launch template version {number} means another one as soon as a version is added"
            f" or made the default, so that AWS could not roll back to it. Write the number of a"
            f" version, such as launch_template_version of chatlift.aws.app_group."
        )
    what = {"LaunchTemplateId": named["id"]} if named.get("id") else {}
    what = what or {"LaunchTemplateName": named["name"]}
    try:
        found = ec2.describe_launch_template_versions(Versions=[number], **what)
    except ec2.exceptions.ClientError as error:
        if not error_code(error).startswith("InvalidLaunchTemplate"):
            raise
        found = {}
    for one in found.get("LaunchTemplateVersions", []):
        return Version(one["LaunchTemplateId"], one["LaunchTemplateName"], number)
    raise ChatliftError(
        f"The launch template {named.get('id') or named['name']} has no version {number}."
    )


def version_named(ec2: Any, tier: Tier, number: str) -> Version:
    """A version of the launch template that the group has."""
    template = launch_template_of(tier.group)
    named = {"id": template.get("LaunchTemplateId"), "name": template.get("LaunchTemplateName")}
    return find_version(ec2, {**named, "version": number}, check_mode=False)


def newest(autoscaling: Any, name: str) -> dict[str, Any]:
    """The refresh that is under way, else the last one, else nothing."""
    return next(iter(recent(autoscaling, name, 1)), {})


def recent(autoscaling: Any, name: str, most: int) -> list[dict[str, Any]]:
    """At most so many refreshes (up to 100), the newest first."""
    found = autoscaling.describe_instance_refreshes(AutoScalingGroupName=name, MaxRecords=most)
    refreshes: list[dict[str, Any]] = found["InstanceRefreshes"]
    return refreshes


def wanted(refresh: dict[str, Any]) -> dict[str, Any]:
    """The LaunchTemplateSpecification that a refresh was to bring; empty when it had none."""
    return launch_template_of(refresh.get("DesiredConfiguration") or {})


def leads_to(refresh: dict[str, Any], version: Version) -> bool:
    """Whether a refresh has this version as its desired configuration."""
    return version.is_of(wanted(refresh))


def describe(refresh: dict[str, Any]) -> str:
    """How far a refresh is, and to what it leads, for a sentence."""
    template = wanted(refresh)
    where = f"version {template['Version']}" if "Version" in template else "no other configuration"
    return f"{where} ({refresh['Status']}, {refresh.get('PercentageComplete', 0)} %)"


def preferences(options: dict[str, Any]) -> dict[str, Any]:
    """RefreshPreferences from the module's options."""
    given = {
        "MinHealthyPercentage": options["min_healthy_percentage"],
        "MaxHealthyPercentage": options["max_healthy_percentage"],
        "InstanceWarmup": options["instance_warmup"],
        "CheckpointPercentages": options["checkpoint_percentages"] or None,
        "CheckpointDelay": options["checkpoint_delay"]
        if options["checkpoint_percentages"]
        else None,
        "SkipMatching": options["skip_matching"],
        "AutoRollback": options["auto_rollback"],
        "ScaleInProtectedInstances": options["scale_in_protected_instances"].capitalize(),
        "StandbyInstances": options["standby_instances"].capitalize(),
        "AlarmSpecification": {"Alarms": options["alarms"]} if options["alarms"] else None,
        "BakeTime": options["bake_time"],
    }
    return {name: value for name, value in given.items() if value is not None}


def check_alarms(cloudwatch: Any, names: list[str]) -> None:
    """AWS refuses a refresh with an alarm that is not OK, and does not say why that one is not."""
    if not names:
        return
    kinds = {"MetricAlarms": "MetricAlarm", "CompositeAlarms": "CompositeAlarm"}
    found = {
        one["AlarmName"]: one
        for key, kind in kinds.items()
        for one in pages(cloudwatch, "describe_alarms", key, AlarmNames=names, AlarmTypes=[kind])
    }
    for name in names:
        if name not in found:
            raise ChatliftError(
                f"There is no alarm {name}. Run playbooks/site.yml, which makes it."
            )
        if found[name]["StateValue"] in ONLY_OK:
            raise ChatliftError(
                f"The alarm {name} is in the state {found[name]['StateValue']}, in which AWS begins"
                f" no instance refresh: {found[name].get('StateReason', '')} Wait until it is OK,"
                f" or leave it out."
            )


def summary(instance: dict[str, Any]) -> dict[str, Any]:
    """What is told of an instance."""
    return {
        "id": instance["InstanceId"],
        "zone": instance["AvailabilityZone"],
        "state": instance["LifecycleState"],
        "launch_template_version": launch_template_of(instance).get("Version"),
        "protected": instance.get("ProtectedFromScaleIn", False),
    }
