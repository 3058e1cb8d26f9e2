# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The network interface of a member: it holds the member's fixed address between instances."""

from __future__ import annotations

from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    at_most_one,
    delete_when_free,
    mend_tags,
    of_stack,
    tag_specification,
)


def find(ec2: Any, stack: str, member: str) -> dict[str, Any] | None:
    found = ec2.describe_network_interfaces(
        Filters=[*of_stack(stack), {"Name": "tag:chatlift:member", "Values": [member]}]
    )["NetworkInterfaces"]
    return at_most_one(found, f"the network interface of {member} in the stack {stack}")


def ensure(
    ec2: Any,
    changes: Changes,
    stack: str,
    member: str,
    *,
    address: str,
    subnet_id: str,
    group_id: str,
    tags: dict[str, str],
) -> str:
    """Make sure that the member has its interface and address, and return the interface's id."""
    what = f"network interface of {member}"
    interface = find(ec2, stack, member)
    if interface is None:
        request = {
            "SubnetId": subnet_id,
            "PrivateIpAddress": address,
            "Groups": [group_id],
            "Description": f"The fixed address of {tags['Name']}",
        }
        made = changes.apply(
            what,
            None,
            request,
            ec2.create_network_interface,
            TagSpecifications=tag_specification("network-interface", tags),
            **request,
        )
        return str(made.get("NetworkInterface", {}).get("NetworkInterfaceId", UNKNOWN))

    interface_id: str = interface["NetworkInterfaceId"]
    place = (interface["SubnetId"], interface["PrivateIpAddress"])
    if place != (subnet_id, address):
        raise ChatliftError(
            f"The network interface {interface_id} of {member} has the address {place[1]} in"
            f" {place[0]}, not {address} in {subnet_id}, and an address never changes. Restore"
            f" chatlift_network_cidr and the member's name, or destroy the member first."
        )
    groups = [group["GroupId"] for group in interface["Groups"]]
    if groups != [group_id]:
        changes.apply(
            what,
            {"Groups": groups},
            {"Groups": [group_id]},
            ec2.modify_network_interface_attribute,
            NetworkInterfaceId=interface_id,
            Groups=[group_id],
        )
    mend_tags(ec2, changes, what, interface_id, interface.get("TagSet"), tags)
    return interface_id


def delete(ec2: Any, changes: Changes, stack: str, member: str) -> None:
    interface = find(ec2, stack, member)
    if interface is not None:
        changes.apply(
            f"network interface of {member}",
            {"PrivateIpAddress": interface["PrivateIpAddress"]},
            None,
            delete_when_free,
            call=ec2.delete_network_interface,
            what=f"the network interface {interface['NetworkInterfaceId']} of {member}",
            NetworkInterfaceId=interface["NetworkInterfaceId"],
        )
