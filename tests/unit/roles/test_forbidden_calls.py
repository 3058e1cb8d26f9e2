"""What each instance may do in AWS and what it may not, call by call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from ..conftest import REGION, STACK
from ..policy import Context, allows, several
from .iam_policies import render

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Resource:
    """Something in AWS, by its ARN, with the tags that a condition sees."""

    arn: str
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def context(self) -> dict[str, str]:
        return {f"aws:ResourceTag/{key}": value for key, value in self.tags.items()}


def _arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def _tags(tier: str, member: str = "", stack: str = STACK) -> dict[str, str]:
    tags = {"chatlift:stack": stack, "chatlift:tier": tier}
    return {**tags, "chatlift:member": member} if member else tags


def instance(tier: str, member: str = "", stack: str = STACK) -> Resource:
    return Resource(_arn("ec2", "instance/i-1"), _tags(tier, member, stack))


def volume(tier: str, member: str, stack: str = STACK) -> Resource:
    return Resource(_arn("ec2", "volume/vol-1"), _tags(tier, member, stack))


def group(part: str, stack: str = STACK) -> Resource:
    tier = part.split("-")[0]
    name = f"autoScalingGroup:1:autoScalingGroupName/chatlift-{stack}-{part}"
    return Resource(_arn("autoscaling", name), _tags(tier, part if part != tier else "", stack))


def secret(tier: str, stack: str = STACK) -> Resource:
    name = f"secret:chatlift/{stack}/{tier}-AbC123"
    return Resource(_arn("secretsmanager", name), _tags(tier, stack=stack))


def log_stream(tier: str, stack: str = STACK) -> Resource:
    return Resource(_arn("logs", f"log-group:/chatlift/{stack}/{tier}:log-stream:i-1"))


ANY = Resource("*")
ROLE = Resource(f"arn:aws:iam::{ACCOUNT}:role/chatlift/{STACK}/chatlift-{STACK}-app")
FIREWALL = Resource(_arn("ec2", "security-group/sg-1"), _tags("app"))
STRANGER = Resource(_arn("ec2", "volume/vol-9"))

READ = "secretsmanager:GetSecretValue"
ATTACH = "ec2:AttachVolume"
DETACH = "ec2:DetachVolume"
COMPLETE = "autoscaling:CompleteLifecycleAction"
WRITE = "logs:PutLogEvents"
PUBLISH = "cloudwatch:PutMetricData"
TAG = "ec2:CreateTags"
CERTIFICATES: Context = {"aws:TagKeys": ["chatlift:certificates"]}
REPORT: Context = {"aws:TagKeys": ["chatlift:report"]}
REQUEST: Context = {"aws:TagKeys": ["chatlift:request"]}
MEMBER: Context = {"aws:TagKeys": ["chatlift:member"]}
BOTH: Context = {"aws:TagKeys": ["chatlift:certificates", "chatlift:member"]}
OURS = {"cloudwatch:namespace": "chatlift"}

TABLE: list[tuple[str, str, Resource, Context, bool]] = [
    # Secrets: the tier's own, of the own stack.
    ("app", READ, secret("app"), {}, True),
    ("app", READ, secret("redis"), {}, False),
    ("app", READ, secret("mysql"), {}, False),
    ("app", READ, secret("ca"), {}, False),
    ("redis-a1", READ, secret("redis"), {}, True),
    ("redis-a1", READ, secret("mysql"), {}, False),
    ("redis-a1", READ, secret("ca"), {}, False),
    ("redis-a1", READ, secret("redis", "other"), {}, False),
    ("redis-a1", READ, Resource(secret("redis").arn + "-AbC123"), {}, False),
    ("mysql-a1", READ, secret("mysql"), {}, True),
    ("mysql-a1", READ, secret("app"), {}, False),
    ("mysql-a1", "secretsmanager:PutSecretValue", secret("mysql"), {}, False),
    # Volumes: the member's own, to the member's own instance.
    ("redis-a1", ATTACH, volume("redis", "redis-a1"), {}, True),
    ("redis-a1", ATTACH, instance("redis", "redis-a1"), {}, True),
    ("redis-a1", DETACH, volume("redis", "redis-a1"), {}, True),
    ("redis-a1", ATTACH, volume("redis", "redis-b1"), {}, False),
    ("redis-a1", ATTACH, instance("redis", "redis-b1"), {}, False),
    ("redis-a1", DETACH, volume("redis", "redis-b1"), {}, False),
    ("redis-a1", ATTACH, volume("mysql", "mysql-a1"), {}, False),
    ("redis-a1", ATTACH, volume("redis", "redis-a1", "other"), {}, False),
    ("redis-a1", ATTACH, STRANGER, {}, False),
    ("redis-a1", "ec2:DeleteVolume", volume("redis", "redis-a1"), {}, False),
    ("redis-a1", "ec2:CreateSnapshot", volume("redis", "redis-a1"), {}, False),
    ("app", ATTACH, volume("redis", "redis-a1"), {}, False),
    ("app", "ec2:DescribeVolumes", ANY, {}, False),
    ("mysql-a1", "ec2:DescribeVolumes", ANY, {}, True),
    # Lifecycle: the own group's.
    ("redis-a1", COMPLETE, group("redis-a1"), {}, True),
    ("redis-a1", COMPLETE, group("redis-b1"), {}, False),
    ("redis-a1", COMPLETE, group("redis-a1", "other"), {}, False),
    ("redis-a1", "autoscaling:SetDesiredCapacity", group("redis-a1"), {}, False),
    ("redis-a1", "autoscaling:TerminateInstanceInAutoScalingGroup", group("redis-a1"), {}, False),
    ("app", COMPLETE, group("app"), {}, True),
    ("app", "autoscaling:RecordLifecycleActionHeartbeat", group("app"), {}, True),
    ("app", COMPLETE, group("mysql-a1"), {}, False),
    ("app", "autoscaling:DescribeAutoScalingInstances", ANY, {}, True),
    # Tags: those that tell of the own instance. Only the account asks a member for something.
    ("redis-a1", TAG, instance("redis", "redis-a1"), CERTIFICATES, True),
    ("redis-a1", TAG, instance("redis", "redis-b1"), CERTIFICATES, False),
    ("redis-a1", TAG, instance("redis", "redis-a1"), MEMBER, False),
    ("redis-a1", TAG, instance("redis", "redis-a1"), BOTH, False),
    ("redis-a1", TAG, instance("redis", "redis-a1"), {}, False),
    ("redis-a1", TAG, volume("redis", "redis-a1"), CERTIFICATES, False),
    ("redis-a1", TAG, instance("redis", "redis-a1"), REPORT, True),
    ("redis-a1", TAG, instance("redis", "redis-a1"), REQUEST, False),
    ("redis-a1", TAG, instance("redis", "redis-b1"), REQUEST, False),
    ("redis-a1", TAG, instance("redis", "redis-b1"), REPORT, False),
    ("app", TAG, instance("app"), CERTIFICATES, True),
    ("app", TAG, instance("app"), REPORT, False),
    ("app", TAG, instance("mysql", "mysql-a1"), CERTIFICATES, False),
    ("redis-a1", "ec2:DeleteTags", instance("redis", "redis-a1"), CERTIFICATES, False),
    # Logs: the tier's.
    ("mysql-a1", WRITE, log_stream("mysql"), {}, True),
    ("mysql-a1", "logs:CreateLogStream", log_stream("mysql"), {}, True),
    ("mysql-a1", WRITE, log_stream("redis"), {}, False),
    ("mysql-a1", WRITE, log_stream("mysql", "other"), {}, False),
    ("mysql-a1", WRITE, log_stream("flow"), {}, False),
    ("mysql-a1", "logs:DeleteLogStream", log_stream("mysql"), {}, False),
    ("mysql-a1", "logs:GetLogEvents", log_stream("mysql"), {}, False),
    # Figures: in our namespace, so that nobody can silence an alarm on AWS' own.
    ("app", PUBLISH, ANY, OURS, True),
    ("mysql-a1", PUBLISH, ANY, OURS, True),
    ("app", PUBLISH, ANY, {"cloudwatch:namespace": "AWS/ApplicationELB"}, False),
    ("app", PUBLISH, ANY, {}, False),
    ("app", "cloudwatch:SetAlarmState", ANY, {}, False),
    # What no instance does.
    ("app", "iam:PassRole", ROLE, {}, False),
    ("mysql-a1", "ec2:RunInstances", instance("mysql", "mysql-a1"), {}, False),
    ("mysql-a1", "ec2:TerminateInstances", instance("mysql", "mysql-a1"), {}, False),
    ("app", "ec2:AuthorizeSecurityGroupIngress", FIREWALL, {}, False),
    ("app", "s3:GetObject", Resource("arn:aws:s3:::chatlift-demo-edge/index.html"), {}, False),
    ("app", "kms:Decrypt", Resource(_arn("kms", "key/1")), {}, False),
    ("app", "ssm:UpdateInstanceInformation", ANY, {}, False),
]


@pytest.fixture(scope="module")
def policies() -> dict[str, Any]:
    return render()


@pytest.mark.parametrize(
    ("who", "action", "resource", "request_context", "allowed"),
    [
        pytest.param(*row, id=f"{row[0]} {row[1]} {row[2].arn.rpartition(':')[2]} {number}")
        for number, row in enumerate(TABLE)
    ],
)
def test_a_call(
    policies: dict[str, Any],
    who: str,
    action: str,
    resource: Resource,
    request_context: Context,
    allowed: bool,
) -> None:
    context = {**resource.context, **request_context}
    assert allows(policies[who], action, resource.arn, context) is allowed


def test_the_table_has_every_action_that_is_allowed_at_all(policies: dict[str, Any]) -> None:
    allowed = {action for _who, action, _resource, _context, allowed in TABLE if allowed}
    granted = {
        action
        for statements in policies.values()
        for statement in statements
        for action in several(statement["Action"])
    }
    assert allowed == granted
