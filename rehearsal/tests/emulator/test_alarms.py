"""Alarms change by themselves, say why, tell their topics, and carry composite alarms with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chatlift_rehearsal.model import MetricFigure

from .conftest import REGION, Cloud

DIMENSIONS = [{"Name": "Stack", "Value": "demo"}, {"Name": "Tier", "Value": "mysql"}]


@pytest.fixture
def topic(cloud: Cloud) -> str:
    """A topic whose messages end in the queue ``heard``."""
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    arn: str = sns.create_topic(Name="alarms")["TopicArn"]
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue["Attributes"]["QueueArn"])
    return arn


def heard(cloud: Cloud) -> list[dict[str, Any]]:
    """What the topic got since it was last asked."""
    sqs = cloud.client("sqs")
    url = sqs.get_queue_url(QueueName="heard")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    bodies = [json.loads(message["Body"]) for message in found]
    return [json.loads(body["Message"]) | {"Subject": body["Subject"]} for body in bodies]


def alarm(cloud: Cloud, name: str = "no-primary", **changes: Any) -> None:
    """An alarm for a tier of which nobody leads for a minute."""
    settings: dict[str, Any] = {
        "Namespace": "chatlift",
        "MetricName": "Primary",
        "Dimensions": DIMENSIONS,
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "breaching",
    }
    cloud.client("cloudwatch").put_metric_alarm(AlarmName=name, **{**settings, **changes})


def minute(cloud: Cloud, *values: float, name: str = "Primary") -> None:
    """Let a minute pass in whose first half these figures were published."""
    cloud.seconds = (cloud.seconds // 60 + 1) * 60 + 1
    data = [{"MetricName": name, "Dimensions": DIMENSIONS, "Value": value} for value in values]
    if data:
        cloud.client("cloudwatch").put_metric_data(Namespace="chatlift", MetricData=data)
    cloud.wait(60)


def state(cloud: Cloud, name: str = "no-primary") -> str:
    client = cloud.client("cloudwatch")
    found = client.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    [one] = found["MetricAlarms"] + found["CompositeAlarms"]
    return str(one["StateValue"])


def test_an_alarm_is_raised_and_cleared_by_its_figures(cloud: Cloud, topic: str) -> None:
    alarm(cloud, AlarmActions=[topic], OKActions=[topic])
    assert state(cloud) == "INSUFFICIENT_DATA"
    minute(cloud, 0, 1)
    assert state(cloud) == "OK"
    minute(cloud, 0, 0)
    assert state(cloud) == "ALARM"
    minute(cloud, 0, 1)
    assert state(cloud) == "OK"
    told = heard(cloud)
    assert [one["NewStateValue"] for one in told] == ["OK", "ALARM", "OK"]
    assert told[1]["Subject"] == f'ALARM: "no-primary" in {REGION}'
    assert "the last 1 datapoints are [0]" in told[1]["NewStateReason"]
    assert told[1]["Trigger"]["Dimensions"] == [
        {"name": "Stack", "value": "demo"},
        {"name": "Tier", "value": "mysql"},
    ]


def test_figures_of_other_dimensions_are_another_metrics(cloud: Cloud) -> None:
    alarm(cloud, TreatMissingData="missing")
    member = [*DIMENSIONS, {"Name": "Member", "Value": "mysql-a1"}]
    cloud.client("cloudwatch").put_metric_data(
        Namespace="chatlift",
        MetricData=[{"MetricName": "Primary", "Dimensions": member, "Value": 1}],
    )
    cloud.wait(60)
    assert state(cloud) == "INSUFFICIENT_DATA"


def test_silence_is_what_the_alarm_says_it_is(cloud: Cloud) -> None:
    for treatment in ("missing", "ignore", "breaching", "notBreaching"):
        alarm(cloud, treatment, TreatMissingData=treatment)
    minute(cloud, 1)
    for _ in range(4):
        minute(cloud)
    assert state(cloud, "missing") == "INSUFFICIENT_DATA"
    assert state(cloud, "ignore") == "OK"
    assert state(cloud, "breaching") == "ALARM"
    assert state(cloud, "notBreaching") == "OK"


def test_enough_of_the_last_periods_make_an_alarm(cloud: Cloud) -> None:
    alarm(cloud, EvaluationPeriods=3, DatapointsToAlarm=2, TreatMissingData="notBreaching")
    states = []
    for value in (1, 0, 1, 0, 1, 1):
        minute(cloud, value)
        states.append(state(cloud))
    assert states == ["OK", "OK", "OK", "ALARM", "OK", "OK"]


def test_a_changed_alarm_keeps_its_state_and_its_tags(cloud: Cloud) -> None:
    client = cloud.client("cloudwatch")
    alarm(cloud, Tags=[{"Key": "chatlift:stack", "Value": "demo"}])
    minute(cloud, 0)
    alarm(cloud, EvaluationPeriods=2, Tags=[{"Key": "other", "Value": "x"}])
    assert state(cloud) == "ALARM"
    [found] = client.describe_alarms()["MetricAlarms"]
    assert found["EvaluationPeriods"] == 2
    tags = client.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]
    assert tags == [{"Key": "chatlift:stack", "Value": "demo"}]


def test_the_history_tells_what_happened(cloud: Cloud, topic: str) -> None:
    alarm(cloud, AlarmActions=[topic])
    minute(cloud, 0)
    items = cloud.client("cloudwatch").describe_alarm_history(
        AlarmName="no-primary", ScanBy="TimestampAscending"
    )["AlarmHistoryItems"]
    assert [(item["HistoryItemType"], item["HistorySummary"]) for item in items] == [
        ("ConfigurationUpdate", 'Alarm "no-primary" created'),
        ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM"),
        ("Action", f"Successfully executed action {topic}"),
    ]


def test_a_composite_alarm_follows_its_rule(cloud: Cloud, topic: str) -> None:
    client = cloud.client("cloudwatch")
    for name in ("one", "two"):
        alarm(cloud, name, TreatMissingData="notBreaching")
    rule = 'ALARM("one") OR (NOT OK("two") AND TRUE)'
    client.put_composite_alarm(AlarmName="serving", AlarmRule=rule, AlarmActions=[topic])
    minute(cloud, 1)
    assert state(cloud, "serving") == "OK"
    minute(cloud, 0)
    assert state(cloud, "serving") == "ALARM"
    [told] = heard(cloud)
    assert told["AlarmRule"] == rule
    assert told["NewStateReason"] == "The rule is True: one is ALARM, two is ALARM."
    assert not client.describe_alarms(AlarmNames=["serving"])["MetricAlarms"]


def test_an_operator_may_set_a_state_until_the_next_look(cloud: Cloud, topic: str) -> None:
    alarm(cloud, AlarmActions=[topic])
    minute(cloud, 1)
    client = cloud.client("cloudwatch")
    client.set_alarm_state(AlarmName="no-primary", StateValue="ALARM", StateReason="a test")
    assert heard(cloud)[0]["NewStateReason"] == "a test"
    minute(cloud, 1)
    assert state(cloud) == "OK"


def test_alarms_without_actions_tell_nobody(cloud: Cloud, topic: str) -> None:
    alarm(cloud, AlarmActions=[topic], ActionsEnabled=False)
    minute(cloud, 0)
    assert state(cloud) == "ALARM"
    assert heard(cloud) == []


def _refused(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return str(error.value.response["Error"]["Message"])


def test_what_a_rule_names_has_to_exist_and_stays(cloud: Cloud) -> None:
    client = cloud.client("cloudwatch")
    put = client.put_composite_alarm
    assert "alarms [one]" in _refused(put, AlarmName="serving", AlarmRule="ALARM(one)")
    alarm(cloud, "one")
    assert "invalid syntax" in _refused(put, AlarmName="serving", AlarmRule="ALARM(one) OR")
    put(AlarmName="serving", AlarmRule="ALARM(one)")
    assert "depending on it" in _refused(client.delete_alarms, AlarmNames=["one"])
    client.delete_alarms(AlarmNames=["serving"])
    client.delete_alarms(AlarmNames=["one", "nonesuch"])
    assert client.describe_alarms()["MetricAlarms"] == []


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"Period": 45}, "Period"),
        ({"Period": 10, "Namespace": "AWS/ApplicationELB"}, "Period"),
        ({"EvaluationPeriods": 1441}, "EvaluationPeriods"),
        ({"EvaluationPeriods": 2, "DatapointsToAlarm": 3}, "DatapointsToAlarm"),
        ({"TreatMissingData": "bad"}, "TreatMissingData"),
        ({"AlarmActions": [f"arn:aws:sns:{REGION}:1:t{n}" for n in range(6)]}, "AlarmActions"),
    ],
)
def test_what_aws_refuses_is_refused(cloud: Cloud, changes: dict[str, Any], parameter: str) -> None:
    assert f"for parameter {parameter}" in _refused(alarm, cloud=cloud, **changes)


def test_many_alarms_come_in_pages(cloud: Cloud) -> None:
    for number in range(60):
        alarm(cloud, f"alarm-{number:02}")
    pages = (
        cloud.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix="alarm-")
    )
    counts = [len(page["MetricAlarms"]) for page in pages]
    assert counts == [50, 10]


def test_groups_publish_what_they_are_asked_to(cloud: Cloud) -> None:
    cloud.template("app")
    cloud.group("app", desired=2, AvailabilityZones=[f"{REGION}a"])
    cloud.start_bodies()
    alarm(
        cloud,
        Namespace="AWS/AutoScaling",
        MetricName="GroupInServiceInstances",
        Dimensions=[{"Name": "AutoScalingGroupName", "Value": "app"}],
        Threshold=2,
        TreatMissingData="missing",
    )
    minute(cloud)
    minute(cloud)
    assert state(cloud) == "INSUFFICIENT_DATA"
    cloud.groups.enable_metrics_collection(
        AutoScalingGroupName="app", Granularity="1Minute", Metrics=["GroupInServiceInstances"]
    )
    for _ in range(3):
        cloud.wait(30)
    assert state(cloud) == "OK"
    cloud.groups.set_desired_capacity(AutoScalingGroupName="app", DesiredCapacity=1)
    for _ in range(5):
        cloud.wait(30)
    assert state(cloud) == "ALARM"


def test_bodies_publish_what_they_measure(cloud: Cloud) -> None:
    balancer = {"LoadBalancer": "app/chat/1"}
    alarm(
        cloud,
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_ELB_5XX_Count",
        Dimensions=[{"Name": "LoadBalancer", "Value": "app/chat/1"}],
        Statistic="Sum",
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    minute(cloud)
    figure = MetricFigure("AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", balancer, 3)
    cloud.emulator.publish([figure, figure])
    cloud.wait(60)
    assert state(cloud) == "ALARM"
    assert [one.name for one in cloud.emulator.view().alarms] == ["no-primary"]


def test_the_api_answers_with_the_same_figures(cloud: Cloud) -> None:
    minute(cloud, 1, 3)
    client = cloud.client("cloudwatch")
    metrics = client.list_metrics(Namespace="chatlift")["Metrics"]
    assert [(one["MetricName"], one["Dimensions"]) for one in metrics] == [("Primary", DIMENSIONS)]
