#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: site_address
short_description: The address of a site in Route 53, and a check of its health
version_added: 0.1.0
description:
  - Lets a domain lead to a CloudFront distribution, with alias records for IPv4 and IPv6 that are
    changed at one moment.
  - On request, has Route 53 ask the site from around the world every 30 seconds, over HTTPS and by
    the domain's name; the result is a metric in CloudWatch, in C(us-east-1).
  - The stock modules take three tasks for it.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description: >-
      Whether the domain leads to the distribution. V(absent) leaves records that lead to anything
      but CloudFront.
    type: str
    choices: [present, absent]
    default: present
  domain:
    description: The domain.
    type: str
    required: true
  zone:
    description: The public hosted zone that the domain is in.
    type: str
    required: true
  distribution:
    description: Domain name of the distribution. Required when O(state=present).
    type: str
  health_check_path:
    description: Path that has to be answered with a status below 400. Empty checks nothing.
    type: str
    default: ""
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be made, changed or deleted.
    support: full
  diff_mode:
    description: Shows records and health check before and after.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Let the domain lead to the distribution
  chatlift.aws.site_address:
    stack: demo
    domain: chat.example.com
    zone: example.com
    distribution: d111111abcdef8.cloudfront.net
    health_check_path: /
"""

RETURN = r"""
health_check_id:
  description: The health check, by which its metric is found; empty when there is none.
  type: str
  returned: when present
"""

import re
import time
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import hosted_zone, layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import UNKNOWN, Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    at_most_one,
    holds,
    pages,
    tag_list,
)
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "domain": {"type": "str", "required": True},
    "zone": {"type": "str", "required": True},
    "distribution": {"type": "str"},
    "health_check_path": {"type": "str", "default": ""},
}

# All distributions are in this zone.
# https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
KINDS = ("A", "AAAA")


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    route53 = module.client("route53")
    zone = hosted_zone.required(route53, changes, params["zone"])
    records = [_alias(params["domain"], kind, params["distribution"]) for kind in KINDS]
    hosted_zone.set_records(route53, changes, zone, records)
    checks = HealthChecks(route53, changes, params["stack"])
    if params["health_check_path"]:
        return {"health_check_id": checks.ensure(params["domain"], params["health_check_path"])}
    checks.delete()
    return {"health_check_id": ""}


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    route53 = module.client("route53")
    HealthChecks(route53, changes, params["stack"]).delete()
    zone = hosted_zone.find(route53, params["zone"])
    if zone is not None:
        keys = [(params["domain"], kind) for kind in KINDS]
        hosted_zone.delete_records(route53, changes, zone, keys, CLOUDFRONT_ZONE)
    return {}


class HealthChecks:
    """The health check of a stack, found by the reference with which it was made."""

    def __init__(self, route53: Any, changes: Changes, stack: str) -> None:
        self.route53 = route53
        self.changes = changes
        self.stack = stack
        self.name = f"chatlift-{stack}"

    def ensure(self, domain: str, path: str) -> str:
        wanted = {"FullyQualifiedDomainName": domain, "ResourcePath": path}
        found = self._find()
        if found is None:
            made = self.changes.apply("health check", None, wanted, self._create, wanted=wanted)
            return str(made.get("Id", UNKNOWN))
        before = {key: found["HealthCheckConfig"].get(key) for key in wanted}
        if not holds(before, wanted):
            self.changes.apply(
                "health check",
                before,
                wanted,
                self.route53.update_health_check,
                HealthCheckId=found["Id"],
                **wanted,
            )
        return str(found["Id"])

    def delete(self) -> None:
        found = self._find()
        if found is not None:
            self.changes.apply(
                "health check",
                "present",
                None,
                self.route53.delete_health_check,
                HealthCheckId=found["Id"],
            )

    def _create(self, wanted: dict[str, str]) -> dict[str, Any]:
        made = self.route53.create_health_check(
            CallerReference=f"{self.name}-{time.time_ns()}",
            HealthCheckConfig={
                "Type": "HTTPS",
                "Port": 443,
                "EnableSNI": True,
                "RequestInterval": 30,
                "FailureThreshold": 3,
                **wanted,
            },
        )["HealthCheck"]
        self.route53.change_tags_for_resource(
            ResourceType="healthcheck",
            ResourceId=made["Id"],
            AddTags=tag_list(layout.tags(self.stack, self.name)),
        )
        return made

    def _find(self) -> dict[str, Any] | None:
        reference = re.compile(rf"{re.escape(self.name)}-\d+")
        checks = pages(self.route53, "list_health_checks", "HealthChecks")
        return at_most_one(
            [one for one in checks if reference.fullmatch(one["CallerReference"])],
            f"the health check of the stack {self.stack}",
        )


def _alias(domain: str, kind: str, distribution: str) -> dict[str, Any]:
    return {
        "Name": domain,
        "Type": kind,
        "AliasTarget": {
            "HostedZoneId": CLOUDFRONT_ZONE,
            "DNSName": distribution,
            "EvaluateTargetHealth": False,
        },
    }


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ["distribution"])],
    )
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
