# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Launch templates with numbered versions, each found again by the content it holds.

A version is immutable and its description holds the fingerprint of its content. Content that was
wanted before is therefore the version of before: going back makes no new version.
"""

from __future__ import annotations

import base64
import hashlib
import json
import textwrap
from dataclasses import dataclass
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import UNKNOWN, Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    error_code,
    pages,
    tag_specification,
)

INSTANCE_FILE = "/etc/chatlift/instance.json"
LAUNCH_HOOK = "chatlift-launch"
TERMINATE_HOOK = "chatlift-terminate"

# IMDSv2 only; one hop, so that nothing behind a bridge or a proxy gets at the role.
METADATA_OPTIONS = {
    "HttpTokens": "required",
    "HttpEndpoint": "enabled",
    "HttpPutResponseHopLimit": 1,
    "InstanceMetadataTags": "enabled",
}


@dataclass(frozen=True)
class Image:
    """An AMI, and the device name of its root volume."""

    id: str
    root_device: str


@dataclass(frozen=True)
class Version:
    """A numbered version of a launch template."""

    template_id: str
    number: str

    @property
    def specification(self) -> dict[str, str]:
        return {"LaunchTemplateId": self.template_id, "Version": self.number}


def identity(
    *,
    stack: str,
    region: str,
    tier: str,
    group: str,
    secret_arn: str,
    settings: dict[str, Any],
    member: str | None = None,
    volume_id: str | None = None,
) -> dict[str, Any]:
    """What an instance is told of itself (docs/contracts.md); never a secret."""
    return {
        "format": 1,
        "stack": stack,
        "region": region,
        "tier": tier,
        "member": member,
        "asg": group,
        "launch_hook": LAUNCH_HOOK,
        "terminate_hook": TERMINATE_HOOK,
        "volume_id": volume_id,
        "secret_arn": secret_arn,
        **settings,
    }


def user_data(instance: dict[str, Any]) -> str:
    """The cloud-config that writes the instance's identity, for people to read as well."""
    content = textwrap.indent(json.dumps(instance, indent=2), " " * 6)
    return (
        "#cloud-config\n"
        "write_files:\n"
        f"  - path: {INSTANCE_FILE}\n"
        "    owner: root:root\n"
        '    permissions: "0640"\n'
        "    content: |\n"
        f"{content}\n"
    )


def data(
    *,
    image: Image,
    instance_type: str,
    instance_profile: str,
    instance: dict[str, Any],
    name: str,
    tags: dict[str, str],
    kms_key_id: str | None,
) -> dict[str, Any]:
    """The content all launch templates share; the caller adds the network.

    The root volume gets no ``chatlift:member`` tag: by that tag the data volume is found. It is as
    large as its image, and encrypted even where the image is not.
    """
    root_tags = {"Name": f"{name}-root", "chatlift:stack": tags["chatlift:stack"]}
    root: dict[str, Any] = {"Encrypted": True, "VolumeType": "gp3", "DeleteOnTermination": True}
    if kms_key_id:
        root["KmsKeyId"] = kms_key_id
    return {
        "ImageId": image.id,
        "BlockDeviceMappings": [{"DeviceName": image.root_device, "Ebs": root}],
        "InstanceType": instance_type,
        "IamInstanceProfile": {"Name": instance_profile},
        "MetadataOptions": dict(METADATA_OPTIONS),
        "TagSpecifications": [
            *tag_specification("instance", tags),
            *tag_specification("volume", root_tags),
        ],
        "UserData": user_data(instance),
    }


def fingerprint(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def ensure(
    ec2: Any, changes: Changes, name: str, content: dict[str, Any], tags: dict[str, str]
) -> Version:
    """Make sure that a version with this content exists, and return it.

    ``content`` is LaunchTemplateData with the user data in clear.
    """
    present = versions(ec2, name)
    wanted = fingerprint(content)
    for version in reversed(present):
        if version.get("VersionDescription") == wanted:
            return Version(version["LaunchTemplateId"], str(version["VersionNumber"]))

    encoded = {**content, "UserData": base64.b64encode(content["UserData"].encode()).decode()}
    request: dict[str, Any] = {
        "LaunchTemplateName": name,
        "VersionDescription": wanted,
        "LaunchTemplateData": encoded,
    }
    if present:
        before = _readable(present[-1]["LaunchTemplateData"])
        answer = changes.apply(
            f"launch template {name}",
            before,
            content,
            ec2.create_launch_template_version,
            **request,
        )
        made = answer.get("LaunchTemplateVersion", {})
        return Version(present[-1]["LaunchTemplateId"], str(made.get("VersionNumber", UNKNOWN)))

    request["TagSpecifications"] = tag_specification("launch-template", tags)
    answer = changes.apply(
        f"launch template {name}", None, content, ec2.create_launch_template, **request
    )
    made = answer.get("LaunchTemplate", {})
    return Version(
        made.get("LaunchTemplateId", UNKNOWN), str(made.get("LatestVersionNumber", UNKNOWN))
    )


def delete(ec2: Any, changes: Changes, name: str) -> None:
    if versions(ec2, name):
        changes.apply(
            f"launch template {name}",
            "present",
            None,
            ec2.delete_launch_template,
            LaunchTemplateName=name,
        )


def versions(ec2: Any, name: str) -> list[dict[str, Any]]:
    """All versions, oldest first; none when there is no such template."""
    try:
        found = pages(
            ec2,
            "describe_launch_template_versions",
            "LaunchTemplateVersions",
            LaunchTemplateName=name,
        )
    except ec2.exceptions.ClientError as error:
        if error_code(error) == "InvalidLaunchTemplateName.NotFoundException":
            return []
        raise
    return sorted(found, key=lambda version: int(version["VersionNumber"]))


def _readable(content: dict[str, Any]) -> dict[str, Any]:
    encoded = content.get("UserData") or ""
    return {**content, "UserData": base64.b64decode(encoded).decode(errors="replace")}
