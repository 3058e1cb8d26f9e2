#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: load_balancer
short_description: The application load balancer of a stack
version_added: 0.1.0
description:
  - Makes the application load balancer C(chatlift-<stack>), the target group
    C(chatlift-<stack>-app) and the listeners between them. Listeners and rules that are not wanted
    are removed.
  - An internet-facing load balancer stands in the edge subnets, an internal one in the app subnets.
  - The targets are left to the Auto Scaling group.
  - The stock modules do this with three tasks, rewrite all listeners when one differs, and know no
    tags of listeners; this is one task.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description: >-
      Whether the load balancer exists. V(absent) deletes it with listeners and target group, unless
      it is protected.
    type: str
    choices: [present, absent]
    default: present
  zones:
    description: How many zones, from letter a on, the load balancer stands in.
    type: int
    default: 3
  scheme:
    description: Whether the load balancer has public addresses. It is chosen once.
    type: str
    choices: [internet-facing, internal]
    default: internet-facing
  certificate_arn:
    description:
      - Certificate of the HTTPS listener on port 443, to which port 80 then leads.
      - Empty serves plain HTTP on port 80.
    type: str
    default: ""
  tls_policy:
    description: The TLS versions and ciphers on port 443.
    type: str
    default: ELBSecurityPolicy-TLS13-1-2-2021-06
  origin_header:
    description:
      - Whether only requests are served whose header C(X-Chatlift-Origin) has the value that the
        secret C(chatlift/<stack>/edge) has at C(origin_header). All others are answered 403.
    type: bool
    default: false
  idle_timeout:
    description: Seconds, from 1 to 4000, that a connection may be silent.
    type: int
    default: 120
  deletion_protection:
    description: Whether deleting the load balancer is refused.
    type: bool
    default: false
  access_logs_bucket:
    description: Bucket that gets the access logs; its policy has to allow that. Empty for none.
    type: str
    default: ""
  access_logs_prefix:
    description: Where in O(access_logs_bucket) they go.
    type: str
    default: alb
  algorithm:
    description: How a target is chosen for a request.
    type: str
    choices: [least_outstanding_requests, round_robin, weighted_random]
    default: least_outstanding_requests
  slow_start:
    description: >-
      Seconds, 0 or from 30 to 900, over which a new target gets its full share. Only with
      O(algorithm=round_robin).
    type: int
    default: 0
  deregistration_delay:
    description: Seconds that a target on its way out keeps the connections it has.
    type: int
    default: 60
  stickiness:
    description: Seconds for which a cookie leads a client to the same target. 0 sets no cookie.
    type: int
    default: 0
  wait:
    description:
      - Whether to wait until O(certificate_arn) is issued, before which no listener may have it.
        The load balancer itself is begun before.
      - V(false) leaves the listeners for another run when that, or the secret of O(origin_header),
        is still to come, as RV(listening) says.
    type: bool
    default: true
  wait_timeout:
    description: Seconds to wait for it.
    type: int
    default: 900
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be made or changed.
    support: full
  diff_mode:
    description: Shows each resource before and after, the origin header masked.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Serve plain HTTP
  chatlift.aws.load_balancer:
    stack: demo

- name: Serve HTTPS, and requests of our CloudFront distribution only
  chatlift.aws.load_balancer:
    stack: prod
    certificate_arn: "{{ certificate.arn }}"
    origin_header: true
    access_logs_bucket: chatlift-prod-logs-123456789012-eu-central-1
    deletion_protection: true

- name: Delete it
  chatlift.aws.load_balancer:
    stack: demo
    state: absent
"""

RETURN = r"""
name:
  description: Name of the load balancer.
  type: str
  returned: always
  sample: chatlift-demo
load_balancer_arn:
  description: ARN of the load balancer.
  type: str
  returned: when present
dns_name:
  description: Its DNS name; empty when check mode would make it.
  type: str
  returned: when present
  sample: chatlift-demo-1234567890.eu-central-1.elb.amazonaws.com
hosted_zone_id:
  description: The hosted zone of RV(dns_name), which alias records name.
  type: str
  returned: when present
  sample: Z215JYRZR1TBD5
target_group_arn:
  description: ARN of the target group.
  type: str
  returned: when present
listening:
  description: Whether the listeners are as wanted.
  type: bool
  returned: when present
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import (
    layout,
    listeners,
    load_balancer,
    target_group,
)
from ansible_collections.chatlift.aws.plugins.module_utils.acm import await_issued, describe
from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.stack import (
    origin_header,
    run,
    security_group_id,
    subnet_ids,
    vpc_id,
)

TIER = "app"
# An internal one needs no way to the internet, and CloudFront expects it in private subnets:
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html
SUBNETS = {"internet-facing": "edge", "internal": "app"}

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "zones": {"type": "int", "default": 3},
    "scheme": {"type": "str", "choices": list(SUBNETS), "default": "internet-facing"},
    "certificate_arn": {"type": "str", "default": ""},
    "tls_policy": {"type": "str", "default": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
    "origin_header": {"type": "bool", "default": False},
    "idle_timeout": {"type": "int", "default": 120},
    "deletion_protection": {"type": "bool", "default": False},
    "access_logs_bucket": {"type": "str", "default": ""},
    "access_logs_prefix": {"type": "str", "default": "alb"},
    "algorithm": {
        "type": "str",
        "choices": ["least_outstanding_requests", "round_robin", "weighted_random"],
        "default": "least_outstanding_requests",
    },
    "slow_start": {"type": "int", "default": 0},
    "deregistration_delay": {"type": "int", "default": 60},
    "stickiness": {"type": "int", "default": 0},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 900},
}


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    stack = params["stack"]
    name = f"chatlift-{stack}"
    tags = layout.tags(stack, name, TIER)
    group_name = layout.resource_name(stack, TIER)
    group_tags = layout.tags(stack, group_name, TIER)
    ec2, elbv2 = module.client("ec2"), module.client("elbv2")

    tier = SUBNETS[params["scheme"]]
    letters = layout.LETTERS[: params["zones"]]
    balancer = load_balancer.LoadBalancer(
        name=name,
        scheme=params["scheme"],
        subnets=tuple(subnet_ids(ec2, changes, stack, [f"{tier}-{az}" for az in letters])),
        security_group=security_group_id(ec2, changes, stack, "alb"),
        tags=tags,
        idle_timeout=params["idle_timeout"],
        deletion_protection=params["deletion_protection"],
        logs_bucket=params["access_logs_bucket"],
        logs_prefix=params["access_logs_prefix"],
    )
    group = target_group.TargetGroup(
        name=group_name,
        vpc_id=vpc_id(ec2, changes, stack),
        tags=group_tags,
        algorithm=params["algorithm"],
        deregistration_delay=params["deregistration_delay"],
        slow_start=params["slow_start"],
        stickiness=params["stickiness"],
    )
    group_arn = target_group.ensure(elbv2, changes, group)
    made = load_balancer.ensure(elbv2, changes, balancer)
    arn = made["LoadBalancerArn"]
    found = listeners.find(elbv2, arn)
    header = _origin_header(module, changes)
    listening = header is not None and _may_listen(module, listeners.certificates(found))
    names = {}
    if listening:
        wanted = listeners.plan(group_arn, params["certificate_arn"], params["tls_policy"], header)
        names = listeners.ensure(elbv2, changes, name, arn, found, wanted, tags)
    parts = {part: {**tags, "Name": part_name} for part, part_name in names.items()}
    load_balancer.ensure_tags(elbv2, changes, {arn: tags, group_arn: group_tags, **parts})
    return {
        "name": name,
        "load_balancer_arn": arn,
        "dns_name": made.get("DNSName", ""),
        "hosted_zone_id": made.get("CanonicalHostedZoneId", ""),
        "target_group_arn": group_arn,
        "listening": listening,
    }


def _origin_header(module: AnsibleAWSModule, changes: Changes) -> str | None:
    """The header's value, empty without one; None when it is still to come."""
    if not module.params["origin_header"]:
        return ""
    try:
        header = origin_header(module.client("secretsmanager"), changes, module.params["stack"])
    except ChatliftError:
        if module.params["wait"]:
            raise
        return None
    module.no_log_values.add(header)
    return header


def _may_listen(module: AnsibleAWSModule, in_use: set[str]) -> bool:
    """Whether a listener may have the certificate, after a wait if there is to be one."""
    arn = module.params["certificate_arn"]
    if arn in ("", UNKNOWN) or arn in in_use or module.check_mode:
        return True
    acm = module.client("acm")
    if not module.params["wait"]:
        return describe(acm, arn)["Status"] == "ISSUED"
    await_issued(acm, arn, module.params["wait_timeout"], "Run playbooks/edge.yml.")
    return True


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    stack = module.params["stack"]
    name = f"chatlift-{stack}"
    elbv2 = module.client("elbv2")
    load_balancer.delete(elbv2, changes, name)
    target_group.delete(elbv2, changes, layout.resource_name(stack, TIER))
    return {"name": name}


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
