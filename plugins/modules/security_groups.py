#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: security_groups
short_description: The security groups of a stack, which may name each other
version_added: 0.1.0
description:
  - Makes all security groups of a stack, then gives each exactly the incoming rules it is to have.
    A rule that is not listed is revoked. Outgoing traffic stays open.
  - Groups that name each other, as tiers do, are one call.
options:
  stack:
    description: Name of the stack. Its VPC, C(chatlift-<stack>), must exist.
    type: str
    required: true
  state:
    description: Whether the groups exist. V(absent) deletes every group tagged with the stack.
    type: str
    choices: [present, absent]
    default: present
  groups:
    description: The groups by name. A group is named C(chatlift-<stack>-<name>).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the group, such as C(redis).
        type: str
        required: true
      description:
        description: What the group is for. It cannot be changed later.
        type: str
        required: true
      rules:
        description: Who may connect where, over TCP.
        type: list
        elements: dict
        required: true
        suboptions:
          port:
            description: The port.
            type: int
            required: true
          groups:
            description: Groups of this stack, by the names used here, that may connect.
            type: list
            elements: str
            default: []
          cidrs:
            description: IPv4 ranges that may connect.
            type: list
            elements: str
            default: []
          prefix_lists:
            description: >-
              Names of managed prefix lists whose addresses may connect, such as
              C(com.amazonaws.global.cloudfront.origin-facing). Each address a list may have counts
              as a rule (55 for this one), of the 60 that a group may have.
            type: list
            elements: str
            default: []
  delete_timeout:
    description: Seconds to wait until nothing uses a group when O(state=absent).
    type: int
    default: 600
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be made or changed.
    support: full
  diff_mode:
    description: Shows the rules of each group before and after.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Let the application reach Redis, and Redis itself
  chatlift.aws.security_groups:
    stack: demo
    groups:
      - name: app
        description: Application instances
        rules: []
      - name: redis
        description: Redis members
        rules:
          - {port: 6379, groups: [app, redis]}
"""

RETURN = r"""
group_ids:
  description: The groups' ids by name.
  type: dict
  returned: when present
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import layout, vpc
from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    delete_when_free,
    filters,
    of_stack,
    pages,
    required,
    tag_dict,
    tag_specification,
)
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

RULE_OPTIONS = {
    "port": {"type": "int", "required": True},
    "groups": {"type": "list", "elements": "str", "default": []},
    "cidrs": {"type": "list", "elements": "str", "default": []},
    "prefix_lists": {"type": "list", "elements": "str", "default": []},
}
GROUP_OPTIONS = {
    "name": {"type": "str", "required": True},
    "description": {"type": "str", "required": True},
    "rules": {"type": "list", "elements": "dict", "required": True, "options": RULE_OPTIONS},
}
ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "groups": {"type": "list", "elements": "dict", "default": [], "options": GROUP_OPTIONS},
    "delete_timeout": {"type": "int", "default": 600},
}

# (protocol, first port, last port, range or id of a group or prefix list)
Rule = tuple


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    ec2 = module.client("ec2")
    stack = module.params["stack"]
    found = {tag_dict(one.get("Tags"))["Name"]: one for one in _find(ec2, stack)}
    prefix_lists = _prefix_lists(ec2, module.params["groups"])
    ids = {}
    for group in module.params["groups"]:
        current = found.get(layout.resource_name(stack, group["name"]))
        ids[group["name"]] = current["GroupId"] if current else _create(ec2, changes, stack, group)
    for group in module.params["groups"]:
        current = found.get(layout.resource_name(stack, group["name"]), {})
        _set_rules(
            ec2,
            changes,
            group["name"],
            ids[group["name"]],
            _rules(current.get("IpPermissions", [])),
            _wanted_rules(group, ids, prefix_lists),
        )
    return {"group_ids": ids}


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    """Rules first: a group that another one names cannot be deleted."""
    ec2 = module.client("ec2")
    found = _find(ec2, module.params["stack"])
    for group in found:
        name = group["GroupName"]
        _set_rules(ec2, changes, name, group["GroupId"], _rules(group["IpPermissions"]), set())
    for group in found:
        changes.apply(
            f"security group {group['GroupName']}",
            "present",
            None,
            delete_when_free,
            call=ec2.delete_security_group,
            what=f"the security group {group['GroupName']}",
            timeout=module.params["delete_timeout"],
            GroupId=group["GroupId"],
        )
    return {}


def _find(ec2: Any, stack: str) -> list[dict[str, Any]]:
    return pages(ec2, "describe_security_groups", "SecurityGroups", Filters=of_stack(stack))


def _create(ec2: Any, changes: Changes, stack: str, group: dict[str, Any]) -> str:
    name = layout.resource_name(stack, group["name"])
    network = vpc.find(ec2, stack) or {}
    vpc_id = required(
        changes, network.get("VpcId"), f"VPC chatlift-{stack}", "Run playbooks/network.yml first."
    )
    tier = group["name"] if group["name"] in layout.TIERS else None
    return changes.apply(
        f"security group {group['name']}",
        None,
        group["description"],
        ec2.create_security_group,
        GroupName=name,
        Description=group["description"],
        VpcId=vpc_id,
        TagSpecifications=tag_specification("security-group", layout.tags(stack, name, tier)),
    ).get("GroupId", UNKNOWN)


def _prefix_lists(ec2: Any, groups: list[dict[str, Any]]) -> dict[str, str]:
    """The ids of the managed prefix lists that rules name, by their names."""
    wanted = {name for group in groups for rule in group["rules"] for name in rule["prefix_lists"]}
    if not wanted:
        return {}
    found = pages(
        ec2,
        "describe_managed_prefix_lists",
        "PrefixLists",
        Filters=filters(prefix_list_name=sorted(wanted)),
    )
    ids = {one["PrefixListName"]: one["PrefixListId"] for one in found}
    if missing := sorted(wanted - set(ids)):
        raise ChatliftError(
            f"The region has no managed prefix list {', '.join(missing)}. Choose a region that has"
            f" it, or name the addresses in cidrs."
        )
    return ids


def _wanted_rules(
    group: dict[str, Any], ids: dict[str, str], prefix_lists: dict[str, str]
) -> set[Rule]:
    wanted: set[Rule] = set()
    for rule in group["rules"]:
        strangers = sorted(set(rule["groups"]) - set(ids))
        if strangers:
            raise ChatliftError(
                f"The security group {group['name']} lets {', '.join(strangers)} connect to port"
                f" {rule['port']}, but groups has no such name. Name one of {', '.join(ids)}."
            )
        sources = [
            *(ids[name] for name in rule["groups"]),
            *rule["cidrs"],
            *(prefix_lists[name] for name in rule["prefix_lists"]),
        ]
        wanted |= {("tcp", rule["port"], rule["port"], source) for source in sources}
    return wanted


def _rules(permissions: list[dict[str, Any]]) -> set[Rule]:
    """One rule for each source of each permission, as the API lists them."""
    return {
        (one["IpProtocol"], one.get("FromPort"), one.get("ToPort"), source)
        for one in permissions
        for source in (
            *(pair["GroupId"] for pair in one.get("UserIdGroupPairs", [])),
            *(block["CidrIp"] for block in one.get("IpRanges", [])),
            *(block["CidrIpv6"] for block in one.get("Ipv6Ranges", [])),
            *(prefixes["PrefixListId"] for prefixes in one.get("PrefixListIds", [])),
        )
    }


def _set_rules(
    ec2: Any, changes: Changes, name: str, group_id: str, before: set[Rule], wanted: set[Rule]
) -> None:
    """New rules come before old ones go, so that no connection is refused in between."""
    shown = {"before": _readable(before), "after": _readable(wanted)}
    for rules, call in (
        (wanted - before, ec2.authorize_security_group_ingress),
        (before - wanted, ec2.revoke_security_group_ingress),
    ):
        if rules:
            changes.apply(
                f"rules of security group {name}",
                shown["before"],
                shown["after"],
                call,
                GroupId=group_id,
                IpPermissions=[_permission(rule) for rule in sorted(rules, key=str)],
            )


def _permission(rule: Rule) -> dict[str, Any]:
    protocol, first, last, source = rule
    permission: dict[str, Any] = {"IpProtocol": protocol}
    if first is not None:
        permission |= {"FromPort": first, "ToPort": last}
    if source.startswith("sg-"):
        return {**permission, "UserIdGroupPairs": [{"GroupId": source}]}
    if source.startswith("pl-"):
        return {**permission, "PrefixListIds": [{"PrefixListId": source}]}
    if ":" in source:
        return {**permission, "Ipv6Ranges": [{"CidrIpv6": source}]}
    return {**permission, "IpRanges": [{"CidrIp": source}]}


def _readable(rules: set[Rule]) -> list[str]:
    return sorted(
        f"{protocol} {first}-{last} from {source}" for protocol, first, last, source in rules
    )


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
