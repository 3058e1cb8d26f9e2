"""Versions of launch templates."""

from __future__ import annotations

import base64
from typing import Any


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def versions(cloud: Any, name: str) -> dict[int, Any]:
    answer = cloud.ec2.describe_launch_template_versions(LaunchTemplateName=name)
    return {v["VersionNumber"]: v["LaunchTemplateData"] for v in answer["LaunchTemplateVersions"]}


def test_later_version_inherits_and_launches_with_its_user_data(cloud: Any) -> None:
    cloud.template("web", UserData=encoded("one"))
    cloud.ec2.create_launch_template_version(
        LaunchTemplateName="web",
        SourceVersion="1",
        LaunchTemplateData={"UserData": encoded("two")},
    )
    assert versions(cloud, "web")[2]["InstanceType"] == "t3.small"
    second = cloud.run(LaunchTemplate={"LaunchTemplateName": "web", "Version": "2"})
    assert cloud.instance(second).user_data == b"two"
    first = cloud.run(LaunchTemplate={"LaunchTemplateName": "web", "Version": "1"})
    assert cloud.instance(first).user_data == b"one"


def test_templates_own_tags_are_not_in_its_data(cloud: Any, debian: Any) -> None:
    cloud.ec2.create_launch_template(
        LaunchTemplateName="web",
        LaunchTemplateData={"ImageId": debian.id},
        TagSpecifications=[
            {"ResourceType": "launch-template", "Tags": [{"Key": "Name", "Value": "t"}]}
        ],
    )
    assert "TagSpecifications" not in versions(cloud, "web")[1]
    template = cloud.ec2.describe_launch_templates()["LaunchTemplates"][0]
    assert template["Tags"] == [{"Key": "Name", "Value": "t"}]


def test_numbers_stay_when_versions_are_deleted(cloud: Any) -> None:
    cloud.template("web")
    for size in ("t3.medium", "t3.large"):
        cloud.ec2.create_launch_template_version(
            LaunchTemplateName="web", SourceVersion="1", LaunchTemplateData={"InstanceType": size}
        )
    answer = cloud.ec2.delete_launch_template_versions(
        LaunchTemplateName="web", Versions=["1", "2", "9"]
    )
    deleted = answer["SuccessfullyDeletedLaunchTemplateVersions"]
    assert [version["VersionNumber"] for version in deleted] == [2]
    refused = answer["UnsuccessfullyDeletedLaunchTemplateVersions"]
    assert [version["VersionNumber"] for version in refused] == [1, 9]
    assert versions(cloud, "web").keys() == {1, 3}
    instance = cloud.run(LaunchTemplate={"LaunchTemplateName": "web", "Version": "3"})
    assert cloud.instance(instance).instance_type == "t3.large"


def test_more_than_fifteen_templates_are_listed(cloud: Any) -> None:
    for number in range(20):
        cloud.template(f"web-{number}")
    assert len(cloud.ec2.describe_launch_templates()["LaunchTemplates"]) == 20
