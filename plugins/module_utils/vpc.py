# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Making a stack's network: each part is found by its name, made if it is missing, and mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    at_most_one,
    of_stack,
    pages,
    tag_dict,
    tag_specification,
    wait_until,
)

ANYWHERE = "0.0.0.0/0"
NAT_TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Network:
    """The network as it is wanted."""

    stack: str
    region: str
    cidr: str
    zones: tuple[str, ...]
    nat_per_zone: bool

    @property
    def letters(self) -> str:
        return layout.LETTERS[: len(self.zones)]

    def name(self, part: str = "") -> str:
        return layout.resource_name(self.stack, part) if part else f"chatlift-{self.stack}"

    def specification(self, resource_type: str, part: str = "") -> list[dict[str, Any]]:
        tier = part.split("-")[0] if part.startswith("app") else None
        return tag_specification(resource_type, layout.tags(self.stack, self.name(part), tier))


def ensure(ec2: Any, changes: Changes, network: Network, wait: bool) -> dict[str, Any]:
    """Make the network; return the ids of the VPC and its owner, the subnets' ids by name, and
    whether it is ready: without ``wait``, no route leads to a NAT gateway that is pending."""
    vpc_id, owner = _vpc(ec2, changes, network)
    subnets = _subnets(ec2, changes, network, vpc_id)
    gateway = _internet_gateway(ec2, changes, network, vpc_id)
    nat = _nat_gateways(ec2, changes, network, subnets, wait)
    tables = _route_tables(ec2, changes, network, vpc_id)
    _route(ec2, changes, tables["edge"], "edge", {"GatewayId": gateway})
    _associate(
        ec2, changes, tables["edge"], "edge", [subnets[f"edge-{az}"] for az in network.letters]
    )
    for az in network.letters:
        table = tables[f"private-{az}"]
        if az in nat:
            _route(ec2, changes, table, f"private-{az}", {"NatGatewayId": nat[az]})
        _associate(
            ec2, changes, table, f"private-{az}", [subnets[f"app-{az}"], subnets[f"data-{az}"]]
        )
    _empty_default_security_group(ec2, changes, vpc_id)
    ready = sorted(nat) == sorted(network.letters)
    return {"vpc_id": vpc_id, "owner": owner, "subnets": subnets, "ready": ready}


def find(ec2: Any, stack: str) -> dict[str, Any] | None:
    found = ec2.describe_vpcs(Filters=of_stack(stack, tag_Name=f"chatlift-{stack}"))["Vpcs"]
    return at_most_one(found, f"the VPC chatlift-{stack}")


def _vpc(ec2: Any, changes: Changes, network: Network) -> tuple[str, str]:
    vpc = find(ec2, network.stack)
    if vpc is None:
        made = changes.apply(
            "VPC",
            None,
            {"CidrBlock": network.cidr},
            ec2.create_vpc,
            CidrBlock=network.cidr,
            TagSpecifications=network.specification("vpc"),
        )
        vpc = made.get("Vpc", {})
    elif vpc["CidrBlock"] != network.cidr:
        raise ChatliftError(
            f"The VPC {vpc['VpcId']} of the stack {network.stack} has the range {vpc['CidrBlock']},"
            f" which cannot change to {network.cidr}. Set chatlift_network_cidr to"
            f" {vpc['CidrBlock']}, or choose another chatlift_stack."
        )
    vpc_id = vpc.get("VpcId", UNKNOWN)
    # Support has to be on before host names can be.
    for attribute in ("enableDnsSupport", "enableDnsHostnames"):
        key = attribute[0].upper() + attribute[1:]
        on = (
            vpc_id != UNKNOWN
            and (ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=attribute)[key]["Value"])
        )
        if not on:
            changes.apply(
                f"VPC {attribute}",
                False,
                True,
                ec2.modify_vpc_attribute,
                VpcId=vpc_id,
                **{key: {"Value": True}},
            )
    return vpc_id, vpc.get("OwnerId", UNKNOWN)


def _subnets(ec2: Any, changes: Changes, network: Network, vpc_id: str) -> dict[str, str]:
    found = {tag_dict(one.get("Tags")).get("Name"): one for one in _in_vpc(ec2, vpc_id, "subnets")}
    zones = dict(zip(network.letters, network.zones, strict=True))
    result = {}
    for subnet in layout.plan_subnets(network.cidr, len(network.zones)):
        place = {"CidrBlock": subnet.cidr, "AvailabilityZone": zones[subnet.az]}
        current = found.get(network.name(subnet.name))
        if current is None:
            made = changes.apply(
                f"subnet {subnet.name}",
                None,
                place,
                ec2.create_subnet,
                VpcId=vpc_id,
                TagSpecifications=network.specification("subnet", subnet.name),
                **place,
            )
            result[subnet.name] = made.get("Subnet", {}).get("SubnetId", UNKNOWN)
            continue
        if {key: current[key] for key in place} != place:
            raise ChatliftError(
                f"The subnet {network.name(subnet.name)} is {current['CidrBlock']} in"
                f" {current['AvailabilityZone']} and cannot become {subnet.cidr} in"
                f" {zones[subnet.az]}. Keep the order of chatlift_availability_zones, and add new"
                f" zones at its end."
            )
        result[subnet.name] = current["SubnetId"]
        _keep_private(ec2, changes, subnet, current)
    return result


def _keep_private(ec2: Any, changes: Changes, subnet: layout.Subnet, current: Any) -> None:
    """Only the edge may have public addresses; a new subnet gives none out by itself."""
    if subnet.tier != "edge" and current.get("MapPublicIpOnLaunch"):
        changes.apply(
            f"public addresses in subnet {subnet.name}",
            True,
            False,
            ec2.modify_subnet_attribute,
            SubnetId=current["SubnetId"],
            MapPublicIpOnLaunch={"Value": False},
        )


def _internet_gateway(ec2: Any, changes: Changes, network: Network, vpc_id: str) -> str:
    found = ec2.describe_internet_gateways(
        Filters=of_stack(network.stack, tag_Name=network.name())
    )["InternetGateways"]
    gateway = at_most_one(found, f"the internet gateway {network.name()}")
    if gateway is None:
        made = changes.apply(
            "internet gateway",
            None,
            "present",
            ec2.create_internet_gateway,
            TagSpecifications=network.specification("internet-gateway"),
        )
        gateway = made.get("InternetGateway", {"InternetGatewayId": UNKNOWN})
    gateway_id: str = gateway["InternetGatewayId"]
    if vpc_id not in [one["VpcId"] for one in gateway.get("Attachments", [])]:
        changes.apply(
            "internet gateway's VPC",
            None,
            vpc_id,
            ec2.attach_internet_gateway,
            InternetGatewayId=gateway_id,
            VpcId=vpc_id,
        )
    return gateway_id


def _nat_gateways(
    ec2: Any, changes: Changes, network: Network, subnets: dict[str, str], wait: bool
) -> dict[str, str]:
    """The NAT gateway each zone uses, by the zone's letter; without ``wait``, those there are."""
    found = {
        tag_dict(one.get("Tags")).get("Name"): one
        for one in pages(
            ec2,
            "describe_nat_gateways",
            "NatGateways",
            Filters=of_stack(network.stack, state=["pending", "available"]),
        )
    }
    gateways = {
        az: found.get(network.name(f"nat-{az}"))
        or _create_nat_gateway(ec2, changes, network, f"nat-{az}", subnets[f"edge-{az}"])
        for az in (network.letters if network.nat_per_zone else network.letters[0])
    }
    if wait and not changes.check_mode:
        _await_nat_gateways(ec2, [one["NatGatewayId"] for one in gateways.values()])
    ids = {
        az: gateway["NatGatewayId"]
        for az, gateway in gateways.items()
        if wait or changes.check_mode or gateway["State"] == "available"
    }
    if network.nat_per_zone or not ids:
        return ids
    return dict.fromkeys(network.letters, ids[network.letters[0]])


def _create_nat_gateway(
    ec2: Any, changes: Changes, network: Network, part: str, subnet: str
) -> dict[str, Any]:
    addresses = ec2.describe_addresses(Filters=of_stack(network.stack, tag_Name=network.name(part)))
    address = next(iter(addresses["Addresses"]), None) or changes.apply(
        f"address of {part}",
        None,
        "present",
        ec2.allocate_address,
        Domain="vpc",
        TagSpecifications=network.specification("elastic-ip", part),
    )
    made = changes.apply(
        f"NAT gateway {part}",
        None,
        {"SubnetId": subnet},
        ec2.create_nat_gateway,
        SubnetId=subnet,
        AllocationId=address.get("AllocationId", UNKNOWN),
        TagSpecifications=network.specification("natgateway", part),
    )
    return made.get("NatGateway", {"NatGatewayId": UNKNOWN})


def _await_nat_gateways(ec2: Any, ids: list[str]) -> None:
    wait_until(
        lambda: ec2.describe_nat_gateways(NatGatewayIds=ids)["NatGateways"],
        lambda seen: {one["State"] for one in seen} == {"available"},
        what="the NAT gateways to be available",
        timeout=NAT_TIMEOUT_SECONDS,
        describe=lambda seen: {one["NatGatewayId"]: one["State"] for one in seen},
        link="NAT gateways",
        began=lambda seen: min(one["CreateTime"] for one in seen),
    )


def _route_tables(
    ec2: Any, changes: Changes, network: Network, vpc_id: str
) -> dict[str, dict[str, Any]]:
    """The route tables by part, each with its id, its default route and its subnets."""
    found = {
        tag_dict(one.get("Tags")).get("Name"): one for one in _in_vpc(ec2, vpc_id, "route_tables")
    }
    result = {}
    for part in ("edge", *(f"private-{az}" for az in network.letters)):
        table = found.get(network.name(part))
        if table is None:
            made = changes.apply(
                f"route table {part}",
                None,
                "present",
                ec2.create_route_table,
                VpcId=vpc_id,
                TagSpecifications=network.specification("route-table", part),
            )
            table = made.get("RouteTable", {})
        result[part] = {
            "id": table.get("RouteTableId", UNKNOWN),
            "subnets": [one.get("SubnetId") for one in table.get("Associations", [])],
            "route": next(
                (
                    route
                    for route in table.get("Routes", [])
                    if route.get("DestinationCidrBlock") == ANYWHERE
                ),
                None,
            ),
        }
    return result


def _route(
    ec2: Any, changes: Changes, table: dict[str, Any], part: str, target: dict[str, str]
) -> None:
    """Send everything that is not for the VPC to ``target``."""
    route = table["route"]
    before = route and {key: route.get(key) for key in target}
    if before != target:
        changes.apply(
            f"default route of {part}",
            before,
            target,
            ec2.replace_route if route else ec2.create_route,
            RouteTableId=table["id"],
            DestinationCidrBlock=ANYWHERE,
            **target,
        )


def _associate(
    ec2: Any, changes: Changes, table: dict[str, Any], part: str, subnets: list[str]
) -> None:
    for subnet in subnets:
        if subnet == UNKNOWN or subnet not in table["subnets"]:
            changes.apply(
                f"route table of {subnet}",
                None,
                part,
                ec2.associate_route_table,
                RouteTableId=table["id"],
                SubnetId=subnet,
            )


def _empty_default_security_group(ec2: Any, changes: Changes, vpc_id: str) -> None:
    for group in _in_vpc(ec2, vpc_id, "security_groups", group_name="default"):
        for key, revoke in (
            ("IpPermissions", ec2.revoke_security_group_ingress),
            ("IpPermissionsEgress", ec2.revoke_security_group_egress),
        ):
            if group[key]:
                changes.apply(
                    f"default security group's {key}",
                    group[key],
                    [],
                    revoke,
                    GroupId=group["GroupId"],
                    IpPermissions=group[key],
                )


def _in_vpc(ec2: Any, vpc_id: str, kind: str, **filters: str) -> list[dict[str, Any]]:
    """All resources of a kind (``subnets``, ``route_tables`` ...) in the VPC."""
    if vpc_id == UNKNOWN:
        return []
    key = "".join(word.capitalize() for word in kind.split("_"))
    wanted = {"vpc-id": vpc_id, **{name.replace("_", "-"): one for name, one in filters.items()}}
    return pages(
        ec2,
        f"describe_{kind}",
        key,
        Filters=[{"Name": name, "Values": [value]} for name, value in wanted.items()],
    )
