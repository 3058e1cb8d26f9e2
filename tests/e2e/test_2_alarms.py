"""Members are lost and kept away: the right alarms are raised, told and cleared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from chatlift_member.metrics_cloudwatch import OF_EVERY_TIER, OF_TIER

from tests.e2e.stack import Stack, rehearsal, wait_for

KNOWN = 240  # seconds for the longest period that an alarm looks at, which is five minutes
QUIET = 120  # seconds for what earlier tests have raised to be over
RAISED = 120  # seconds for alarms of three minutes, each of which takes the rehearsal ten seconds
SHOWN = 15  # seconds for the rehearsal, which looks at its own state every second
BACK = 240  # seconds for members to come back and their alarms to see it


@pytest.fixture
def queue(stack: Stack) -> Iterator[str]:
    """The URL of a queue that gets what the stack's topic gets."""
    sns, sqs = stack.client("sns"), stack.client("sqs")
    url: str = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    topic = next(
        one["TopicArn"]
        for one in sns.list_topics()["Topics"]
        if one["TopicArn"].endswith(f":chatlift-{stack.name}-alarms")
    )
    subscription = sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"]
    )
    yield url
    sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
    sqs.delete_queue(QueueUrl=url)


def _raised(stack: Stack) -> set[str]:
    """The alarms that are raised, without ``chatlift-<stack>-``."""
    prefix = f"chatlift-{stack.name}-"
    found = stack.client("cloudwatch").describe_alarms(
        AlarmNamePrefix=prefix, StateValue="ALARM", AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    alarms = found["MetricAlarms"] + found["CompositeAlarms"]
    return {alarm["AlarmName"].removeprefix(prefix) for alarm in alarms}


def _shown(stack: Stack) -> set[str]:
    """The alarms that the rehearsal shows, without ``chatlift-<stack>-``."""
    alarms = json.loads(rehearsal("status", "--json"))["alarms"]
    return {one["name"].removeprefix(f"chatlift-{stack.name}-") for one in alarms}


def _told(stack: Stack, queue: str) -> list[tuple[str, str]]:
    """What came to the queue: name and state, in order."""
    sqs, told = stack.client("sqs"), []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            body: dict[str, Any] = json.loads(json.loads(message["Body"])["Message"])
            name = body["AlarmName"].removeprefix(f"chatlift-{stack.name}-")
            told.append((name, body["NewStateValue"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return told


def test_every_figure_that_alarms_watch_is_there(stack: Stack) -> None:
    """A figure that never comes would leave its alarm in INSUFFICIENT_DATA, or silent for ever."""

    def unknown() -> set[str]:
        found = stack.client("cloudwatch").describe_alarms(
            AlarmNamePrefix=f"chatlift-{stack.name}-", StateValue="INSUFFICIENT_DATA"
        )
        return {alarm["AlarmName"] for alarm in found["MetricAlarms"]}

    wait_for("every alarm to have figures", lambda: not unknown(), KNOWN)
    published = {
        ({d["Name"]: d["Value"] for d in metric["Dimensions"]}["Tier"], metric["MetricName"])
        for page in stack.client("cloudwatch")
        .get_paginator("list_metrics")
        .paginate(Namespace="chatlift")
        for metric in page["Metrics"]
    }
    known = {
        (tier, source.name)
        for tier, sources in OF_TIER.items()
        for source in (*OF_EVERY_TIER, *sources)
    }
    # Replicated Redis has no slots; a stack of this name that had may have published theirs before.
    needed = known if stack.redis_topology == "cluster" else known - {("redis", "SlotsUncovered")}
    assert needed <= published <= known


def test_lost_members_raise_their_alarms_until_they_are_back(stack: Stack, queue: str) -> None:
    wait_for("every alarm to be over", lambda: not _raised(stack), QUIET)
    lost = [stack.leaders("mysql")[0], stack.leaders("redis")[0]]
    expected = {f"{member.name}-out-of-service" for member in lost} | {"mysql-members"}
    groups = stack.client("autoscaling")
    held = [f"chatlift-{stack.name}-{member.name}" for member in lost]
    for group in held:
        groups.suspend_processes(AutoScalingGroupName=group, ScalingProcesses=["Launch"])
    try:
        for member in lost:
            rehearsal("kill", member.id)
        wait_for(f"{expected} to be raised", lambda: expected <= _raised(stack), RAISED)
        wait_for("them to be shown", lambda: expected <= _shown(stack), SHOWN)
    finally:
        for group in held:
            groups.resume_processes(AutoScalingGroupName=group, ScalingProcesses=["Launch"])
    wait_for("every alarm to be over again", lambda: not _raised(stack), BACK)
    told = _told(stack, queue)
    for name in expected:
        assert [state for alarm, state in told if alarm == name] == ["ALARM", "OK"]
