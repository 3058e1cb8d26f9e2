# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The web ACL of AWS WAF that a stack's distribution may have."""

from __future__ import annotations

from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import UNKNOWN, Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    error_code,
    holds,
    retry_while,
    tag_list,
)

# Those of CloudFront are all here.
REGION = "us-east-1"
SCOPE = "CLOUDFRONT"

# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
MANAGED = (
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
)


def ensure(wafv2: Any, changes: Changes, stack: str, rate_limit: int) -> str:
    """The ARN of the stack's web ACL, which refuses an address more than ``rate_limit`` requests
    in five minutes."""
    name = f"chatlift-{stack}"
    wanted = {
        "DefaultAction": {"Allow": {}},
        "Rules": _rules(rate_limit),
        "VisibilityConfig": _visibility(name),
    }
    found = _find(wafv2, name)
    if found is None:
        made = changes.apply(
            "web ACL",
            None,
            wanted,
            wafv2.create_web_acl,
            Name=name,
            Scope=SCOPE,
            Tags=tag_list(layout.tags(stack, name)),
            **wanted,
        )
        return str(made.get("Summary", {}).get("ARN", UNKNOWN))
    current = wafv2.get_web_acl(Name=name, Scope=SCOPE, Id=found["Id"])
    if not holds(current["WebACL"], wanted):
        changes.apply(
            "web ACL",
            {key: current["WebACL"].get(key) for key in wanted},
            wanted,
            wafv2.update_web_acl,
            Name=name,
            Scope=SCOPE,
            Id=found["Id"],
            LockToken=current["LockToken"],
            **wanted,
        )
    return str(found["ARN"])


def delete(wafv2: Any, changes: Changes, stack: str, timeout: float) -> None:
    """Delete the stack's web ACL, as soon as no distribution has it any more."""
    name = f"chatlift-{stack}"
    found = _find(wafv2, name)
    if found is not None:
        changes.apply(
            "web ACL",
            "present",
            None,
            retry_while,
            is_temporary=lambda error: error_code(error) == "WAFAssociatedItemException",
            call=wafv2.delete_web_acl,
            what=f"the web ACL {name} to be free of distributions",
            timeout=timeout,
            Name=name,
            Scope=SCOPE,
            Id=found["Id"],
            LockToken=found["LockToken"],
        )


def _find(wafv2: Any, name: str) -> dict[str, Any] | None:
    marker: dict[str, str] = {}
    while True:
        page = wafv2.list_web_acls(Scope=SCOPE, **marker)
        for one in page["WebACLs"]:
            if one["Name"] == name:
                return dict(one)
        if not page.get("NextMarker"):
            return None
        marker = {"NextMarker": page["NextMarker"]}


def _rules(rate_limit: int) -> list[dict[str, Any]]:
    limit = {
        "Name": "rate-limit",
        "Priority": 0,
        "Statement": {"RateBasedStatement": {"Limit": rate_limit, "AggregateKeyType": "IP"}},
        "Action": {"Block": {}},
        "VisibilityConfig": _visibility("rate-limit"),
    }
    managed = [
        {
            "Name": name,
            "Priority": priority,
            "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name}},
            "OverrideAction": {"None": {}},
            "VisibilityConfig": _visibility(name),
        }
        for priority, name in enumerate(MANAGED, start=1)
    ]
    return [limit, *managed]


def _visibility(metric: str) -> dict[str, Any]:
    return {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": metric}
