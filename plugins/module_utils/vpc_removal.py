# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Taking a stack's network away, in the order in which its parts depend on each other.

Works on what is there: a network of which only a part was ever made goes as well.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    delete_when_free,
    of_stack,
    pages,
    tag_dict,
    wait_until,
)


def delete(ec2: Any, changes: Changes, stack: str, timeout: float) -> None:
    """Delete everything of the network that carries the stack's tag."""
    _delete_endpoints(ec2, changes, stack)
    _delete_nat_gateways(ec2, changes, stack, timeout)
    remove = partial(_remove_all, ec2, changes, stack, timeout)
    remove("describe_addresses", "Addresses", "AllocationId", ec2.release_address)
    _detach_internet_gateways(ec2, changes, stack, timeout)
    remove(
        "describe_internet_gateways",
        "InternetGateways",
        "InternetGatewayId",
        ec2.delete_internet_gateway,
    )
    _disassociate_route_tables(ec2, changes, stack)
    remove("describe_subnets", "Subnets", "SubnetId", ec2.delete_subnet)
    remove("describe_route_tables", "RouteTables", "RouteTableId", ec2.delete_route_table)
    remove("describe_vpcs", "Vpcs", "VpcId", ec2.delete_vpc)


def _remove_all(
    ec2: Any,
    changes: Changes,
    stack: str,
    timeout: float,
    describe: str,
    key: str,
    id_key: str,
    call: Any,
) -> None:
    for one in getattr(ec2, describe)(Filters=of_stack(stack))[key]:
        name = tag_dict(one.get("Tags")).get("Name", one[id_key])
        changes.apply(
            f"{id_key.removesuffix('Id')} {name}",
            one[id_key],
            None,
            delete_when_free,
            call=call,
            what=f"{one[id_key]} ({name})",
            timeout=timeout,
            **{id_key: one[id_key]},
        )


def _delete_endpoints(ec2: Any, changes: Changes, stack: str) -> None:
    found = ec2.describe_vpc_endpoints(Filters=of_stack(stack))["VpcEndpoints"]
    ids = [one["VpcEndpointId"] for one in found if one.get("State") not in ("deleting", "deleted")]
    if ids:
        changes.apply("VPC endpoints", ids, None, ec2.delete_vpc_endpoints, VpcEndpointIds=ids)


def _delete_nat_gateways(ec2: Any, changes: Changes, stack: str, timeout: float) -> None:
    """Their addresses can be released only once they are gone."""
    alive = of_stack(stack, state=["pending", "available", "deleting"])
    found = pages(ec2, "describe_nat_gateways", "NatGateways", Filters=alive)
    for one in found:
        if one["State"] != "deleting":
            changes.apply(
                f"NAT gateway {one['NatGatewayId']}",
                one["State"],
                None,
                ec2.delete_nat_gateway,
                NatGatewayId=one["NatGatewayId"],
            )
    if found and not changes.check_mode:
        wait_until(
            lambda: pages(ec2, "describe_nat_gateways", "NatGateways", Filters=alive),
            lambda left: not left,
            what="the NAT gateways to be deleted",
            timeout=timeout,
            describe=lambda left: {one["NatGatewayId"]: one["State"] for one in left},
        )


def _detach_internet_gateways(ec2: Any, changes: Changes, stack: str, timeout: float) -> None:
    """Refused while a public address, such as a load balancer's, is still mapped in the VPC."""
    for gateway in ec2.describe_internet_gateways(Filters=of_stack(stack))["InternetGateways"]:
        for attachment in gateway["Attachments"]:
            changes.apply(
                f"internet gateway's VPC {attachment['VpcId']}",
                attachment["VpcId"],
                None,
                delete_when_free,
                call=ec2.detach_internet_gateway,
                what=f"the internet gateway {gateway['InternetGatewayId']}",
                timeout=timeout,
                InternetGatewayId=gateway["InternetGatewayId"],
                VpcId=attachment["VpcId"],
            )


def _disassociate_route_tables(ec2: Any, changes: Changes, stack: str) -> None:
    for table in ec2.describe_route_tables(Filters=of_stack(stack))["RouteTables"]:
        for association in table["Associations"]:
            changes.apply(
                f"route table of {association['SubnetId']}",
                table["RouteTableId"],
                None,
                ec2.disassociate_route_table,
                AssociationId=association["RouteTableAssociationId"],
            )
