# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The listeners of the load balancer, and their rules: what is not wanted is removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import UNKNOWN, Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    pages,
    shaped_like,
    tag_list,
)

ORIGIN_HEADER = "X-Chatlift-Origin"

REDIRECT = {
    "Type": "redirect",
    "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"},
}
REFUSE = {
    "Type": "fixed-response",
    "FixedResponseConfig": {
        "StatusCode": "403",
        "ContentType": "text/plain",
        "MessageBody": "Use the address of the application.",
    },
}


@dataclass(frozen=True)
class Listener:
    """A listener as it is wanted; ``rules`` are its rules by priority, the default one aside."""

    settings: dict[str, Any]
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.settings["Port"])


def plan(
    target_group_arn: str, certificate_arn: str, tls_policy: str, origin_header: str
) -> list[Listener]:
    """The listeners in the order of their making: clients are never led to one that is not there.

    With a certificate, clients are served on port 443 and port 80 leads there. With the value of an
    origin header, only requests that carry it are served.
    """
    forward = {"Type": "forward", "TargetGroupArn": target_group_arn}
    serving: dict[str, Any] = {"Port": 80, "Protocol": "HTTP", "DefaultActions": [forward]}
    rules: dict[str, dict[str, Any]] = {}
    if origin_header:
        header = {"HttpHeaderName": ORIGIN_HEADER, "Values": [origin_header]}
        condition = {"Field": "http-header", "HttpHeaderConfig": header}
        rules = {"1": {"Conditions": [condition], "Actions": [forward]}}
        serving["DefaultActions"] = [REFUSE]
    if not certificate_arn:
        return [Listener(serving, rules)]
    serving |= {
        "Port": 443,
        "Protocol": "HTTPS",
        "Certificates": [{"CertificateArn": certificate_arn}],
        "SslPolicy": tls_policy,
    }
    plain = Listener({"Port": 80, "Protocol": "HTTP", "DefaultActions": [REDIRECT]})
    return [Listener(serving, rules), plain]


def find(elbv2: Any, arn: str) -> list[dict[str, Any]]:
    """The listeners of the load balancer ``arn``."""
    if arn == UNKNOWN:
        return []
    return pages(elbv2, "describe_listeners", "Listeners", LoadBalancerArn=arn)


def certificates(found: list[dict[str, Any]]) -> set[str]:
    """The ARNs of the certificates that listeners have."""
    return {one["CertificateArn"] for own in found for one in own.get("Certificates", [])}


def ensure(
    elbv2: Any,
    changes: Changes,
    balancer: str,
    arn: str,
    found: list[dict[str, Any]],
    wanted: list[Listener],
    tags: dict[str, str],
) -> dict[str, str]:
    """Bring the listeners that were found of the load balancer ``arn`` to what is wanted.

    Returns the names of listeners and rules by their ARNs, those of new ones left out: they were
    tagged when they were made.
    """
    present = {listener["Port"]: listener for listener in found}
    names = {}
    for listener in wanted:
        name = f"{balancer}-{listener.port}"
        own_tags = {**tags, "Name": name}
        current = present.pop(listener.port, None)
        if current is None:
            listener_arn = _create(elbv2, changes, name, arn, listener, own_tags)
        else:
            listener_arn = current["ListenerArn"]
            names[listener_arn] = name
            _update(elbv2, changes, name, listener, current)
        rules = _ensure_rules(elbv2, changes, name, listener_arn, listener, own_tags)
        names.update(dict.fromkeys(rules, name))
    for port, listener in present.items():
        changes.apply(
            f"listener {balancer}-{port}",
            "present",
            None,
            elbv2.delete_listener,
            ListenerArn=listener["ListenerArn"],
        )
    return names


def _create(
    elbv2: Any,
    changes: Changes,
    name: str,
    balancer_arn: str,
    listener: Listener,
    tags: dict[str, str],
) -> str:
    made = changes.apply(
        f"listener {name}",
        None,
        listener.settings,
        elbv2.create_listener,
        LoadBalancerArn=balancer_arn,
        Tags=tag_list(tags),
        **listener.settings,
    )
    return made["Listeners"][0]["ListenerArn"] if made else UNKNOWN


def _update(
    elbv2: Any, changes: Changes, name: str, listener: Listener, current: dict[str, Any]
) -> None:
    before = shaped_like(listener.settings, current)
    if before != listener.settings:
        changes.apply(
            f"listener {name}",
            before,
            listener.settings,
            elbv2.modify_listener,
            ListenerArn=current["ListenerArn"],
            **listener.settings,
        )


def _ensure_rules(
    elbv2: Any,
    changes: Changes,
    name: str,
    listener_arn: str,
    listener: Listener,
    tags: dict[str, str],
) -> list[str]:
    """Returns the ARNs of the rules that were there and stay."""
    found = (
        pages(elbv2, "describe_rules", "Rules", ListenerArn=listener_arn)
        if listener_arn != UNKNOWN
        else []
    )
    present = {rule["Priority"]: rule for rule in found if not rule["IsDefault"]}
    kept = []
    for priority, rule in listener.rules.items():
        what = f"rule {priority} of listener {name}"
        current = present.pop(priority, None)
        if current is None:
            changes.apply(
                what,
                None,
                rule,
                elbv2.create_rule,
                ListenerArn=listener_arn,
                Priority=int(priority),
                Tags=tag_list(tags),
                **rule,
            )
            continue
        kept.append(current["RuleArn"])
        before = shaped_like(rule, current)
        if before != rule:
            changes.apply(what, before, rule, elbv2.modify_rule, RuleArn=current["RuleArn"], **rule)
    for priority, rule in present.items():
        changes.apply(
            f"rule {priority} of listener {name}",
            "present",
            None,
            elbv2.delete_rule,
            RuleArn=rule["RuleArn"],
        )
    return kept
