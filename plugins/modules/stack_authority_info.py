#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_authority_info
short_description: The certificate authority of a stack, for the task that signs with it
version_added: 0.1.0
description:
  - Returns a private key. Give every task that uses this module C(no_log=true).
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
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
- name: Get the authority
  chatlift.aws.stack_authority_info:
    stack: demo
  register: __authority
  no_log: true
"""

RETURN = r"""
authority:
  description: The authority's C(certificate) and C(private_key) as PEM.
  type: dict
  returned: always
"""

import json

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

ARGUMENTS = {"stack": {"type": "str", "required": True}}


def find(module: AnsibleAWSModule, _changes: Changes) -> dict:
    client = module.client("secretsmanager")
    name = layout.secret_name(module.params["stack"], "ca")
    try:
        secret = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
        authority = {key: secret[key] for key in ("certificate", "private_key")}
    except (client.exceptions.ResourceNotFoundException, KeyError):
        raise ChatliftError(
            f"The secret {name} holds no certificate authority. Run playbooks/secrets.yml first."
        ) from None
    return {"authority": authority}


def main() -> None:
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), find)


if __name__ == "__main__":
    main()
