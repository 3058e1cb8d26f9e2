# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Log groups of CloudWatch Logs: made, mended and deleted."""

from __future__ import annotations

from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import pages


class LogGroups:
    """The log groups of a stack, by what they are for: a tier, or something else that logs."""

    def __init__(self, client: Any, changes: Changes, stack: str) -> None:
        self.client = client
        self.changes = changes
        self.stack = stack
        prefix = layout.log_group_name(stack, "")
        found = pages(client, "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)
        self.present = {group["logGroupName"]: group for group in found}

    def ensure(self, tier: str, retention_days: int, kms_key_arn: str) -> None:
        """Keep a group with this retention (0: for ever) and key (empty: CloudWatch Logs' own)."""
        name = layout.log_group_name(self.stack, tier)
        group = self.present.get(name)
        if group is None:
            group = self._create(name, tier, kms_key_arn)
        self._ensure_retention(name, group.get("retentionInDays", 0), retention_days)
        self._ensure_key(name, group.get("kmsKeyId", ""), kms_key_arn)

    def delete_all(self) -> None:
        """Delete every group of the stack with all that it holds."""
        for name in self.present:
            self.changes.apply(
                name, "present", None, self.client.delete_log_group, logGroupName=name
            )

    def _create(self, name: str, tier: str, kms_key_arn: str) -> dict[str, Any]:
        key = {"kmsKeyId": kms_key_arn} if kms_key_arn else {}
        self.changes.apply(
            name,
            None,
            "present",
            self.client.create_log_group,
            logGroupName=name,
            tags=layout.tags(self.stack, name, tier if tier in layout.TIERS else None),
            **key,
        )
        return key

    def _ensure_retention(self, name: str, before: int, wanted: int) -> None:
        if before == wanted:
            return
        what = f"days for which {name} keeps entries"
        if wanted:
            self.changes.apply(
                what,
                before,
                wanted,
                self.client.put_retention_policy,
                logGroupName=name,
                retentionInDays=wanted,
            )
        else:
            self.changes.apply(
                what, before, wanted, self.client.delete_retention_policy, logGroupName=name
            )

    def _ensure_key(self, name: str, before: str, wanted: str) -> None:
        if before == wanted:
            return
        what = f"key of {name}"
        if wanted:
            self.changes.apply(
                what,
                before,
                wanted,
                self.client.associate_kms_key,
                logGroupName=name,
                kmsKeyId=wanted,
            )
        else:
            self.changes.apply(
                what, before, wanted, self.client.disassociate_kms_key, logGroupName=name
            )
