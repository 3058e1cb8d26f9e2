"""CreateImage, and images that outlive a session."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from chatlift_rehearsal.emulator import server


def bake(cloud: Any, name: str, **parameters: Any) -> str:
    image: str = cloud.ec2.create_image(InstanceId=cloud.run(), Name=name, **parameters)["ImageId"]
    return image


def tags(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in pairs]


def test_debian_is_found_by_owner_and_name(cloud: Any, debian: Any) -> None:
    answer = cloud.ec2.describe_images(
        Owners=["136693071363"], Filters=[{"Name": "name", "Values": ["debian-13-amd64-*"]}]
    )
    assert [image["ImageId"] for image in answer["Images"]] == [debian.id]


def test_image_is_pending_until_its_body_is_done(cloud: Any) -> None:
    image = bake(cloud, "node-1")
    assert cloud.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "pending"
    with pytest.raises(ClientError, match=r"InvalidAMIID\.Unavailable"):
        cloud.run(ImageId=image)
    cloud.emulator.image_ready(image)
    assert cloud.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available"
    cloud.run(ImageId=image)


def test_image_and_snapshot_are_tagged_on_creation(cloud: Any) -> None:
    image = bake(
        cloud,
        "node-1",
        TagSpecifications=[
            {"ResourceType": "image", "Tags": tags(("chatlift:image", "node"))},
            {"ResourceType": "snapshot", "Tags": tags(("Name", "node-1"))},
        ],
    )
    seen = cloud.ec2.describe_images(ImageIds=[image])["Images"][0]
    assert seen["Tags"] == tags(("chatlift:image", "node"))
    snapshot = seen["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    answer = cloud.ec2.describe_snapshots(SnapshotIds=[snapshot])
    assert answer["Snapshots"][0]["Tags"] == tags(("Name", "node-1"))


def test_name_is_taken_until_the_image_is_deregistered(cloud: Any) -> None:
    image = bake(cloud, "node-1")
    with pytest.raises(ClientError, match=r"InvalidAMIName\.Duplicate"):
        bake(cloud, "node-1")
    cloud.ec2.deregister_image(ImageId=image)
    bake(cloud, "node-1")


def test_deregistered_image_does_not_launch(cloud: Any) -> None:
    image = bake(cloud, "node-1")
    cloud.emulator.image_ready(image)
    cloud.ec2.deregister_image(ImageId=image)
    with pytest.raises(ClientError, match=r"InvalidAMIID\.Unavailable"):
        cloud.run(ImageId=image)


def test_register_image_keeps_its_tags(cloud: Any) -> None:
    image = cloud.ec2.register_image(
        Name="imported",
        TagSpecifications=[{"ResourceType": "image", "Tags": tags(("Name", "imported"))}],
    )["ImageId"]
    seen = cloud.ec2.describe_images(ImageIds=[image])["Images"][0]
    assert seen["Tags"] == tags(("Name", "imported"))


def test_baked_image_comes_back_in_a_later_session(cloud: Any, port: int) -> None:
    image = bake(
        cloud,
        "node-1",
        Description="Node.js",
        TagSpecifications=[
            {"ResourceType": "image", "Tags": tags(("chatlift:fingerprint", "abc"))},
            {"ResourceType": "snapshot", "Tags": tags(("Name", "node-1"))},
        ],
    )
    cloud.emulator.image_ready(image)
    before = cloud.ec2.describe_images(ImageIds=[image])["Images"][0]
    saved = cloud.emulator.view().images
    cloud.emulator.stop()
    cloud.emulator = server.start("127.0.0.1", port, saved)
    assert cloud.emulator.view().images == saved
    assert cloud.ec2.describe_images(ImageIds=[image], Owners=["self"])["Images"] == [before]
    cloud.run(ImageId=image)
