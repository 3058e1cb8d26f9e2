"""Teardown in the right order."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def group(cloud: Any, vpc: str, name: str) -> str:
    answer = cloud.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)
    return str(answer["GroupId"])


def test_subnet_with_an_interface_stays(cloud: Any) -> None:
    _, subnets = cloud.network()
    eni = cloud.ec2.create_network_interface(SubnetId=subnets[0])["NetworkInterface"]
    with pytest.raises(ClientError, match="DependencyViolation"):
        cloud.ec2.delete_subnet(SubnetId=subnets[0])
    cloud.ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"])
    cloud.ec2.delete_subnet(SubnetId=subnets[0])


def test_security_group_of_an_instance_stays_until_it_is_terminated(cloud: Any) -> None:
    vpc, subnets = cloud.network()
    app = group(cloud, vpc, "app")
    instance = cloud.run(SubnetId=subnets[0], SecurityGroupIds=[app])
    cloud.ec2.terminate_instances(InstanceIds=[instance])
    with pytest.raises(ClientError, match="DependencyViolation"):
        cloud.ec2.delete_security_group(GroupId=app)
    cloud.emulator.instance_stopped(instance)
    cloud.ec2.delete_security_group(GroupId=app)


def test_security_group_that_another_refers_to_stays(cloud: Any) -> None:
    vpc, _ = cloud.network()
    app, redis = group(cloud, vpc, "app"), group(cloud, vpc, "redis")
    rule = {
        "IpProtocol": "tcp",
        "FromPort": 6379,
        "ToPort": 6379,
        "UserIdGroupPairs": [{"GroupId": app}],
    }
    cloud.ec2.authorize_security_group_ingress(GroupId=redis, IpPermissions=[rule])
    with pytest.raises(ClientError, match="DependencyViolation"):
        cloud.ec2.delete_security_group(GroupId=app)
    cloud.ec2.delete_security_group(GroupId=redis)
    cloud.ec2.delete_security_group(GroupId=app)


def test_nat_gateway_gives_its_interface_back(cloud: Any) -> None:
    _, subnets = cloud.network()
    gateway = cloud.ec2.create_nat_gateway(SubnetId=subnets[0], ConnectivityType="private")
    cloud.ec2.delete_nat_gateway(NatGatewayId=gateway["NatGateway"]["NatGatewayId"])
    assert cloud.ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    cloud.ec2.delete_subnet(SubnetId=subnets[0])
