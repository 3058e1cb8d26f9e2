# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names and addresses, worked out from the inventory alone (docs/contracts.md).

Nothing here asks AWS: certificates, configuration and subnets agree because they all come from
these functions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network

LETTERS = "abcd"
TIERS = ("app", "redis", "mysql")
SUBNET_TIERS = ("edge", "app", "data")

STACK = re.compile(r"^[a-z][a-z0-9-]{0,15}$")
MEMBER = re.compile(r"^(?P<tier>redis|mysql)-(?P<az>[a-d])(?P<ordinal>[1-9])$")

# A member's place in the data subnet of its zone. AWS keeps the first four addresses.
FIRST_HOST = {"redis": 10, "mysql": 20}

# The VPC is cut into sixteen subnets, four a zone: edge, app, data and one kept free.
SUBNETS_A_ZONE = 4
NEW_BITS = 4


@dataclass(frozen=True)
class Subnet:
    """A subnet of the plan; ``az`` is the zone's letter and ``name`` is like ``data-a``."""

    tier: str
    az: str
    cidr: str

    @property
    def name(self) -> str:
        return f"{self.tier}-{self.az}"


@dataclass(frozen=True)
class Member:
    """A member as its name says: ``redis-a2`` is Redis, zone letter a, ordinal 2."""

    name: str
    tier: str
    az: str
    ordinal: int


def resource_name(stack: str, part: str) -> str:
    """The name of a stack's resource: ``chatlift-<stack>-<part>``."""
    return f"chatlift-{stack}-{part}"


def stack_name(stack: str) -> str:
    """The name of what a stack has one of: VPC, load balancer, dashboard."""
    return f"chatlift-{stack}"


def secret_name(stack: str, part: str) -> str:
    return f"chatlift/{stack}/{part}"


def bucket_name(stack: str, part: str, account: str, region: str) -> str:
    """The name of a stack's bucket, such as ``edge``. Buckets of all accounts share their names."""
    return f"chatlift-{stack}-{part}-{account}-{region}"


def log_group_name(stack: str, tier: str) -> str:
    """The CloudWatch Logs group of a tier's journals, to which the member agent writes too."""
    return f"/chatlift/{stack}/{tier}"


def tags(
    stack: str, name: str, tier: str | None = None, member: str | None = None
) -> dict[str, str]:
    """The tags every resource of a stack carries, by which it is found again."""
    wanted = {"Name": name, "chatlift:stack": stack}
    if tier:
        wanted["chatlift:tier"] = tier
    if member:
        wanted["chatlift:member"] = member
    return wanted


def parse_member(name: str) -> Member:
    """Read a member's name.

    Raises:
        ValueError: The name is not ``<tier>-<zone letter><ordinal>``.
    """
    match = MEMBER.match(name)
    if not match:
        raise ValueError(
            f"{name!r} is not a member's name. Write the tier, the letter of the availability zone"
            f" and an ordinal from 1 to 9, such as redis-a1 or mysql-b1."
        )
    return Member(name, match["tier"], match["az"], int(match["ordinal"]))


def plan_subnets(cidr: str, zones: int) -> list[Subnet]:
    """Cut the VPC's range into the subnets of ``zones`` availability zones."""
    blocks = list(IPv4Network(cidr).subnets(prefixlen_diff=NEW_BITS))
    return [
        Subnet(tier, az, str(blocks[index * SUBNETS_A_ZONE + place]))
        for index, az in enumerate(LETTERS[:zones])
        for place, tier in enumerate(SUBNET_TIERS)
    ]


def member_address(name: str, cidr: str) -> str:
    """The fixed private address of a member in a VPC of the range ``cidr``."""
    member = parse_member(name)
    zones = LETTERS.index(member.az) + 1
    subnet = next(s for s in plan_subnets(cidr, zones) if s.name == f"data-{member.az}")
    return str(IPv4Network(subnet.cidr)[FIRST_HOST[member.tier] + member.ordinal])


def member_zone(name: str, zones: list[str]) -> str:
    """The availability zone of a member, from the zones in the order of their letters."""
    index = LETTERS.index(parse_member(name).az)
    if index >= len(zones):
        raise ValueError(
            f"The member {name} is in zone {LETTERS[index]!r}, but chatlift_availability_zones"
            f" names {len(zones)} zones only."
        )
    return zones[index]


def members(names: list[str], cidr: str) -> list[dict[str, str]]:
    """The members as an instance is told of them: name, zone letter and address."""
    return [
        {"name": name, "az": parse_member(name).az, "address": member_address(name, cidr)}
        for name in sorted(names)
    ]
