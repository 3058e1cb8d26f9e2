"""Releases of the example application, good and bad ones, and what replaces instances by them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from tests.e2e.stack import Stack

EXAMPLE = Path(__file__).parents[2] / "examples" / "chat"
BACKEND, FRONT_END = EXAMPLE / "backend", EXAMPLE / "frontend"
ROLL = {"app_tier_instance_warmup": 30, "app_tier_roll_bake_time": 60}
"""Shorter than usual, and passing six times as fast in the rehearsal."""


def release(stack: Stack, folder: Path, start: str) -> str:
    """The id of a release of the application that does this first; ``folder`` is for its files."""
    told = stack.run_playbook(
        "playbooks/release.yml", "-e", json.dumps({"chatlift_app_dir": version(folder, start)})
    )
    found = re.search(r"node is (ami-\w+)", told)
    assert found, told
    return found[1]


def version(folder: Path, start: str) -> str:
    """Where there is a version of the application that does this first."""
    app = folder / "backend"
    shutil.copytree(BACKEND, app, ignore=shutil.ignore_patterns("node_modules"))
    index = app / "src" / "index.js"
    index.write_text(f"{start}\n{index.read_text()}")
    return str(app)


def deploy(stack: Stack, **variables: Any) -> str:
    """Make the release of a version, replace the instances by it, and show its pages."""
    return stack.run_playbook("playbooks/deploy.yml", "-e", json.dumps(ROLL | variables))


def shown(stack: Stack) -> set[str]:
    """Where CloudFront takes the pages from: of which release they are."""
    listed = stack.client("cloudfront").list_distributions()["DistributionList"]["Items"]
    return {origin["OriginPath"] for one in listed for origin in one["Origins"]["Items"]}


def roll(stack: Stack, playbook: str, **variables: Any) -> str:
    """Run a playbook that replaces the application's instances."""
    arguments = ("--limit", "app", "-e", json.dumps(ROLL | variables))
    return stack.run_playbook(f"playbooks/{playbook}.yml", *arguments)


def undone(stack: Stack) -> list[str]:
    """The ids of the images whose deployment was undone."""
    found = stack.client("ec2").describe_images(
        Owners=["self"], Filters=[{"Name": "tag-key", "Values": ["chatlift:undone"]}]
    )
    return [one["ImageId"] for one in found["Images"]]


def running(stack: Stack) -> dict[str, str]:
    """The launch template versions of the application's instances in service, by their ids."""
    groups = stack.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[f"chatlift-{stack.name}-app"]
    )["AutoScalingGroups"]
    return {
        one["InstanceId"]: one["LaunchTemplate"]["Version"]
        for one in groups[0]["Instances"]
        if one["LifecycleState"] == "InService"
    }


def other_monitoring(stack: Stack) -> bool:
    """What app_tier_detailed_monitoring is not now, which makes another version."""
    name = f"chatlift-{stack.name}-app"
    groups = stack.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])
    group = groups["AutoScalingGroups"][0]
    policy = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    template = policy.get("LaunchTemplateSpecification") or group["LaunchTemplate"]
    versions = stack.client("ec2").describe_launch_template_versions(
        LaunchTemplateId=template["LaunchTemplateId"], Versions=[template["Version"]]
    )["LaunchTemplateVersions"]
    return not versions[0]["LaunchTemplateData"].get("Monitoring", {}).get("Enabled", False)
