#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_roles
short_description: What the instances of a stack may do in AWS
version_added: 0.1.0
description:
  - Keeps an IAM role with one inline policy and an instance profile for the app tier and for each
    member, named C(chatlift-<stack>-app) and C(chatlift-<stack>-<member>), at the path
    C(/chatlift/<stack>/).
  - A role that is not listed stays, because an instance may still use it.
  - The stock modules take three tasks a role for it.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description: Whether the roles exist. V(absent) deletes every role at the stack's path.
    type: str
    choices: [present, absent]
    default: present
  statements:
    description: >-
      The statements of each role's policy, by C(app) or the name of the member. Required when
      O(state=present).
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
  description: The roles' names, which are also the instance profiles', by what they are for.
  type: dict
  returned: when present
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.roles import Roles, trust
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

POLICY = "member-agent"
TRUSTED = trust("ec2.amazonaws.com")

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "statements": {"type": "dict"},
}


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    stack = module.params["stack"]
    roles = Roles(module.client("iam"), changes, stack)
    names = {part: layout.resource_name(stack, part) for part in module.params["statements"]}
    for part, statements in module.params["statements"].items():
        tags = _tags(stack, names[part], part)
        roles.ensure(
            names[part],
            tags,
            policy=POLICY,
            statements=statements,
            trusted=TRUSTED,
            description=f"Instances of {names[part]}",
        )
        roles.ensure_profile(names[part], tags)
    return {"names": names}


def _tags(stack: str, name: str, part: str) -> dict[str, str]:
    if part in layout.TIERS:
        return layout.tags(stack, name, part)
    return layout.tags(stack, name, layout.parse_member(part).tier, part)


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    roles = Roles(module.client("iam"), changes, module.params["stack"])
    for name in roles.names:
        roles.delete(name)
    return {}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ["statements"])],
    )
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
