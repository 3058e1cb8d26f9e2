# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks of what was asked for, before anything is changed.

Every check yields sentences: what is wrong, where, and what to write instead.
"""

from __future__ import annotations

import re
from collections import Counter
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Iterator

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import ChatliftError
from ansible_collections.chatlift.aws.plugins.plugin_utils import packer

# A /16 is the largest VPC; in a /20 every subnet is a /24.
# https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
LARGEST_PREFIX, SMALLEST_PREFIX = 16, 20

# The oldest that Debian 13's Python 3.13 runs.
PIP_OLDEST = "23.2"

# Three masters need three replicas, and a vote of three masters survives one.
REDIS_FEWEST = 6
# https://dev.mysql.com/doc/refman/8.4/en/group-replication-limitations.html
MYSQL_FEWEST, MYSQL_MOST = 3, 9


def check_stack(stack: str) -> Iterator[str]:
    if not layout.STACK.match(stack):
        yield (
            f"chatlift_stack is {stack!r}. Write 1 to 16 lower-case letters, digits or hyphens,"
            f" beginning with a letter, such as prod."
        )


def check_cidr(cidr: str) -> Iterator[str]:
    form = "Write a private range from a /16 to a /20, such as 10.42.0.0/16."
    try:
        network = IPv4Network(cidr)
    except ValueError as error:
        yield f"chatlift_network_cidr is {cidr!r}, which is no IPv4 range: {error}. {form}"
        return
    if network.prefixlen > SMALLEST_PREFIX:
        yield (
            f"chatlift_network_cidr is {cidr}, which is too small: a /{network.prefixlen} has"
            f" {network.num_addresses} addresses and the subnets of a stack need 4096. {form}"
        )
    elif network.prefixlen < LARGEST_PREFIX:
        yield f"chatlift_network_cidr is {cidr}, which is larger than a VPC can be. {form}"


def check_zones(zones: list[str], region: str) -> Iterator[str]:
    form = (
        f"Write three or four zones of the region, in the order of the letters of the members'"
        f" names, such as [{region}a, {region}b, {region}c]."
    )
    if len(set(zones)) != len(zones):
        yield f"chatlift_availability_zones names a zone twice: {', '.join(zones)}. {form}"
    elif len(zones) < 3:
        yield (
            f"chatlift_availability_zones has {len(zones)} of the three zones that a majority needs"
            f" to survive the loss of one. {form}"
        )
    elif len(zones) > len(layout.LETTERS):
        yield f"chatlift_availability_zones has {len(zones)} zones. {form}"
    strangers = [zone for zone in zones if not zone.startswith(region)]
    if strangers:
        yield (
            f"chatlift_availability_zones names {', '.join(strangers)}, which is not in the region"
            f" {region} (chatlift_region). {form}"
        )


def check_application(directory: str) -> Iterator[str]:
    path = Path(directory).expanduser()
    if not path.is_dir():
        yield (
            f"chatlift_app_dir is {directory!r}, and there is no such directory. Write the path of"
            f" the application's backend on this machine."
        )
    elif not (path / "package.json").is_file():
        yield (
            f"chatlift_app_dir is {directory!r}, and that directory has no package.json. Write the"
            f" directory of a Node.js application, the one that holds its package.json."
        )


def check_packer(executable: str) -> Iterator[str]:
    try:
        packer.check_version(executable)
    except ChatliftError as error:
        yield str(error)


def check_pip(python: str) -> Iterator[str]:
    """The pip of the Python that Ansible runs in: bakes of the image ``node`` take it along."""
    mend = f"Run {python} -m ensurepip, then {python} -m pip install 'pip>={PIP_OLDEST}'."
    try:
        found = version("pip")
    except PackageNotFoundError:
        yield f"{python}, in which ansible-playbook runs, lacks pip, which bakes take along. {mend}"
        return
    if tuple(map(int, re.findall(r"\d+", found)[:2])) < tuple(map(int, PIP_OLDEST.split("."))):
        yield (
            f"{python}, in which ansible-playbook runs, has pip {found}, which the Python of the"
            f" images cannot run. {mend}"
        )


def check_members(tier: str, names: list[str], zones: int) -> Iterator[str]:
    """The names of a tier's members, their number, and how they spread over the zones."""
    members = []
    for name in names:
        try:
            member = layout.parse_member(name)
        except ValueError as error:
            yield f"In the inventory's group {tier}: {error}"
            continue
        if member.tier != tier:
            yield f"The inventory's group {tier} holds {name}. Move it to the group {member.tier}."
        elif member.az not in layout.LETTERS[:zones]:
            yield (
                f"The member {name} is in zone {member.az!r}, but chatlift_availability_zones names"
                f" {zones} zones. Use the letters {', '.join(layout.LETTERS[:zones])}."
            )
        else:
            members.append(member)
    if len(members) == len(names):
        yield from _check_spread(tier, Counter(member.az for member in members))


def _check_spread(tier: str, per_zone: Counter[str]) -> Iterator[str]:
    total = sum(per_zone.values())
    shown = ", ".join(f"{count} in {az}" for az, count in sorted(per_zone.items())) or "none"
    if tier == "redis":
        if total < REDIS_FEWEST or total % 2:
            yield (
                f"The inventory's group redis has {total} members ({shown}). Name an even number,"
                f" at least {REDIS_FEWEST}: a master and a replica for each of three shards."
            )
        # With a third in each zone, a shard's replica is elsewhere and most masters survive.
        most = -(-total // 3)
        why = "the loss of a zone would take a master with its replica, or most masters"
    else:
        if not MYSQL_FEWEST <= total <= MYSQL_MOST or not total % 2:
            yield (
                f"The inventory's group mysql has {total} members ({shown}). Name an odd number"
                f" from {MYSQL_FEWEST} to {MYSQL_MOST}, so that there is always a majority."
            )
        most = (total - 1) // 2
        why = "the loss of a zone would take the majority"
    crowded = [az for az, count in sorted(per_zone.items()) if count > most]
    if crowded:
        yield (
            f"The inventory's group {tier} has {shown}: {why}. Put at most {most} of {total} in one"
            f" zone."
        )


def check_variables(names: set[str], known: set[str], roles: set[str]) -> Iterator[str]:
    """Variables that look like ours and that no role knows: a typing error stays without effect."""
    ours = tuple(f"{role}_" for role in {*roles, "chatlift"})
    for name in sorted(names):
        if name.startswith(ours) and name not in known:
            closest = get_close_matches(name, sorted(known), n=1)
            hint = f"Did you mean {closest[0]}?" if closest else "Remove it."
            yield f"The variable {name} is known to no role. {hint}"


def check_value(name: str, value: Any, specification: dict[str, Any]) -> Iterator[str]:
    """A variable whose value is none of those that its role's specification allows."""
    checked = ArgumentSpecValidator({name: specification}).validate({name: value})
    for said in checked.error_messages:
        yield f"{said[0].upper()}{said[1:]}"
