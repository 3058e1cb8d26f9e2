#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: vpc_endpoints
short_description: Ways from a stack's network to services of AWS that do not leave AWS
version_added: 0.1.0
description:
  - Keeps the gateway endpoint for S3, with a policy, and interface endpoints in the app subnets of
    every zone. An endpoint of the stack that is not listed is deleted.
  - Both are one call, after the network and its security groups.
options:
  stack:
    description: Name of the stack. Its VPC, C(chatlift-<stack>), must exist.
    type: str
    required: true
  state:
    description: Whether the endpoints exist. V(absent) deletes all of them.
    type: str
    choices: [present, absent]
    default: present
  s3:
    description: >-
      Whether traffic to S3 takes a gateway endpoint, which is free and saves what the NAT gateway
      takes for it.
    type: bool
    default: true
  services:
    description: >-
      Services with an interface endpoint, such as V(secretsmanager), V(logs), V(autoscaling),
      V(ec2), V(monitoring), V(ssm) and V(ssmmessages). Each costs about 9 USD a month in each zone,
      and 0.01 USD for each GB.
    type: list
    elements: str
    default: []
  security_group:
    description: Name of the stack's security group for the interface endpoints.
    type: str
    default: endpoints
  wait:
    description: >-
      Whether to wait until the interface endpoints are available. With V(false), RV(ready) says
      whether they are.
    type: bool
    default: true
  timeout:
    description: Seconds to wait for them.
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
    description: Shows each endpoint before and after.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Let instances reach S3 and their secrets without the NAT gateway
  chatlift.aws.vpc_endpoints:
    stack: demo
    services: [secretsmanager]
"""

RETURN = r"""
endpoint_ids:
  description: The endpoints' ids by service.
  type: dict
  returned: when present
ready:
  description: Whether all of them are available.
  type: bool
  returned: when present
"""

import json
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import layout, vpc
from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    error_code,
    of_stack,
    pages,
    required,
    tag_dict,
    tag_specification,
    wait_until,
)
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run, security_group_id

# Reading is open, because mirrors of packages may be on S3. What is written goes to buckets of the
# writer's own account, so that nothing is carried out with somebody else's credentials.
S3_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Read",
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": "*",
        },
        {
            "Sid": "UseOwnBuckets",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}},
        },
    ],
}
ALIVE = ("pendingAcceptance", "pending", "available")

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "s3": {"type": "bool", "default": True},
    "services": {"type": "list", "elements": "str", "default": []},
    "security_group": {"type": "str", "default": "endpoints"},
    "wait": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 600},
}


class Endpoints:
    """The endpoints of a stack's network."""

    def __init__(self, ec2: Any, changes: Changes, stack: str, region: str) -> None:
        self.ec2 = ec2
        self.changes = changes
        self.stack = stack
        self.region = region
        network = vpc.find(ec2, stack) or {}
        self.vpc_id = network.get("VpcId")
        found = pages(ec2, "describe_vpc_endpoints", "VpcEndpoints", Filters=of_stack(stack))
        self.present = {
            self._service(one): one
            for one in found
            if one.get("State", "available").lower() in [state.lower() for state in ALIVE]
        }

    def _service(self, endpoint: dict[str, Any]) -> str:
        return str(endpoint["ServiceName"]).removeprefix(f"com.amazonaws.{self.region}.")

    def ensure(self, service: str, kind: str, wanted: dict[str, Any]) -> None:
        """Keep the endpoint of a service; ``wanted`` holds arguments of CreateVpcEndpoint."""
        current = self.present.get(service)
        if current is None:
            self._create(service, kind, wanted)
            return
        before = _settings(current, wanted)
        after = {key: _comparable(value) for key, value in wanted.items()}
        if before != after:
            self.changes.apply(
                f"endpoint {service}",
                before,
                after,
                self.ec2.modify_vpc_endpoint,
                VpcEndpointId=current["VpcEndpointId"],
                **_modification(before, after, wanted),
            )

    def _create(self, service: str, kind: str, wanted: dict[str, Any]) -> None:
        name = layout.resource_name(self.stack, service)
        vpc_id = required(
            self.changes,
            self.vpc_id,
            f"VPC chatlift-{self.stack}",
            "Run playbooks/network.yml first.",
        )
        self.changes.apply(
            f"endpoint {service}",
            None,
            {key: _comparable(value) for key, value in wanted.items()},
            self._call_create,
            VpcEndpointType=kind,
            VpcId=vpc_id,
            ServiceName=f"com.amazonaws.{self.region}.{service}",
            TagSpecifications=tag_specification("vpc-endpoint", layout.tags(self.stack, name)),
            **wanted,
        )

    def _call_create(self, **arguments: Any) -> None:
        try:
            made = self.ec2.create_vpc_endpoint(**arguments)["VpcEndpoint"]
        except Exception as error:
            if error_code(error) != "InvalidServiceName":
                raise
            raise ChatliftError(
                f"AWS has no endpoint {arguments['ServiceName']}. Take the service from"
                f" network_interface_endpoints, or write it as"
                f" `aws ec2 describe-vpc-endpoint-services` lists it."
            ) from error
        self.present[self._service(made)] = made

    def delete(self, services: list[str]) -> None:
        """Delete the endpoints of these services; AWS takes some minutes to take them away."""
        ids = [self.present[service]["VpcEndpointId"] for service in services]
        if ids:
            self.changes.apply(
                f"endpoints {', '.join(services)}",
                ids,
                None,
                self.ec2.delete_vpc_endpoints,
                VpcEndpointIds=ids,
            )

    def pending(self, services: list[str]) -> list[str]:
        """The ids of the endpoints of these services that cannot be used yet."""
        return [
            endpoint["VpcEndpointId"]
            for service, endpoint in self.present.items()
            if service in services and not _is_available(endpoint)
        ]

    def wait(self, ids: list[str], timeout: float) -> None:
        """Wait until these endpoints can be used."""
        wait_until(
            lambda: self.ec2.describe_vpc_endpoints(VpcEndpointIds=ids)["VpcEndpoints"],
            lambda seen: all(map(_is_available, seen)),
            what="the interface endpoints to be available",
            timeout=timeout,
            describe=lambda seen: {one["VpcEndpointId"]: one["State"] for one in seen},
            link="interface endpoints",
        )

    def route_tables(self) -> list[str]:
        """The ids of the stack's route tables."""
        found = pages(
            self.ec2, "describe_route_tables", "RouteTables", Filters=of_stack(self.stack)
        )
        return [one["RouteTableId"] for one in found] or [UNKNOWN]

    def app_subnets(self) -> list[str]:
        """The ids of the app subnets, one in each zone."""
        found = pages(self.ec2, "describe_subnets", "Subnets", Filters=of_stack(self.stack))
        prefix = layout.resource_name(self.stack, "app-")
        return [
            one["SubnetId"] for one in found if tag_dict(one["Tags"])["Name"].startswith(prefix)
        ] or [UNKNOWN]


def _is_available(endpoint: dict[str, Any]) -> bool:
    return str(endpoint.get("State", "available")).lower() == "available"


def _settings(current: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """What an endpoint has of what is wanted, in the same form."""
    values = {
        **current,
        "SecurityGroupIds": [group["GroupId"] for group in current.get("Groups", [])],
    }
    return {key: _comparable(values.get(key)) for key in wanted}


def _comparable(value: Any) -> Any:
    """Ids without their order, policies without their layout."""
    if isinstance(value, list):
        return sorted(value)
    return json.loads(value) if isinstance(value, str) else value


def _modification(
    before: dict[str, Any], after: dict[str, Any], wanted: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of ModifyVpcEndpoint that make ``after`` of ``before``."""
    arguments: dict[str, Any] = {}
    for key, value in after.items():
        if value == before[key]:
            continue
        if isinstance(value, list):
            more, fewer = sorted({*value} - {*before[key]}), sorted({*before[key]} - {*value})
            arguments |= {f"Add{key}": more} if more else {}
            arguments |= {f"Remove{key}": fewer} if fewer else {}
        else:
            arguments[key] = wanted[key]
    return arguments


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    ec2 = module.client("ec2")
    endpoints = Endpoints(ec2, changes, params["stack"], module.region)
    wanted = ["s3"] if params["s3"] else []
    if params["s3"]:
        tables = endpoints.route_tables()
        policy = json.dumps(S3_POLICY)
        endpoints.ensure("s3", "Gateway", {"RouteTableIds": tables, "PolicyDocument": policy})
    if params["services"]:
        interface = {
            "SubnetIds": endpoints.app_subnets(),
            "SecurityGroupIds": [
                security_group_id(ec2, changes, params["stack"], params["security_group"])
            ],
            "PrivateDnsEnabled": True,
        }
        for service in params["services"]:
            endpoints.ensure(service, "Interface", interface)
        wanted += params["services"]
    endpoints.delete(sorted(set(endpoints.present) - set(wanted)))
    pending = endpoints.pending(params["services"])
    if pending and params["wait"] and not changes.check_mode:
        endpoints.wait(pending, params["timeout"])
        pending = []
    return {
        "ready": not pending,
        "endpoint_ids": {
            service: endpoints.present[service]["VpcEndpointId"]
            for service in wanted
            if service in endpoints.present
        },
    }


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    endpoints = Endpoints(module.client("ec2"), changes, module.params["stack"], module.region)
    endpoints.delete(sorted(endpoints.present))
    return {}


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
