#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_roles
short_description: What the instances of each tier may do in AWS
version_added: 0.1.0
description:
  - Keeps for each tier of a stack an IAM role with one inline policy and an instance profile, all
    named C(chatlift-<stack>-<tier>).
  - The stock modules take three tasks a tier for it.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description: Whether the roles exist. V(absent) deletes those of every tier.
    type: str
    choices: [present, absent]
    default: present
  statements:
    description: >-
      The statements of each tier's policy, by the name of the tier. Required when O(state=present).
    type: dict
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be made or changed.
    support: full
  diff_mode:
    description: Shows each policy before and after.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Let application instances read their secret
  chatlift.aws.instance_roles:
    stack: demo
    statements:
      app:
        - Effect: Allow
          Action: secretsmanager:GetSecretValue
          Resource: arn:aws:secretsmanager:*:*:secret:chatlift/demo/app-??????
"""

RETURN = r"""
names:
  description: The roles' names by tier, which are also the instance profiles'.
  type: dict
  returned: always
"""

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import tag_list
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

POLICY = "member-agent"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "statements": {"type": "dict"},
}


class Roles:
    """The roles of a stack in IAM."""

    def __init__(self, client: Any, changes: Changes) -> None:
        self.client = client
        self.changes = changes

    def ensure(self, name: str, tags: dict[str, str], statements: list[dict[str, Any]]) -> None:
        self._ensure_role(name, tags)
        self._ensure_policy(name, {"Version": "2012-10-17", "Statement": statements})
        self._ensure_profile(name, tags)

    def delete(self, name: str) -> None:
        """Inline policies and profile first: IAM deletes only a role that has neither."""
        apply = self.changes.apply
        profile = self._profile(name)
        if profile is not None:
            what = f"instance profile {name}"
            for role in profile["Roles"]:
                apply(
                    f"role of {what}",
                    role["RoleName"],
                    None,
                    self.client.remove_role_from_instance_profile,
                    InstanceProfileName=name,
                    RoleName=role["RoleName"],
                )
            apply(
                what,
                "present",
                None,
                self.client.delete_instance_profile,
                InstanceProfileName=name,
            )
        if self._role(name) is not None:
            for policy in self.client.list_role_policies(RoleName=name)["PolicyNames"]:
                apply(
                    f"policy {policy} of {name}",
                    "present",
                    None,
                    self.client.delete_role_policy,
                    RoleName=name,
                    PolicyName=policy,
                )
            apply(f"role {name}", "present", None, self.client.delete_role, RoleName=name)

    def _ensure_role(self, name: str, tags: dict[str, str]) -> None:
        role = self._role(name)
        if role is None:
            self.changes.apply(
                f"role {name}",
                None,
                TRUST,
                self.client.create_role,
                RoleName=name,
                AssumeRolePolicyDocument=json.dumps(TRUST),
                Description=f"Instances of {name}",
                Tags=tag_list(tags),
            )
        elif role["AssumeRolePolicyDocument"] != TRUST:
            self.changes.apply(
                f"role {name}",
                role["AssumeRolePolicyDocument"],
                TRUST,
                self.client.update_assume_role_policy,
                RoleName=name,
                PolicyDocument=json.dumps(TRUST),
            )

    def _ensure_policy(self, name: str, wanted: dict[str, Any]) -> None:
        try:
            present = self.client.get_role_policy(RoleName=name, PolicyName=POLICY)
            before = present["PolicyDocument"]
        except self.client.exceptions.NoSuchEntityException:
            before = None
        if before != wanted:
            self.changes.apply(
                f"policy {POLICY} of {name}",
                before,
                wanted,
                self.client.put_role_policy,
                RoleName=name,
                PolicyName=POLICY,
                PolicyDocument=json.dumps(wanted),
            )

    def _ensure_profile(self, name: str, tags: dict[str, str]) -> None:
        profile = self._profile(name)
        if profile is None:
            self.changes.apply(
                f"instance profile {name}",
                None,
                "present",
                self.client.create_instance_profile,
                InstanceProfileName=name,
                Tags=tag_list(tags),
            )
            profile = {"Roles": []}
        if name not in [role["RoleName"] for role in profile["Roles"]]:
            self.changes.apply(
                f"role of instance profile {name}",
                None,
                name,
                self.client.add_role_to_instance_profile,
                InstanceProfileName=name,
                RoleName=name,
            )

    def _role(self, name: str) -> dict[str, Any] | None:
        try:
            return self.client.get_role(RoleName=name)["Role"]
        except self.client.exceptions.NoSuchEntityException:
            return None

    def _profile(self, name: str) -> dict[str, Any] | None:
        try:
            return self.client.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
        except self.client.exceptions.NoSuchEntityException:
            return None


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    stack = module.params["stack"]
    roles = Roles(module.client("iam"), changes)
    names = {tier: layout.resource_name(stack, tier) for tier in module.params["statements"]}
    for tier, statements in module.params["statements"].items():
        roles.ensure(names[tier], layout.tags(stack, names[tier], tier), statements)
    return {"names": names}


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    roles = Roles(module.client("iam"), changes)
    names = {tier: layout.resource_name(module.params["stack"], tier) for tier in layout.TIERS}
    for name in names.values():
        roles.delete(name)
    return {"names": names}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ["statements"])],
    )
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
