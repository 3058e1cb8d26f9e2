"""The member module against an emulated account."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_block_store import EBSBackend, VolumeModification

from ...conftest import REGION, STACK, ZONES, ModuleFailed

NAME = f"chatlift-{STACK}-redis-a1"
OPTIONS = {
    "name": "redis-a1",
    "stack": STACK,
    "availability_zone": ZONES[0],
    "address": "10.42.32.11",
    "image_id": "ami-12c6146b",
    "instance_type": "t3.small",
    "volume": {"size": 2},
    "settings": {
        "endpoint_url": "",
        "redis": [{"name": "redis-a1", "az": "a", "address": "10.42.32.11"}],
        "mysql": [],
        "mysql_group_name": "5f7b1c9c-6f3e-5a52-8a39-2f1d5d1d2c6b",
    },
}
ABSENT = {"name": "redis-a1", "stack": STACK, "state": "absent", "delete_timeout": 5}


@pytest.fixture(autouse=True)
def stack(aws: Any, run_module: Any) -> None:
    """What the stages before make: network, security group, secret, instance profile."""
    run_module("vpc", stack=STACK, cidr="10.42.0.0/16", availability_zones=ZONES, nat="one")
    group = {"name": "redis", "description": "Redis members", "rules": []}
    run_module("security_groups", stack=STACK, groups=[group])
    aws("secretsmanager").create_secret(Name=f"chatlift/{STACK}/redis", SecretString="{}")
    aws("iam").create_instance_profile(InstanceProfileName=NAME)


def _template(aws: Any) -> dict[str, Any]:
    versions = aws("ec2").describe_launch_template_versions(LaunchTemplateName=NAME)
    return dict(versions["LaunchTemplateVersions"][0]["LaunchTemplateData"])


def _group(aws: Any) -> dict[str, Any]:
    (group,) = aws("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[NAME])[
        "AutoScalingGroups"
    ]
    return dict(group)


def test_a_member_is_made_once(aws: Any, run_module: Any) -> None:
    made = run_module("member", **OPTIONS)
    assert made["changed"]
    again = run_module("member", **OPTIONS)
    assert not again["changed"], again["diff"]
    for key in ("group", "launch_template_version", "volume_id", "network_interface_id"):
        assert again[key] == made[key]


def test_its_parts_carry_the_names_and_tags_of_the_contract(aws: Any, run_module: Any) -> None:
    made = run_module("member", **OPTIONS)
    (interface,) = aws("ec2").describe_network_interfaces(
        NetworkInterfaceIds=[made["network_interface_id"]]
    )["NetworkInterfaces"]
    (volume,) = aws("ec2").describe_volumes(VolumeIds=[made["volume_id"]])["Volumes"]
    expected = {
        "Name": NAME,
        "chatlift:stack": STACK,
        "chatlift:tier": "redis",
        "chatlift:member": "redis-a1",
    }
    for tags in (interface["TagSet"], volume["Tags"], _group(aws)["Tags"]):
        assert {tag["Key"]: tag["Value"] for tag in tags} == expected
    assert interface["PrivateIpAddress"] == OPTIONS["address"]
    assert (volume["Encrypted"], volume["Size"], volume["VolumeType"]) == (True, 2, "gp3")


def test_the_template_names_the_interface_and_asks_for_imdsv2(aws: Any, run_module: Any) -> None:
    made = run_module("member", **OPTIONS)
    template = _template(aws)
    (interface,) = template["NetworkInterfaces"]
    assert interface["NetworkInterfaceId"] == made["network_interface_id"]
    assert template["MetadataOptions"]["HttpTokens"] == "required"
    assert template["MetadataOptions"]["InstanceMetadataTags"] == "enabled"
    assert template["IamInstanceProfile"]["Name"] == NAME
    assert "SecurityGroupIds" not in template


def test_the_user_data_is_the_identity_of_the_contract(aws: Any, run_module: Any) -> None:
    made = run_module("member", **OPTIONS)
    text = made["diff"]["after"][f"launch template {NAME}"]["UserData"]
    assert text.startswith("#cloud-config\n")
    (entry,) = yaml.safe_load(text)["write_files"]
    arn = aws("secretsmanager").describe_secret(SecretId=f"chatlift/{STACK}/redis")["ARN"]
    assert (entry["path"], entry["owner"], entry["permissions"]) == (
        "/etc/chatlift/instance.json",
        "root:root",
        "0640",
    )
    assert json.loads(entry["content"]) == {
        "format": 1,
        "stack": STACK,
        "region": REGION,
        "tier": "redis",
        "member": "redis-a1",
        "asg": NAME,
        "launch_hook": "chatlift-launch",
        "terminate_hook": "chatlift-terminate",
        "volume_id": made["volume_id"],
        "secret_arn": arn,
        **OPTIONS["settings"],
    }


def test_the_group_holds_one_instance_of_a_numbered_version(aws: Any, run_module: Any) -> None:
    run_module("member", **OPTIONS)
    group = _group(aws)
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == (1, 1, 1)
    assert group["LaunchTemplate"]["Version"] == "1"
    assert group["AvailabilityZones"] == [ZONES[0]]
    # There is one address and one volume.
    assert group["InstanceMaintenancePolicy"] == {
        "MinHealthyPercentage": 0,
        "MaxHealthyPercentage": 100,
    }


def test_a_hook_that_was_removed_comes_back(aws: Any, run_module: Any) -> None:
    run_module("member", **OPTIONS)
    client = aws("autoscaling")
    client.delete_lifecycle_hook(AutoScalingGroupName=NAME, LifecycleHookName="chatlift-launch")
    assert run_module("member", **OPTIONS)["changed"]
    hooks = client.describe_lifecycle_hooks(AutoScalingGroupName=NAME)["LifecycleHooks"]
    assert {hook["LifecycleHookName"]: hook["DefaultResult"] for hook in hooks} == {
        "chatlift-launch": "ABANDON",
        "chatlift-terminate": "CONTINUE",
    }


def test_a_new_image_makes_a_new_version_and_keeps_the_instance(aws: Any, run_module: Any) -> None:
    run_module("member", **OPTIONS)
    before = [one["InstanceId"] for one in _group(aws)["Instances"]]
    changed = run_module("member", **{**OPTIONS, "image_id": "ami-1e749f67"})
    assert sorted(changed["diff"]["after"]) == [f"group {NAME}", f"launch template {NAME}"]
    assert changed["launch_template_version"] == "2"
    assert _group(aws)["LaunchTemplate"]["Version"] == "2"
    assert [one["InstanceId"] for one in _group(aws)["Instances"]] == before


def test_going_back_takes_the_version_of_before(aws: Any, run_module: Any) -> None:
    run_module("member", **OPTIONS)
    run_module("member", **{**OPTIONS, "image_id": "ami-1e749f67"})
    back = run_module("member", **OPTIONS)
    assert back["launch_template_version"] == "1"
    assert _group(aws)["LaunchTemplate"]["Version"] == "1"


def test_without_an_image_the_newest_of_its_tier_is_taken(aws: Any, run_module: Any) -> None:
    options = {key: value for key, value in OPTIONS.items() if key != "image_id"}
    with pytest.raises(ModuleFailed, match=r"tag chatlift:image=redis\. Run playbooks/bake\.yml"):
        run_module("member", **options)
    ec2 = aws("ec2")
    instance = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]
    image = ec2.create_image(InstanceId=instance["InstanceId"], Name="redis-1")["ImageId"]
    ec2.create_tags(Resources=[image], Tags=[{"Key": "chatlift:image", "Value": "redis"}])
    assert run_module("member", **options)["image_id"] == image


def test_the_volume_grows_and_never_shrinks(aws: Any, run_module: Any) -> None:
    volume_id = run_module("member", **OPTIONS)["volume_id"]
    grown = run_module("member", **{**OPTIONS, "volume": {"size": 3}})
    assert grown["volume_id"] == volume_id
    assert aws("ec2").describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["Size"] == 3
    with pytest.raises(ModuleFailed, match="has 3 GiB and cannot shrink to 2 GiB"):
        run_module("member", **OPTIONS)


def test_type_and_speed_of_a_volume_change_in_use(aws: Any, run_module: Any) -> None:
    volume_id = run_module("member", **OPTIONS)["volume_id"]
    faster = {**OPTIONS, "volume": {"size": 2, "type": "io2", "iops": 4000}}
    changed = run_module("member", **faster)
    assert changed["diff"]["after"]["data volume of redis-a1"]["VolumeType"] == "io2"
    (volume,) = aws("ec2").describe_volumes(VolumeIds=[volume_id])["Volumes"]
    assert (volume["VolumeType"], volume["Iops"]) == ("io2", 4000)
    assert not run_module("member", **faster)["changed"]


@pytest.mark.parametrize(
    ("volume", "sentence"),
    [
        ({"type": "io2", "iops": 4000, "throughput": 125}, "type io2 has no throughput to set"),
        ({"type": "gp2", "iops": 3000}, "type gp2 has no IOPS to set"),
        ({"type": "io1"}, "type io1 needs its IOPS set"),
    ],
)
def test_settings_that_a_type_does_not_have_are_refused(
    run_module: Any, volume: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ModuleFailed, match=sentence):
        run_module("member", **{**OPTIONS, "volume": {"size": 2, **volume}})


@pytest.mark.parametrize("code", ["IncorrectModificationState", "VolumeModificationRateExceeded"])
def test_a_volume_changed_again_too_soon_says_so(
    run_module: Any, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    run_module("member", **OPTIONS)

    def refuse(*_: Any, **__: Any) -> None:
        raise EC2ClientError(code, "You've reached the maximum modification rate")

    monkeypatch.setattr(EBSBackend, "modify_volume", refuse)
    with pytest.raises(ModuleFailed, match=r"changed a short while ago.*Run this again then\."):
        run_module("member", **{**OPTIONS, "volume": {"size": 3}})


def test_a_change_that_aws_gives_up_is_reported(
    run_module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_module("member", **OPTIONS)
    monkeypatch.setattr(VolumeModification, "modification_state", "failed")
    with pytest.raises(ModuleFailed, match=r"AWS could not change the data volume vol-"):
        run_module("member", **{**OPTIONS, "volume": {"size": 3}})


def test_a_volume_that_is_not_encrypted_is_not_taken(aws: Any, run_module: Any) -> None:
    tags = {"chatlift:stack": STACK, "chatlift:member": "redis-a1"}
    aws("ec2").create_volume(
        AvailabilityZone=ZONES[0],
        Size=2,
        VolumeType="gp3",
        TagSpecifications=[
            {
                "ResourceType": "volume",
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
        ],
    )
    with pytest.raises(ModuleFailed, match="is not encrypted, and none can be once it is made"):
        run_module("member", **OPTIONS)


def test_lost_tags_of_volume_and_interface_come_back(aws: Any, run_module: Any) -> None:
    made = run_module("member", **OPTIONS)
    parts = [made["volume_id"], made["network_interface_id"]]
    aws("ec2").delete_tags(Resources=parts, Tags=[{"Key": "chatlift:tier"}])
    mended = run_module("member", **OPTIONS)
    assert mended["diff"]["after"] == {
        "tags of data volume of redis-a1": {"chatlift:tier": "redis"},
        "tags of network interface of redis-a1": {"chatlift:tier": "redis"},
    }
    assert not run_module("member", **OPTIONS)["changed"]


def test_an_address_never_changes(run_module: Any) -> None:
    run_module("member", **OPTIONS)
    with pytest.raises(ModuleFailed, match="an address never changes"):
        run_module("member", **{**OPTIONS, "address": "10.42.32.12"})


def test_a_second_volume_of_the_member_is_not_guessed_about(aws: Any, run_module: Any) -> None:
    run_module("member", **OPTIONS)
    tags = {"chatlift:stack": STACK, "chatlift:member": "redis-a1"}
    aws("ec2").create_volume(
        AvailabilityZone=ZONES[0],
        Size=2,
        TagSpecifications=[
            {
                "ResourceType": "volume",
                "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            }
        ],
    )
    with pytest.raises(ModuleFailed, match="There are 2 of the data volume of redis-a1"):
        run_module("member", **OPTIONS)


@pytest.mark.parametrize("name", ["redis-1", "kafka-a1", "redis-a0", "redis-e1"])
def test_a_wrong_name_is_refused_with_the_right_form(run_module: Any, name: str) -> None:
    with pytest.raises(ModuleFailed, match="such as redis-a1 or mysql-b1"):
        run_module("member", **{**OPTIONS, "name": name})


def test_a_missing_secret_names_the_playbook_that_makes_it(aws: Any, run_module: Any) -> None:
    aws("secretsmanager").delete_secret(
        SecretId=f"chatlift/{STACK}/redis", ForceDeleteWithoutRecovery=True
    )
    with pytest.raises(ModuleFailed, match=r"Run playbooks/secrets\.yml first"):
        run_module("member", **OPTIONS)


def test_check_mode_makes_nothing(aws: Any, run_module: Any) -> None:
    planned = run_module("member", check=True, **OPTIONS)
    assert planned["changed"]
    assert sorted(planned["diff"]["after"]) == [
        "data volume of redis-a1",
        f"group {NAME}",
        f"launch template {NAME}",
        f"metrics of group {NAME}",
        "network interface of redis-a1",
    ]
    assert not aws("ec2").describe_volumes(
        Filters=[{"Name": "tag:chatlift:stack", "Values": [STACK]}]
    )["Volumes"]
    assert not aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]


def test_absent_keeps_the_volume_and_present_takes_it_up_again(aws: Any, run_module: Any) -> None:
    volume_id = run_module("member", **OPTIONS)["volume_id"]
    assert run_module("member", **ABSENT)["changed"]
    assert not run_module("member", **ABSENT)["changed"]
    assert not aws("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    assert run_module("member", **OPTIONS)["volume_id"] == volume_id


def test_absent_deletes_the_volume_when_told(aws: Any, run_module: Any) -> None:
    volume_id = run_module("member", **OPTIONS)["volume_id"]
    run_module("member", delete_volume=True, **ABSENT)
    assert volume_id not in [v["VolumeId"] for v in aws("ec2").describe_volumes()["Volumes"]]


def _final_snapshots(aws: Any) -> list[dict[str, Any]]:
    final = [{"Name": "tag:chatlift:snapshot", "Values": ["final"]}]
    return list(aws("ec2").describe_snapshots(Filters=final)["Snapshots"])


def test_the_end_leaves_a_snapshot_for_each_life(aws: Any, run_module: Any) -> None:
    run_module("member", **OPTIONS)
    ended = run_module("member", **ABSENT)
    assert [one["SnapshotId"] for one in _final_snapshots(aws)] == [ended["snapshot_id"]]
    assert not run_module("member", **ABSENT)["changed"]
    run_module("member", **OPTIONS)
    assert not run_module("member", **OPTIONS)["changed"]
    run_module("member", **ABSENT, delete_volume=True)
    assert len(_final_snapshots(aws)) == 2


def test_the_end_without_a_snapshot(aws: Any, run_module: Any) -> None:
    run_module("member", **OPTIONS)
    assert run_module("member", **ABSENT, final_snapshot=False)["snapshot_id"] is None
    assert not _final_snapshots(aws)
