"""The module of alarms, topic and dashboard against the rehearsal's CloudWatch.

moto alone knows no composite alarms.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from chatlift_rehearsal.emulator import server

from tests.unit.conftest import REGION, STACK, ModuleFailed

Client = Callable[[str], Any]

ALARM = {
    "name": "mysql-no-primary",
    "description": "Nobody leads. Look at the members.",
    "metric": "Primary",
    "dimensions": {"Tier": "mysql", "Stack": STACK},
    "statistic": "Maximum",
    "periods": 2,
    "comparison": "LessThanThreshold",
    "threshold": 1,
    "missing": "breaching",
}
OTHER = {**ALARM, "name": "mysql-members", "metric": "GroupMembersOnline", "threshold": 3}
SERVING = {"name": "serving", "description": "Not served.", "any_of": ["mysql-no-primary"]}
OPTIONS = {"stack": STACK, "alarms": [ALARM, OTHER], "composites": [SERVING]}
NAMES = [f"chatlift-{STACK}-{name}" for name in ("mysql-members", "mysql-no-primary", "serving")]
TOPIC = f"arn:aws:sns:{REGION}:123456789012:chatlift-{STACK}-alarms"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """An emulated account; gives clients by the name of their service."""
    monkeypatch.setitem(os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES", "false")
    emulator = server.start("127.0.0.1", 0)
    for name, value in {
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    yield lambda service: boto3.client(service, region_name=REGION)
    emulator.stop()


def _alarms(account: Client) -> dict[str, dict[str, Any]]:
    found = account("cloudwatch").describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return {a["AlarmName"]: a for a in found["MetricAlarms"] + found["CompositeAlarms"]}


def test_alarms_topic_and_composite_are_made_once(account: Client, run_module: Any) -> None:
    made = run_module("alarms", **OPTIONS)
    assert made["changed"]
    assert made["topic_arn"] == TOPIC
    found = _alarms(account)
    assert sorted(found) == NAMES
    alarm = found[NAMES[1]]
    assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC]
    assert alarm["Dimensions"] == [
        {"Name": "Stack", "Value": STACK},
        {"Name": "Tier", "Value": "mysql"},
    ]
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (2, 2)
    assert found[NAMES[2]]["AlarmRule"] == f'ALARM("{NAMES[1]}")'
    tags = account("cloudwatch").list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
    assert {"Key": "chatlift:stack", "Value": STACK} in tags
    again = run_module("alarms", **OPTIONS)
    assert not again["changed"], again["diff"]


def test_check_mode_makes_and_deletes_nothing(account: Client, run_module: Any) -> None:
    planned = run_module("alarms", check=True, **OPTIONS)
    assert f"alarm {NAMES[2]}" in planned["diff"]["after"]
    assert not _alarms(account)
    assert not account("sns").list_topics()["Topics"]
    run_module("alarms", **OPTIONS)
    assert run_module("alarms", check=True, stack=STACK, state="absent")["changed"]
    assert len(_alarms(account)) == 3


def test_a_change_is_named_and_made(account: Client, run_module: Any) -> None:
    run_module("alarms", **OPTIONS)
    account("cloudwatch").put_metric_alarm(
        AlarmName=NAMES[1],
        Namespace="chatlift",
        MetricName="Primary",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=9,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
    )
    mended = run_module("alarms", **OPTIONS)
    before = mended["diff"]["before"][f"alarm {NAMES[1]}"]
    assert before["EvaluationPeriods"] == 9
    assert set(mended["diff"]["before"]) == {f"alarm {NAMES[1]}"}
    assert _alarms(account)[NAMES[1]]["TreatMissingData"] == "breaching"


def test_alarms_that_are_not_wanted_any_more_are_deleted(account: Client, run_module: Any) -> None:
    run_module("alarms", **OPTIONS)
    fewer = {**SERVING, "any_of": ["mysql-members"]}
    run_module("alarms", stack=STACK, alarms=[OTHER], composites=[fewer])
    assert sorted(_alarms(account)) == [NAMES[0], NAMES[2]]
    run_module("alarms", stack=STACK, alarms=[OTHER])
    assert sorted(_alarms(account)) == [NAMES[0]]


def test_absent_leaves_nothing_of_this_stack_alone(account: Client, run_module: Any) -> None:
    """The alarms of another stack may begin like those of this one."""
    run_module("alarms", dashboard={"widgets": []}, **OPTIONS)
    run_module("alarms", **{**OPTIONS, "stack": f"{STACK}-2"})
    assert run_module("alarms", stack=STACK, state="absent")["changed"]
    assert all(name.startswith(f"chatlift-{STACK}-2-") for name in _alarms(account))
    assert len(_alarms(account)) == 3
    assert not account("cloudwatch").list_dashboards()["DashboardEntries"]
    topics = [topic["TopicArn"] for topic in account("sns").list_topics()["Topics"]]
    assert topics == [TOPIC.replace(f"-{STACK}-", f"-{STACK}-2-")]
    assert not run_module("alarms", stack=STACK, state="absent")["changed"]


def test_subscriptions_key_and_tags_of_the_topic_are_kept(account: Client, run_module: Any) -> None:
    mail = {"protocol": "email", "endpoint": "operators@example.com"}
    hook = {"protocol": "https", "endpoint": "https://hooks.example.com/alarms"}
    key = "1234abcd-12ab-34cd-56ef-1234567890ab"
    options = {"stack": STACK, "kms_key_id": key}
    run_module("alarms", subscriptions=[mail], **options)
    sns = account("sns")
    assert sns.get_topic_attributes(TopicArn=TOPIC)["Attributes"]["KmsMasterKeyId"] == key
    assert not run_module("alarms", subscriptions=[mail], **options)["changed"]
    sns.untag_resource(ResourceArn=TOPIC, TagKeys=["chatlift:stack"])
    changed = run_module("alarms", subscriptions=[hook], stack=STACK)
    assert set(changed["diff"]["after"]) == {
        f"key of topic chatlift-{STACK}-alarms",
        f"tags of topic chatlift-{STACK}-alarms",
        f"subscription email {mail['endpoint']}",
        f"subscription https {hook['endpoint']}",
    }
    found = sns.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
    assert [(one["Protocol"], one["Endpoint"]) for one in found] == [tuple(hook.values())]


def _load_balancer(account: Client) -> tuple[str, str]:
    """What CloudWatch calls the stack's load balancer and target group."""
    ec2, elb = account("ec2"), account("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.42.{number}.0/24", AvailabilityZone=f"{REGION}{letter}"
        )["Subnet"]["SubnetId"]
        for number, letter in enumerate("ab")
    ]
    balancer = elb.create_load_balancer(Name=f"chatlift-{STACK}", Subnets=subnets)
    group = elb.create_target_group(
        Name=f"chatlift-{STACK}-app", Protocol="HTTP", Port=8080, VpcId=vpc
    )
    return (
        balancer["LoadBalancers"][0]["LoadBalancerArn"].split(":loadbalancer/")[1],
        group["TargetGroups"][0]["TargetGroupArn"].rsplit(":", 1)[1],
    )


def test_load_balancers_go_by_their_names(account: Client, run_module: Any) -> None:
    dimensions = {"LoadBalancer": f"chatlift-{STACK}", "TargetGroup": f"chatlift-{STACK}-app"}
    metric = ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", f"chatlift-{STACK}", {}]
    options = {
        "stack": STACK,
        "alarms": [{**ALARM, "namespace": "AWS/ApplicationELB", "dimensions": dimensions}],
        "dashboard": {
            "widgets": [
                {"type": "metric", "properties": {"metrics": [metric]}},
                {"type": "alarm", "properties": {"alarms": ["mysql-no-primary"]}},
            ]
        },
    }
    with pytest.raises(ModuleFailed, match=r"no load balancer .* Run playbooks/app_tier\.yml"):
        run_module("alarms", **options)
    assert run_module("alarms", check=True, **options)["changed"]
    balancer, group = _load_balancer(account)
    run_module("alarms", **options)
    [alarm] = _alarms(account).values()
    assert [one["Value"] for one in alarm["Dimensions"]] == [balancer, group]
    shown = account("cloudwatch").get_dashboard(DashboardName=f"chatlift-{STACK}")
    graph, alarms = json.loads(shown["DashboardBody"])["widgets"]
    assert graph["properties"]["metrics"] == [[*metric[:3], balancer, {}]]
    assert alarms["properties"]["alarms"] == [alarm["AlarmArn"]]
    assert not run_module("alarms", **options)["changed"]
