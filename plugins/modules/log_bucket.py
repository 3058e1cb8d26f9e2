#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: log_bucket
short_description: The bucket of a stack's access logs
version_added: 0.1.0
description:
  - Keeps the bucket C(chatlift-<stack>-logs-<account>-<region>), which is private, encrypted and
    reached over TLS alone. The stack's load balancer may write below C(alb/) and CloudFront
    anywhere, as it does below C(cloudfront/).
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description: Whether the bucket exists. V(absent) deletes it with all logs.
    type: str
    choices: [present, absent]
    default: present
  retention_days:
    description: Days for which a log is kept.
    type: int
    default: 90
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be made or changed.
    support: full
  diff_mode:
    description: Shows the bucket's settings before and after.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Keep access logs for a year
  chatlift.aws.log_bucket:
    stack: demo
    retention_days: 365
"""

RETURN = r"""
bucket:
  description: The bucket's name.
  type: str
  returned: always
  sample: chatlift-demo-logs-123456789012-eu-central-1
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import bucket, layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "retention_days": {"type": "int", "default": 90},
}


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    account, name = _account_and_name(module)
    bucket.ensure(
        module.client("s3"),
        changes,
        bucket.Bucket(
            name,
            module.region,
            layout.tags(module.params["stack"], name),
            lifecycle=_lifecycle(module.params["retention_days"]),
            versioned=False,
            ownership="BucketOwnerPreferred",
            statements=[_load_balancer(name, account)],
        ),
    )
    return {"bucket": name}


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    _account, name = _account_and_name(module)
    bucket.delete(module.client("s3"), changes, name)
    return {"bucket": name}


def _account_and_name(module: AnsibleAWSModule) -> tuple[str, str]:
    account = module.client("sts").get_caller_identity()["Account"]
    return account, layout.bucket_name(module.params["stack"], "logs", account, module.region)


def _load_balancer(name: str, account: str) -> dict[str, Any]:
    """What Elastic Load Balancing asks for; CloudFront adds itself to the bucket's list.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    """
    return {
        "Sid": "LoadBalancer",
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{name}/alb/AWSLogs/{account}/*",
    }


def _lifecycle(retention_days: int) -> list[dict[str, Any]]:
    return [
        {
            "ID": "old",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "Expiration": {"Days": retention_days},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        }
    ]


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
