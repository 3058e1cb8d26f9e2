#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_secrets
short_description: Certificates and passwords of a stack, kept in AWS Secrets Manager
version_added: 0.1.0
description:
  - Keeps the secrets C(chatlift/<stack>/ca), C(redis), C(mysql) and C(app) complete. A missing
    password is made; what is there is never changed.
  - Says which certificates are due, because there is none, it ends soon, the members' addresses
    have changed, or the authority has. The role C(secrets) has community.crypto make them, and
    gives them back with O(certificate).
  - Passwords exist only in this module's memory and in Secrets Manager. They are no variables, no
    module parameters, no files on the controller, and in no result. Nor is a private key in any
    result.
  - A secret that is scheduled for deletion is restored, because the data volumes of the stack were
    made with it.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description: Whether the secrets exist.
    type: str
    choices: [present, absent]
    default: present
  addresses:
    description: The members' addresses by tier. Required when O(state=present).
    type: dict
    suboptions:
      redis:
        description: Addresses of the Redis members.
        type: list
        elements: str
        required: true
      mysql:
        description: Addresses of the MySQL members.
        type: list
        elements: str
        required: true
  database:
    description: The application's database.
    type: str
    default: chat
  app_extra:
    description: Names of further random strings the application needs, such as C(session_secret).
    type: list
    elements: str
    default: []
  origin_header:
    description: >-
      Whether there is a secret C(edge), with a random string by which the load balancer knows
      CloudFront.
    type: bool
    default: false
  renew_days:
    description: Days before its end at which a tier's certificate is due.
    type: int
    default: 90
  renew_older_days:
    description: >-
      Days after which a certificate is due although it is good; 0 for any that is there. Without
      it, age is no reason.
    type: int
  authority:
    description:
      - How far to replace the certificate authority, which takes three stages so that no instance
        ever meets a certificate it does not trust.
      - V(trust) adds a new one that signs nothing yet; with O(renew_older_days), only if the
        present one is that old. V(issue) lets the new one sign. V(drop) ends the trust in the old.
      - A stage that is done already changes nothing.
    type: str
    choices: [keep, trust, issue, drop]
    default: keep
  certificate:
    description: A certificate that was due, to be kept.
    type: dict
    suboptions:
      name:
        description: Whose it is.
        type: str
        choices: [ca, redis, mysql]
        required: true
      certificate:
        description: The certificate as PEM.
        type: str
        required: true
      private_key:
        description: Its key as PEM.
        type: str
        required: true
  kms_key_id:
    description: Key to encrypt new secrets with, instead of the account's default.
    type: str
  recovery_days:
    description: >-
      With O(state=absent), days in which a secret can still be restored, 7 to 30;
      0 deletes it at once and for good.
    type: int
    default: 7
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
requirements:
  - cryptography >= 42
attributes:
  check_mode:
    description: >-
      Says which keys of which secrets would be made or changed, and which certificates are due.
    support: full
  diff_mode:
    description: Shows the names of keys, never a value.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Keep certificates and passwords
  chatlift.aws.stack_secrets:
    stack: demo
    addresses:
      redis: [10.42.32.11, 10.42.96.11, 10.42.160.11]
      mysql: [10.42.32.21, 10.42.96.21, 10.42.160.21]
    app_extra: [session_secret]
"""

RETURN = r"""
arns:
  description: The secrets' ARNs by name, without those that check mode did not make.
  type: dict
  returned: when present
due:
  description: >-
    The certificates that have to be made, in this order, each with its C(name) (C(ca), C(redis) or
    C(mysql)), the reason C(why), its C(common_name) and its subject alternative C(names).
  type: list
  elements: dict
  returned: when present
certificates:
  description: >-
    By tier, the fingerprint of the certificates that its instances should serve, which they tell in
    their tag C(chatlift:certificates).
  type: dict
  returned: when present
"""

import json
from copy import deepcopy
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import certificates, layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.resources import tag_list
from ansible_collections.chatlift.aws.plugins.module_utils.secret_contents import (
    Secret,
    Wanted,
    add,
    complete,
    due,
    fingerprint,
)
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

NAMES = ("ca", "redis", "mysql", "app")
# Of stacks whose load balancer is public.
EDGE = "edge"

# An authority that ends sooner may cut short the life of a certificate it signs.
AUTHORITY_DAYS = 900

ADDRESS_OPTIONS = {
    "redis": {"type": "list", "elements": "str", "required": True},
    "mysql": {"type": "list", "elements": "str", "required": True},
}
CERTIFICATE_OPTIONS = {
    "name": {"type": "str", "choices": ["ca", "redis", "mysql"], "required": True},
    "certificate": {"type": "str", "required": True},
    "private_key": {"type": "str", "required": True, "no_log": True},
}
ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "addresses": {"type": "dict", "options": ADDRESS_OPTIONS},
    "database": {"type": "str", "default": "chat"},
    "app_extra": {"type": "list", "elements": "str", "default": []},
    "origin_header": {"type": "bool", "default": False},
    "renew_days": {"type": "int", "default": 90},
    "renew_older_days": {"type": "int"},
    "authority": {
        "type": "str",
        "choices": ["keep", "trust", "issue", "drop"],
        "default": "keep",
    },
    "certificate": {"type": "dict", "options": CERTIFICATE_OPTIONS},
    "kms_key_id": {"type": "str"},
    "recovery_days": {"type": "int", "default": 7},
}


class Store:
    """The stack's secrets in Secrets Manager."""

    def __init__(self, client: Any, changes: Changes, stack: str) -> None:
        self.client = client
        self.changes = changes
        self.stack = stack

    def describe(self, name: str) -> dict[str, Any] | None:
        try:
            return self.client.describe_secret(SecretId=layout.secret_name(self.stack, name))
        except self.client.exceptions.ResourceNotFoundException:
            return None

    def read(self, name: str, description: dict[str, Any] | None) -> Secret:
        """The secret's keys; none when it does not exist or has no value yet."""
        if description is None:
            return {}
        if description.get("DeletedDate"):
            self.changes.apply(
                f"secret {name}",
                "scheduled for deletion",
                "restored",
                self.client.restore_secret,
                SecretId=description["ARN"],
            )
            if self.changes.check_mode:
                return {}
        try:
            value = self.client.get_secret_value(SecretId=description["ARN"])["SecretString"]
        except self.client.exceptions.ResourceNotFoundException:
            return {}
        try:
            return dict(json.loads(value))
        except ValueError as error:
            raise ChatliftError(
                f"The secret {description['Name']} is not a JSON object. Restore an earlier version"
                f" of it; it is not overwritten, because the members' data depends on it."
            ) from error

    def write(
        self,
        name: str,
        description: dict[str, Any] | None,
        before: Secret,
        after: Secret,
        kms_key_id: str | None,
    ) -> str | None:
        """Store the secret if it differs and return its ARN; the diff names keys only."""
        if description is not None and before == after:
            return description["ARN"]
        changed_keys = sorted(key for key in after if before.get(key) != after[key])
        dropped = sorted(before.keys() - after.keys())
        shown_before = sorted(key for key in changed_keys if key in before)
        full_name = layout.secret_name(self.stack, name)
        if description is not None:
            self.changes.apply(
                f"secret {full_name}",
                {"made before": shown_before + dropped},
                {"made anew": changed_keys},
                self.client.put_secret_value,
                SecretId=description["ARN"],
                SecretString=json.dumps(after),
            )
            return description["ARN"]
        tier = name if name in layout.TIERS else None
        return self.changes.apply(
            f"secret {full_name}",
            None,
            {"made": changed_keys},
            self.client.create_secret,
            Name=full_name,
            Description=f"chatlift stack {self.stack}: {name}",
            SecretString=json.dumps(after),
            Tags=tag_list(layout.tags(self.stack, full_name, tier)),
            **({"KmsKeyId": kms_key_id} if kms_key_id else {}),
        ).get("ARN")

    def delete(self, name: str, recovery_days: int) -> None:
        description = self.describe(name)
        if description is None or (description.get("DeletedDate") and recovery_days):
            return
        how = (
            {"RecoveryWindowInDays": recovery_days}
            if recovery_days
            else {"ForceDeleteWithoutRecovery": True}
        )
        self.changes.apply(
            f"secret {description['Name']}",
            "present",
            how,
            self.client.delete_secret,
            SecretId=description["ARN"],
            **how,
        )


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    if not certificates.HAS_CRYPTOGRAPHY:
        raise ChatliftError(missing_required_lib("cryptography"))
    params = module.params
    store = Store(module.client("secretsmanager"), changes, params["stack"])
    names = (*NAMES, EDGE) if params["origin_header"] else NAMES
    descriptions = {name: store.describe(name) for name in names}
    before = {name: store.read(name, descriptions[name]) for name in names}
    wanted = Wanted(
        stack=params["stack"],
        addresses=params["addresses"],
        database=params["database"],
        app_extra=params["app_extra"],
        renew_days=params["renew_days"],
        renew_older_days=params["renew_older_days"],
        authority=params["authority"],
        origin_header=params["origin_header"],
    )
    after = deepcopy(before)
    if params["certificate"]:
        add(after, **params["certificate"])
    after = complete(after, wanted)
    arns = {
        name: store.write(name, descriptions[name], before[name], after[name], params["kms_key_id"])
        for name in names
    }
    if "certificate" in after["ca"]:
        left = certificates.days_left(after["ca"]["certificate"])
        if left < AUTHORITY_DAYS:
            module.warn(
                f"The certificate authority of the stack {params['stack']} ends in {left} days. Run"
                f" playbooks/rotate_authority.yml."
            )
    missing = due(after, wanted)
    if changes.check_mode:
        for one in missing:
            changes.apply(f"certificate {one['name']}", None, one["why"], dict)
    return {
        "arns": {name: arn for name, arn in arns.items() if arn},
        "due": missing,
        "certificates": {tier: fingerprint(after[tier]) for tier in layout.TIERS},
    }


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    store = Store(module.client("secretsmanager"), changes, module.params["stack"])
    for name in (*NAMES, EDGE):
        store.delete(name, module.params["recovery_days"])
    return {}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ["addresses"])],
    )
    run(module, present if module.params["state"] == "present" else absent)


if __name__ == "__main__":
    main()
