"""Instances and RunInstances."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


def interface(cloud: Any, subnet: str, address: str) -> Any:
    return cloud.ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=address)[
        "NetworkInterface"
    ]


def state_of_interface(cloud: Any, eni: str) -> str:
    answer = cloud.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])
    return str(answer["NetworkInterfaces"][0]["Status"])


def test_instance_is_pending_until_its_body_runs(cloud: Any, debian: Any) -> None:
    answer = cloud.ec2.run_instances(ImageId=debian.id, MinCount=1, MaxCount=1)
    instance = answer["Instances"][0]["InstanceId"]
    assert cloud.describe(instance)["State"]["Name"] == "pending"
    assert cloud.ec2.describe_instance_status()["InstanceStatuses"] == []
    cloud.emulator.instance_started(instance)
    status = cloud.ec2.describe_instance_status()["InstanceStatuses"][0]
    assert status["InstanceState"]["Name"] == "running"
    assert status["SystemStatus"]["Status"] == status["InstanceStatus"]["Status"] == "ok"


def test_stop_and_start_follow_the_body(cloud: Any) -> None:
    instance = cloud.run()
    cloud.ec2.stop_instances(InstanceIds=[instance])
    assert cloud.describe(instance)["State"]["Name"] == "stopping"
    cloud.emulator.instance_stopped(instance)
    assert cloud.describe(instance)["State"]["Name"] == "stopped"
    cloud.ec2.start_instances(InstanceIds=[instance])
    assert cloud.describe(instance)["State"]["Name"] == "pending"
    cloud.emulator.instance_started(instance)
    assert cloud.describe(instance)["State"]["Name"] == "running"


def test_terminated_instance_cannot_be_started(cloud: Any) -> None:
    instance = cloud.run()
    cloud.ec2.terminate_instances(InstanceIds=[instance])
    cloud.emulator.instance_stopped(instance)
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        cloud.ec2.start_instances(InstanceIds=[instance])


def test_termination_ends_when_the_body_is_gone_and_frees_the_interface(cloud: Any) -> None:
    _, subnets = cloud.network()
    eni = interface(cloud, subnets[1], "10.42.16.11")
    nic = {"DeviceIndex": 0, "NetworkInterfaceId": eni["NetworkInterfaceId"]}
    instance = cloud.run(NetworkInterfaces=[nic])
    seen = cloud.describe(instance)
    assert seen["PrivateIpAddress"] == "10.42.16.11"
    assert seen["Placement"]["AvailabilityZone"] == "eu-central-1b"
    assert cloud.instance(instance).mac == eni["MacAddress"]

    cloud.ec2.terminate_instances(InstanceIds=[instance])
    assert cloud.describe(instance)["State"]["Name"] == "shutting-down"
    assert state_of_interface(cloud, eni["NetworkInterfaceId"]) == "in-use"
    cloud.emulator.instance_stopped(instance)
    assert cloud.describe(instance)["State"]["Name"] == "terminated"
    assert state_of_interface(cloud, eni["NetworkInterfaceId"]) == "available"
    assert cloud.instances() == []


def test_interface_in_use_cannot_be_launched_with(cloud: Any) -> None:
    _, subnets = cloud.network()
    eni = interface(cloud, subnets[0], "10.42.0.11")["NetworkInterfaceId"]
    nic = {"DeviceIndex": 0, "NetworkInterfaceId": eni}
    cloud.run(NetworkInterfaces=[nic])
    with pytest.raises(ClientError, match=r"InvalidNetworkInterface\.InUse"):
        cloud.run(NetworkInterfaces=[nic])


def test_interface_made_by_a_launch_goes_with_the_instance(cloud: Any) -> None:
    _, subnets = cloud.network()
    instance = cloud.run(SubnetId=subnets[0])
    cloud.ec2.terminate_instances(InstanceIds=[instance])
    cloud.emulator.instance_stopped(instance)
    assert cloud.ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_max_count_is_launched(cloud: Any, debian: Any) -> None:
    answer = cloud.ec2.run_instances(ImageId=debian.id, MinCount=1, MaxCount=3)
    assert len(answer["Instances"]) == 3


def test_dead_host_fails_its_status_checks(cloud: Any) -> None:
    instance = cloud.run()
    cloud.emulator.instance_died(instance)
    status = cloud.ec2.describe_instance_status()["InstanceStatuses"][0]
    assert status["SystemStatus"]["Status"] == "impaired"


def test_host_that_never_started_is_terminated(cloud: Any, debian: Any) -> None:
    answer = cloud.ec2.run_instances(ImageId=debian.id, MinCount=1, MaxCount=1)
    instance = answer["Instances"][0]["InstanceId"]
    cloud.emulator.instance_died(instance)
    assert cloud.instance(instance).state == "shutting-down"
    assert cloud.describe(instance)["StateReason"]["Code"] == "Server.InternalError"


def test_launch_template_is_honoured_in_full(cloud: Any) -> None:
    _, subnets = cloud.network()
    iam = cloud.client("iam")
    iam.create_role(RoleName="app", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="app")
    iam.add_role_to_instance_profile(InstanceProfileName="app", RoleName="app")
    eni = interface(cloud, subnets[2], "10.42.32.21")["NetworkInterfaceId"]
    cloud.ec2.create_key_pair(KeyName="ops")
    cloud.template(
        "member",
        KeyName="ops",
        IamInstanceProfile={"Name": "app"},
        MetadataOptions={"HttpTokens": "required", "InstanceMetadataTags": "enabled"},
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": eni}],
        BlockDeviceMappings=[
            {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 12, "VolumeType": "gp3"}}
        ],
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "mysql-c1"}]},
            {"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "mysql-c1"}]},
        ],
    )
    answer = cloud.ec2.run_instances(
        LaunchTemplate={"LaunchTemplateName": "member", "Version": "1"}, MinCount=1, MaxCount=1
    )
    seen = cloud.describe(answer["Instances"][0]["InstanceId"])
    assert seen["InstanceType"] == "t3.small"
    assert seen["KeyName"] == "ops"
    assert seen["IamInstanceProfile"]["Arn"].endswith(":instance-profile/app")
    assert seen["MetadataOptions"]["HttpTokens"] == "required"
    assert seen["PrivateIpAddress"] == "10.42.32.21"
    assert seen["Placement"]["AvailabilityZone"] == "eu-central-1c"
    assert {"Key": "Name", "Value": "mysql-c1"} in seen["Tags"]
    volumes = cloud.ec2.describe_volumes()["Volumes"]
    assert [(v["Size"], v["Tags"][0]["Value"]) for v in volumes] == [(12, "mysql-c1")]


def test_request_wins_over_template(cloud: Any) -> None:
    cloud.template("web", MetadataOptions={"HttpTokens": "required"})
    instance = cloud.run(
        LaunchTemplate={"LaunchTemplateName": "web"},
        InstanceType="m7i.large",
        MetadataOptions={"HttpTokens": "optional"},
    )
    seen = cloud.describe(instance)
    assert seen["InstanceType"] == "m7i.large"
    assert seen["MetadataOptions"]["HttpTokens"] == "optional"


def test_unknown_instance_profile_is_refused(cloud: Any) -> None:
    cloud.template("web", IamInstanceProfile={"Name": "nobody"})
    with pytest.raises(ClientError, match="Invalid IAM Instance Profile"):
        cloud.run(LaunchTemplate={"LaunchTemplateName": "web"})
    assert cloud.instances() == []
