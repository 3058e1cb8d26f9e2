"""EBS volumes."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def volume(cloud: Any, zone: str = "a") -> str:
    answer = cloud.ec2.create_volume(Size=2, AvailabilityZone=f"eu-central-1{zone}")
    return str(answer["VolumeId"])


def attach(cloud: Any, volume_id: str, instance: str, device: str = "/dev/sdf") -> Any:
    return cloud.ec2.attach_volume(VolumeId=volume_id, InstanceId=instance, Device=device)


def state_of(cloud: Any, volume_id: str) -> str:
    return str(cloud.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["State"])


def test_volume_belongs_to_one_instance(cloud: Any) -> None:
    data, first, second = volume(cloud), cloud.run(), cloud.run()
    attach(cloud, data, first)
    with pytest.raises(ClientError, match="VolumeInUse"):
        attach(cloud, data, second)
    assert [a.volume_id for a in cloud.instance(first).attachments] == [data]
    assert cloud.instance(second).attachments == ()


def test_volume_must_be_in_the_instances_zone(cloud: Any) -> None:
    with pytest.raises(ClientError, match=r"InvalidVolume\.ZoneMismatch"):
        attach(cloud, volume(cloud, "b"), cloud.run())


def test_device_name_is_taken_once(cloud: Any) -> None:
    instance = cloud.run()
    attach(cloud, volume(cloud), instance)
    with pytest.raises(ClientError, match="already in use"):
        attach(cloud, volume(cloud), instance)


def test_detach_needs_no_instance(cloud: Any) -> None:
    data, instance = volume(cloud), cloud.run()
    attach(cloud, data, instance)
    cloud.ec2.detach_volume(VolumeId=data)
    assert state_of(cloud, data) == "available"
    assert cloud.instance(instance).attachments == ()


def test_detach_names_the_right_instance(cloud: Any) -> None:
    data, first, second = volume(cloud), cloud.run(), cloud.run()
    attach(cloud, data, first)
    with pytest.raises(ClientError, match=r"InvalidAttachment\.NotFound"):
        cloud.ec2.detach_volume(VolumeId=data, InstanceId=second)


def test_data_volume_survives_its_instance_and_the_root_volume_does_not(cloud: Any) -> None:
    data, instance = volume(cloud), cloud.run()
    attach(cloud, data, instance)
    assert [v.id for v in cloud.emulator.view().volumes] == [data]
    cloud.ec2.terminate_instances(InstanceIds=[instance])
    assert state_of(cloud, data) == "in-use"
    cloud.emulator.instance_stopped(instance)
    assert [v["VolumeId"] for v in cloud.ec2.describe_volumes()["Volumes"]] == [data]
    attach(cloud, data, cloud.run())


def test_what_modules_rely_on_is_always_said(cloud: Any) -> None:
    seen = cloud.ec2.describe_volumes(VolumeIds=[volume(cloud)])["Volumes"][0]
    assert seen["MultiAttachEnabled"] is False
    assert seen["SnapshotId"] == ""
