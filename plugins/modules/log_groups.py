#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: log_groups
short_description: Where the journals of a stack's instances go
version_added: 0.1.0
description:
  - Keeps for each tier of a stack a log group of CloudWatch Logs,
    named C(/chatlift/<stack>/<tier>).
  - The stock module takes a task a tier for it, and never changes the key of a group.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description: Whether the groups exist. V(absent) deletes every log group of the stack
      with all that it holds, such as that of the flow logs, too.
    type: str
    choices: [present, absent]
    default: present
  retention_days:
    description: >-
      Days for which entries are kept, one of the numbers that CloudWatch Logs knows. V(0) keeps
      them for ever.
    type: int
    choices: [0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192,
      2557, 2922, 3288, 3653]
    default: 30
  kms_key_arn:
    description: >-
      ARN of the key that encrypts new entries. Empty is CloudWatch Logs' own.
    type: str
    default: ""
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be made or changed.
    support: full
  diff_mode:
    description: Shows retention and key before and after.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Keep the journals of a stack for three months
  chatlift.aws.log_groups:
    stack: demo
    retention_days: 90
"""

RETURN = r"""
names:
  description: The groups' names by tier.
  type: dict
  returned: always
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.log_groups import LogGroups
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = [
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192),
    *(2557, 2922, 3288, 3653),
]
ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "retention_days": {"type": "int", "choices": RETENTION_DAYS, "default": 30},
    "kms_key_arn": {"type": "str", "default": "", "no_log": False},
}


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    stack = module.params["stack"]
    groups = LogGroups(module.client("logs"), changes, stack)
    for tier in layout.TIERS:
        groups.ensure(tier, module.params["retention_days"], module.params["kms_key_arn"])
    return _names(stack)


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    stack = module.params["stack"]
    groups = LogGroups(module.client("logs"), changes, stack)
    groups.delete_all()
    return _names(stack)


def _names(stack: str) -> dict[str, dict[str, str]]:
    return {"names": {tier: layout.log_group_name(stack, tier) for tier in layout.TIERS}}


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
