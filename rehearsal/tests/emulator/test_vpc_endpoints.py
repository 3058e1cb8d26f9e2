"""Interface endpoints have interfaces as AWS gives them."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from botocore.exceptions import ClientError


def test_an_endpoint_has_an_interface_in_each_subnet_and_its_groups(cloud: Any) -> None:
    ec2 = cloud.ec2
    vpc = ec2.create_vpc(CidrBlock="10.43.0.0/16")["Vpc"]["VpcId"]
    ranges = ("10.43.0.0/24", "10.43.1.0/24")
    first, second = (
        ec2.create_subnet(VpcId=vpc, CidrBlock=one)["Subnet"]["SubnetId"] for one in ranges
    )
    group = ec2.create_security_group(GroupName="e", Description="e", VpcId=vpc)["GroupId"]
    endpoint = ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=vpc,
        ServiceName="com.amazonaws.eu-central-1.logs",
        SubnetIds=[first],
        SecurityGroupIds=[group],
    )["VpcEndpoint"]["VpcEndpointId"]

    def interfaces() -> list[dict[str, Any]]:
        found = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]
        ids = found["NetworkInterfaceIds"]
        return list(ec2.describe_network_interfaces(NetworkInterfaceIds=ids)["NetworkInterfaces"])

    (interface,) = interfaces()
    assert ipaddress.ip_address(interface["PrivateIpAddress"]) in ipaddress.ip_network(ranges[0])
    assert [one["GroupId"] for one in interface["Groups"]] == [group]
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_security_group(GroupId=group)

    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSubnetIds=[second], RemoveSubnetIds=[first])
    assert [one["SubnetId"] for one in interfaces()] == [second]

    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=second)
