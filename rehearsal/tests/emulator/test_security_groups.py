"""Security groups of the emulated API, as the machine is told of them."""

from __future__ import annotations

from typing import Any

from chatlift_rehearsal.model import SecurityRuleView
from chatlift_rehearsal.settings import EDGE_NETWORK


def _group(cloud: Any, group_id: str) -> Any:
    return next(one for one in cloud.emulator.view().security_groups if one.id == group_id)


def _default_group(cloud: Any) -> str:
    vpc = cloud.ec2.create_vpc(CidrBlock="10.43.0.0/16")["Vpc"]["VpcId"]
    (found,) = cloud.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])[
        "SecurityGroups"
    ]
    return str(found["GroupId"])


def test_the_default_group_lets_in_its_own_members_and_everything_out(cloud: Any) -> None:
    group = _group(cloud, _default_group(cloud))
    assert group.ingress == (SecurityRuleView("-1", None, group.id),)
    assert group.egress == (SecurityRuleView("-1", None, "0.0.0.0/0"),)


def test_rules_name_ranges_groups_and_prefix_lists(cloud: Any) -> None:
    group_id = _default_group(cloud)
    (edge,) = cloud.ec2.describe_managed_prefix_lists(
        Filters=[
            {
                "Name": "prefix-list-name",
                "Values": ["com.amazonaws.global.cloudfront.origin-facing"],
            }
        ]
    )["PrefixLists"]
    cloud.ec2.authorize_security_group_ingress(
        GroupId=group_id,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 443,
                "ToPort": 444,
                "PrefixListIds": [{"PrefixListId": edge["PrefixListId"]}],
            },
            {
                "IpProtocol": "udp",
                "FromPort": 53,
                "ToPort": 53,
                "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
            },
        ],
    )
    view = cloud.emulator.view()
    assert set(_group(cloud, group_id).ingress) == {
        SecurityRuleView("-1", None, group_id),
        SecurityRuleView("tcp", (443, 444), edge["PrefixListId"]),
        SecurityRuleView("udp", (53, 53), "10.0.0.0/8"),
    }
    lists = {one.id: one.ranges for one in view.prefix_lists}
    assert lists[edge["PrefixListId"]] == (EDGE_NETWORK,)


def test_interfaces_come_with_their_groups_and_follow_changes(cloud: Any) -> None:
    group_id = _default_group(cloud)
    vpc = cloud.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]["VpcId"]
    subnet = cloud.ec2.create_subnet(VpcId=vpc, CidrBlock="10.43.0.0/24")["Subnet"]["SubnetId"]
    eni = cloud.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    other = cloud.ec2.create_security_group(GroupName="o", Description="o", VpcId=vpc)["GroupId"]

    def groups() -> tuple[str, ...]:
        return next(
            one.groups
            for one in cloud.emulator.view().interfaces
            if one.address == eni["PrivateIpAddress"]
        )

    assert groups() == (group_id,)
    cloud.ec2.modify_network_interface_attribute(
        NetworkInterfaceId=eni["NetworkInterfaceId"], Groups=[other]
    )
    assert groups() == (other,)
