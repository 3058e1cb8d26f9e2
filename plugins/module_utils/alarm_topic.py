# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The SNS topic that a stack's alarms tell, and who hears it."""

from __future__ import annotations

from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    pages,
    tag_dict,
    tag_list,
)


def find_arn(sts: Any, region: str, name: str) -> str:
    """The ARN that a topic of this account has, whether it exists or not."""
    caller = sts.get_caller_identity()
    partition = caller["Arn"].split(":")[1]
    return f"arn:{partition}:sns:{region}:{caller['Account']}:{name}"


def ensure(
    sns: Any,
    changes: Changes,
    arn: str,
    *,
    tags: dict[str, str],
    kms_key_id: str,
    subscriptions: list[dict[str, str]],
) -> None:
    """Make the topic, or bring its key, tags and subscriptions to what is wanted."""
    name = arn.rsplit(":", 1)[1]
    current = _attributes(sns, arn)
    if current is None:
        key = {"KmsMasterKeyId": kms_key_id} if kms_key_id else {}
        changes.apply(
            f"topic {name}",
            None,
            {"key": kms_key_id},
            sns.create_topic,
            Name=name,
            Attributes=key,
            Tags=tag_list(tags),
        )
    else:
        _ensure_key(sns, changes, arn, current.get("KmsMasterKeyId", ""), kms_key_id)
        _ensure_tags(sns, changes, arn, tags)
    present = _subscriptions(sns, arn) if current is not None else {}
    _subscribe(sns, changes, arn, present, subscriptions)


def delete(sns: Any, changes: Changes, arn: str) -> None:
    """Delete the topic, and with it its subscriptions."""
    if _attributes(sns, arn) is not None:
        name = arn.rsplit(":", 1)[1]
        changes.apply(f"topic {name}", "present", None, sns.delete_topic, TopicArn=arn)


def _attributes(sns: Any, arn: str) -> dict[str, str] | None:
    try:
        found: dict[str, str] = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    except sns.exceptions.NotFoundException:
        return None
    return found


def _ensure_key(sns: Any, changes: Changes, arn: str, before: str, wanted: str) -> None:
    if before != wanted:
        changes.apply(
            f"key of topic {arn.rsplit(':', 1)[1]}",
            before,
            wanted,
            sns.set_topic_attributes,
            TopicArn=arn,
            AttributeName="KmsMasterKeyId",
            AttributeValue=wanted,
        )


def _ensure_tags(sns: Any, changes: Changes, arn: str, wanted: dict[str, str]) -> None:
    present = tag_dict(sns.list_tags_for_resource(ResourceArn=arn)["Tags"])
    missing = {key: value for key, value in wanted.items() if present.get(key) != value}
    if missing:
        changes.apply(
            f"tags of topic {arn.rsplit(':', 1)[1]}",
            {key: present.get(key) for key in missing},
            missing,
            sns.tag_resource,
            ResourceArn=arn,
            Tags=tag_list(missing),
        )


def _subscriptions(sns: Any, arn: str) -> dict[tuple[str, str], str]:
    """The ARN of each subscription by protocol and endpoint.

    Of one that nobody has confirmed yet AWS says ``PendingConfirmation``; it ends by itself.
    """
    found = pages(sns, "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn)
    return {(one["Protocol"], one["Endpoint"]): one["SubscriptionArn"] for one in found}


def _subscribe(
    sns: Any,
    changes: Changes,
    arn: str,
    present: dict[tuple[str, str], str],
    subscriptions: list[dict[str, str]],
) -> None:
    wanted = [(one["protocol"], one["endpoint"]) for one in subscriptions]
    for protocol, endpoint in wanted:
        if (protocol, endpoint) not in present:
            changes.apply(
                f"subscription {protocol} {endpoint}",
                None,
                "present",
                sns.subscribe,
                TopicArn=arn,
                Protocol=protocol,
                Endpoint=endpoint,
            )
    for (protocol, endpoint), subscription in present.items():
        if (protocol, endpoint) not in wanted and subscription.startswith("arn:"):
            changes.apply(
                f"subscription {protocol} {endpoint}",
                "present",
                None,
                sns.unsubscribe,
                SubscriptionArn=subscription,
            )
