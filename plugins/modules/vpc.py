#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vpc
short_description: The network of a stack
version_added: 0.1.0
description:
  - Makes the VPC of a stack with an edge, an app and a data subnet in every availability zone, an
    internet gateway, NAT gateways, a route table for the edge and one for each zone's private
    subnets, and on request flow logs.
  - Public addresses are given out in the edge subnets only.
  - Empties the default security group, so that nothing can use it by mistake.
  - The stock modules do this with two dozen tasks and fixed sleeps; this is one.
options:
  stack:
    description: Name of the stack. The VPC is named C(chatlift-<stack>).
    type: str
    required: true
  state:
    description: Whether the network exists. V(absent) waits for what still uses it to be gone.
    type: str
    choices: [present, absent]
    default: present
  cidr:
    description: The VPC's range, a /16 to /20. Required when O(state=present).
    type: str
  availability_zones:
    description: >-
      Three or four availability zones, in the order of the letters a, b, c, d.
      Required when O(state=present).
    type: list
    elements: str
  nat:
    description: >-
      One NAT gateway for the stack (about 35 USD a month, and traffic of other zones costs extra)
      or one a zone (that sum for each zone, but survives a zone's loss).
    type: str
    choices: [one, per_az]
    default: per_az
  flow_logs:
    description: >-
      Which traffic is logged, to the log group C(/chatlift/<stack>/flow). CloudWatch Logs takes
      about 0.60 USD for each GB; a record of 100 bytes stands for ten minutes of a connection.
    type: str
    choices: [all, accept, reject, none]
    default: none
  flow_log_retention_days:
    description: Days for which flow logs are kept, V(0) for ever.
    type: int
    default: 30
  flow_log_kms_key_arn:
    description: >-
      ARN of the key that encrypts flow logs, which CloudWatch Logs must be allowed to use.
      Empty is CloudWatch Logs' own.
    type: str
    default: ""
  wait:
    description: >-
      Whether to wait until the NAT gateways are available, before which no route leads to them.
      V(false) leaves those routes for another run, as RV(ready) says.
    type: bool
    default: true
  delete_timeout:
    description: Seconds to wait, for each thing, until nothing uses it when O(state=absent).
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
    description: Shows each resource before and after.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Make the network
  chatlift.aws.vpc:
    stack: demo
    cidr: 10.42.0.0/16
    availability_zones: [eu-central-1a, eu-central-1b, eu-central-1c]
"""

RETURN = r"""
vpc_id:
  description: The VPC.
  type: str
  returned: when present
  sample: vpc-0123456789abcdef0
subnets:
  description: Subnet ids by name, such as C(data-a).
  type: dict
  returned: when present
ready:
  description: Whether all subnets have their way out.
  type: bool
  returned: when present
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import flow_logs, vpc, vpc_removal
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "cidr": {"type": "str"},
    "availability_zones": {"type": "list", "elements": "str"},
    "nat": {"type": "str", "choices": ["one", "per_az"], "default": "per_az"},
    "flow_logs": {"type": "str", "choices": ["all", "accept", "reject", "none"], "default": "none"},
    "flow_log_retention_days": {"type": "int", "default": 30},
    "flow_log_kms_key_arn": {"type": "str", "default": "", "no_log": False},
    "wait": {"type": "bool", "default": True},
    "delete_timeout": {"type": "int", "default": 600},
}


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    network = vpc.Network(
        stack=params["stack"],
        region=module.region,
        cidr=params["cidr"],
        zones=tuple(params["availability_zones"]),
        nat_per_zone=params["nat"] == "per_az",
    )
    made = vpc.ensure(module.client("ec2"), changes, network, wait=params["wait"])
    logs = flow_logs.FlowLogs(module, changes, params["stack"])
    if params["flow_logs"] == "none":
        logs.delete()
    else:
        logs.ensure(
            flow_logs.Place(params["stack"], module.region, made["owner"], made["vpc_id"]),
            flow_logs.Wanted(
                params["flow_logs"].upper(),
                params["flow_log_retention_days"],
                params["flow_log_kms_key_arn"],
            ),
        )
    return {key: made[key] for key in ("vpc_id", "subnets", "ready")}


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    timeout = module.params["delete_timeout"]
    flow_logs.FlowLogs(module, changes, module.params["stack"]).delete()
    vpc_removal.delete(module.client("ec2"), changes, module.params["stack"], timeout)
    return {}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ["cidr", "availability_zones"])],
    )
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
