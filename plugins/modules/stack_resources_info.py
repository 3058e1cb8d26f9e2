#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_resources_info
short_description: List all resources of a stack
version_added: 0.1.0
description:
  - Asks each service for what carries the stack's tag, or its name where a service knows no tags.
  - Instances and volumes that are being deleted, secrets that are scheduled to be, and the lock of
    the stack are left out; so are images, which belong to the account.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  only:
    description:
      - Fail unless all resources are of these kinds, which is how to see that a stack is gone.
      - Check mode only lists.
    type: list
    elements: str
  timeout:
    description: With O(only), seconds to wait for other resources to go.
    type: int
    default: 60
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Changes nothing.
    support: full
  diff_mode:
    description: Changes nothing.
    support: none
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: List what the stack consists of
  chatlift.aws.stack_resources_info:
    stack: demo

- name: See that nothing but its data is left
  chatlift.aws.stack_resources_info:
    stack: demo
    only: [volume, snapshot, secret]
"""

RETURN = r"""
resources:
  description: The resources, in the order of their kinds and names.
  type: list
  elements: dict
  returned: always
  contains:
    kind:
      description: What it is.
      type: str
      sample: NAT gateway
    id:
      description: Its id, ARN or name, whichever the service takes.
      type: str
      sample: nat-0123456789abcdef0
    name:
      description: Its name.
      type: str
      sample: chatlift-demo-nat-a
counts:
  description: How many there are of each kind.
  type: dict
  returned: always
"""

from collections import Counter
from dataclasses import asdict

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import wait_until
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run
from ansible_collections.chatlift.aws.plugins.module_utils.stack_resources import (
    Inventory,
    Resource,
)

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "only": {"type": "list", "elements": "str"},
    "timeout": {"type": "int", "default": 60},
}


def list_resources(module: AnsibleAWSModule, changes: Changes) -> dict:
    stack, only = module.params["stack"], module.params["only"]
    inventory = Inventory(module.client, stack)

    def others(found: list[Resource]) -> list[str]:
        return [f"{one.kind} {one.name or one.id}" for one in found if one.kind not in only]

    if only is None or changes.check_mode:
        found = inventory.list()
    else:
        found = wait_until(
            inventory.list,
            lambda found: not others(found),
            what=f"the stack {stack} to be gone, apart from {', '.join(only)}",
            timeout=module.params["timeout"],
            describe=lambda found: f"{', '.join(others(found))}. Run destroy.yml again.",
        )
    return {
        "resources": [asdict(one) for one in found],
        "counts": dict(Counter(one.kind for one in found)),
    }


def main() -> None:
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), list_resources)


if __name__ == "__main__":
    main()
