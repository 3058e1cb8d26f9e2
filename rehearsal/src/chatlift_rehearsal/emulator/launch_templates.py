"""Launch templates with numbered versions that inherit, can be deleted, and launch as written.

moto leaves the user data of a later version unparsed (so that launching it fails), knows neither
SourceVersion nor DeleteLaunchTemplateVersions, and adds the template's own tags to version 1.
"""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidLaunchTemplateVersionNotFound
from moto.ec2.models import launch_templates
from moto.ec2.models.launch_templates import LaunchTemplateVersion
from moto.ec2.responses import EC2Response
from moto.ec2.utils import convert_tag_spec, parse_user_data

# What a request leaves open, the template says: RunInstances keyword of moto → path in the data.
_SCALARS = {
    "placement": "Placement.AvailabilityZone",
    "iam_instance_profile_name": "IamInstanceProfile.Name",
    "iam_instance_profile_arn": "IamInstanceProfile.Arn",
    "instance_initiated_shutdown_behavior": "InstanceInitiatedShutdownBehavior",
    "ebs_optimized": "EbsOptimized",
}
_ALL_VERSIONS = 200


def with_template(data: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """RunInstances keywords completed from a template's data; the request's own values win."""
    merged = dict(request)
    for keyword, path in _SCALARS.items():
        if not merged.get(keyword):
            merged[keyword] = _at(data, path)
    merged["nics"] = request.get("nics") or data.get("NetworkInterfaces", [])
    merged["block_device_mappings"] = [
        *data.get("BlockDeviceMappings", []),
        *request.get("block_device_mappings", []),
    ]
    merged["metadata_options"] = {
        **data.get("MetadataOptions", {}),
        **request.get("metadata_options", {}),
    }
    tags = convert_tag_spec(data.get("TagSpecifications", []))
    for resource, requested in request.get("tags", {}).items():
        tags.setdefault(resource, {}).update(requested)
    merged["tags"] = tags
    if _at(data, "Monitoring.Enabled"):
        merged["monitoring_state"] = "enabled"
    return merged


def _at(data: dict[str, Any], path: str) -> Any:
    value: Any = data
    for key in path.split("."):
        value = value.get(key) if value else None
    return value


class LaunchTemplate(launch_templates.LaunchTemplate):
    """Keeps the number of a version for good, also when others are deleted."""

    __module__ = "moto.ec2.models.launch_templates"  # moto derives the service from it
    highest_number = 0

    def create_version(self, data: dict[str, Any], description: str) -> LaunchTemplateVersion:
        number = self.highest_number + 1
        version = LaunchTemplateVersion(self, number, data, description)
        self.highest_number = number
        self.versions.append(version)
        return version

    def get_version(self, num: Any) -> LaunchTemplateVersion:
        wanted = str(num)
        if wanted == "$Latest":
            return self.latest_version()
        if wanted == "$Default":
            return self.default_version()
        for version in self.versions:
            if str(version.number) == wanted:
                return version
        raise InvalidLaunchTemplateVersionNotFound(template_id=self.id, version=wanted)

    def default_version(self) -> LaunchTemplateVersion:
        return self.get_version(self.default_version_number)


class LaunchTemplateResponses(EC2Response):
    """The operations on launch templates and their versions."""

    def create_launch_template(self) -> ActionResult:
        self.error_on_dryrun()
        template = self.ec2_backend.create_launch_template(
            self._get_param("LaunchTemplateName"),
            self._get_param("VersionDescription"),
            self._launch_template_data(),
            self._parse_tag_specification(),
        )
        return ActionResult(
            {
                "LaunchTemplate": {
                    "CreateTime": template.create_time,
                    "CreatedBy": self._creator(),
                    "DefaultVersionNumber": template.default_version_number,
                    "LatestVersionNumber": template.latest_version_number,
                    "LaunchTemplateId": template.id,
                    "LaunchTemplateName": template.name,
                    "Tags": template.get_tags(),
                }
            }
        )

    def create_launch_template_version(self) -> ActionResult:
        self.error_on_dryrun()
        template = self._template()
        data = self._launch_template_data()
        if source := self._get_param("SourceVersion"):
            data = {**template.get_version(source).data, **data}
        version = template.create_version(data, self._get_param("VersionDescription"))
        return ActionResult(
            {
                "LaunchTemplateVersion": {
                    "CreateTime": version.create_time,
                    "CreatedBy": self._creator(),
                    "DefaultVersion": template.is_default(version),
                    "LaunchTemplateData": version.data,
                    "LaunchTemplateId": template.id,
                    "LaunchTemplateName": template.name,
                    "VersionDescription": version.description,
                    "VersionNumber": version.number,
                }
            }
        )

    def delete_launch_template_versions(self) -> ActionResult:
        self.error_on_dryrun()
        template = self._template()
        done: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for number in self._get_param("Versions", []):
            named = {
                "LaunchTemplateId": template.id,
                "LaunchTemplateName": template.name,
                "VersionNumber": int(number),
            }
            error = _delete_version(template, number)
            if error:
                failed.append({**named, "ResponseError": error})
            else:
                done.append(named)
        return ActionResult(
            {
                "SuccessfullyDeletedLaunchTemplateVersions": done,
                "UnsuccessfullyDeletedLaunchTemplateVersions": failed,
            }
        )

    def describe_launch_template_versions(self) -> ActionResult:
        self.params.setdefault("MaxResults", _ALL_VERSIONS)
        return super().describe_launch_template_versions()

    def describe_launch_templates(self) -> ActionResult:
        self.params.setdefault("MaxResults", _ALL_VERSIONS)
        return super().describe_launch_templates()

    def _template(self) -> Any:
        if name := self._get_param("LaunchTemplateName"):
            return self.ec2_backend.get_launch_template_by_name(name)
        return self.ec2_backend.get_launch_template(self._get_param("LaunchTemplateId"))

    def _launch_template_data(self) -> dict[str, Any]:
        data = dict(self._get_param("LaunchTemplateData", {}))
        if "UserData" in data:
            data["UserData"] = parse_user_data(data["UserData"])
        return data

    def _creator(self) -> str:
        return f"arn:{self.partition}:iam::{self.current_account}:root"


def _delete_version(template: Any, number: str) -> dict[str, str] | None:
    try:
        version = template.get_version(number)
    except InvalidLaunchTemplateVersionNotFound as error:
        return {"Code": "launchTemplateVersionDoesNotExist", "Message": str(error)}
    if template.is_default(version):
        return {
            "Code": "unexpectedError",
            "Message": f"Version {number} is the default version and cannot be deleted.",
        }
    template.versions.remove(version)
    return None
