# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What earlier stages made for a stack, found by name."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Callable

with suppress(ImportError):  # AnsibleAWSModule says so when boto3 is missing
    from botocore.exceptions import BotoCoreError, ClientError

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import layout, refusals, waits
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    of_stack,
    required,
    tag_dict,
)


def run(
    module: AnsibleAWSModule, work: Callable[[AnsibleAWSModule, Changes], dict[str, Any]]
) -> None:
    """Do a module's work and end it: with its result, or with one sentence on what went wrong."""
    changes = Changes(module.check_mode)
    try:
        result = work(module, changes)
    except (ChatliftError, ValueError) as error:
        module.fail_json(msg=str(error))
    except (BotoCoreError, ClientError) as error:
        if known := refusals.sentence(error, str(module.params.get("stack"))):
            module.fail_json(msg=known)
        subject = module.params.get("name") or f"the stack {module.params.get('stack')}"
        module.fail_json_aws(error, msg=f"AWS refused a request for {subject}")
    if waited := waits.noted():
        result = {**result, "waits": waited}
    module.exit_json(changed=changes.changed, diff=changes.diff, **result)


def subnet_ids(ec2: Any, changes: Changes, stack: str, names: list[str]) -> list[str]:
    """The ids of subnets named like ``data-a``, in the order asked for."""
    wanted = [layout.resource_name(stack, name) for name in names]
    found = {
        tag_dict(subnet["Tags"])["Name"]: subnet["SubnetId"]
        for subnet in ec2.describe_subnets(Filters=of_stack(stack, tag_Name=wanted))["Subnets"]
    }
    return [
        required(changes, found.get(name), f"subnet {name}", "Run playbooks/network.yml first.")
        for name in wanted
    ]


def security_group_id(ec2: Any, changes: Changes, stack: str, name: str) -> str:
    """The id of a security group named like ``redis``."""
    full_name = layout.resource_name(stack, name)
    found = ec2.describe_security_groups(Filters=of_stack(stack, group_name=full_name))
    return required(
        changes,
        next((group["GroupId"] for group in found["SecurityGroups"]), None),
        f"security group {full_name}",
        "Run playbooks/network.yml first.",
    )


def secret_arn(secretsmanager: Any, changes: Changes, stack: str, tier: str) -> str:
    name = layout.secret_name(stack, tier)
    try:
        found = secretsmanager.describe_secret(SecretId=name)["ARN"]
    except secretsmanager.exceptions.ResourceNotFoundException:
        found = None
    return required(changes, found, f"secret {name}", "Run playbooks/secrets.yml first.")


def origin_header(secretsmanager: Any, changes: Changes, stack: str) -> str:
    """The secret by which the load balancer knows the stack's distribution."""
    name = layout.secret_name(stack, "edge")
    try:
        found = json.loads(secretsmanager.get_secret_value(SecretId=name)["SecretString"])
    except secretsmanager.exceptions.ResourceNotFoundException:
        found = {}
    return required(
        changes,
        found.get("origin_header"),
        f"secret {name} with the key origin_header",
        "Run playbooks/secrets.yml first.",
    )


def vpc_id(ec2: Any, changes: Changes, stack: str) -> str:
    """The id of the stack's VPC."""
    found = ec2.describe_vpcs(Filters=of_stack(stack))["Vpcs"]
    return required(
        changes,
        next((vpc["VpcId"] for vpc in found), None),
        f"VPC of the stack {stack}",
        "Run playbooks/network.yml first.",
    )
