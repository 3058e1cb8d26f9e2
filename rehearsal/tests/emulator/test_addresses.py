"""Private addresses and network interfaces."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from chatlift_rehearsal.emulator.addresses import pick_address


def test_addresses_begin_with_the_fifth_and_skip_the_taken() -> None:
    assert pick_address("10.42.0.0/20", set()) == "10.42.0.4"
    assert pick_address("10.42.0.0/20", {"10.42.0.4", "10.42.0.5"}) == "10.42.0.6"


def test_freed_address_is_not_the_next_one_given() -> None:
    assert pick_address("10.42.0.0/29", {"10.42.0.4"}, last="10.42.0.5") == "10.42.0.6"
    assert pick_address("10.42.0.0/29", {"10.42.0.4"}, last="10.42.0.6") == "10.42.0.5"


def test_full_subnet_says_so() -> None:
    with pytest.raises(Exception, match="not enough free addresses"):
        pick_address("10.42.0.0/30", set())


def test_fixed_address_is_never_given_to_another(cloud: Any) -> None:
    _, subnets = cloud.network()
    cloud.ec2.create_network_interface(SubnetId=subnets[0], PrivateIpAddress="10.42.0.5")
    taken = [cloud.instance(cloud.run(SubnetId=subnets[0])).private_ip for _ in range(3)]
    assert taken == ["10.42.0.4", "10.42.0.6", "10.42.0.7"]
    with pytest.raises(ClientError, match=r"InvalidIPAddress\.InUse"):
        cloud.ec2.create_network_interface(SubnetId=subnets[0], PrivateIpAddress="10.42.0.5")


def test_address_outside_the_subnet_is_refused(cloud: Any) -> None:
    _, subnets = cloud.network()
    with pytest.raises(ClientError, match="does not fall within"):
        cloud.ec2.create_network_interface(SubnetId=subnets[0], PrivateIpAddress="10.42.16.5")


def test_interface_in_use_cannot_be_deleted(cloud: Any) -> None:
    _, subnets = cloud.network()
    cloud.run(SubnetId=subnets[0])
    eni = cloud.ec2.describe_network_interfaces()["NetworkInterfaces"][0]["NetworkInterfaceId"]
    with pytest.raises(ClientError, match=r"InvalidNetworkInterface\.InUse"):
        cloud.ec2.delete_network_interface(NetworkInterfaceId=eni)


def test_nat_gateway_has_an_address_of_its_subnet_and_its_tag_type(cloud: Any) -> None:
    _, subnets = cloud.network()
    gateway = cloud.ec2.create_nat_gateway(
        SubnetId=subnets[0],
        ConnectivityType="private",
        TagSpecifications=[{"ResourceType": "natgateway", "Tags": [{"Key": "a", "Value": "b"}]}],
    )["NatGateway"]
    assert gateway["NatGatewayAddresses"][0]["PrivateIp"] == "10.42.0.4"
    found = cloud.ec2.describe_tags(
        Filters=[{"Name": "resource-id", "Values": [gateway["NatGatewayId"]]}]
    )
    assert found["Tags"][0]["ResourceType"] == "natgateway"
