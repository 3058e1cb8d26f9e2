"""What a member's tags say, and which of its group's instances is the member."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from unittest.mock import MagicMock

import pytest


@pytest.fixture
def reports() -> Any:
    return import_module("ansible_collections.chatlift.aws.plugins.module_utils.member_reports")


def _instance(number: int, state: str) -> dict[str, Any]:
    return {"InstanceId": f"i-{number}", "LifecycleState": state, "AvailabilityZone": "eu-x-1a"}


def _members(reports: Any, *instances: dict[str, Any], report: str = "") -> Any:
    autoscaling, ec2 = MagicMock(), MagicMock()
    group = {
        "AutoScalingGroupName": "chatlift-demo-redis-a1",
        "Instances": list(instances),
        "LaunchTemplate": {"Version": "2"},
    }
    found = {"AutoScalingGroups": [group]}
    autoscaling.get_paginator.return_value.paginate.return_value = [found]
    autoscaling.describe_auto_scaling_groups.return_value = found
    tags = [{"Key": "chatlift:report", "Value": report}]
    details = [
        {"InstanceId": one["InstanceId"], "ImageId": "ami-1", "Tags": tags} for one in instances
    ]
    ec2.get_paginator.return_value.paginate.return_value = [
        {"Reservations": [{"Instances": details}]}
    ]
    return reports.Members(autoscaling, ec2, "demo", ["redis-a1", "redis-b1"]), ec2


def test_a_report_is_read_with_its_reason(reports: Any) -> None:
    report = reports.parse(
        "id=1f answer=refused role=replica healthy=yes leader=mysql-a1 version=9.7.0"
        " lag=0.3 oldest=2.3 said=It has lag=9 and more."
    )
    assert (report.id, report.answer, report.role) == ("1f", "refused", "replica")
    assert (report.healthy, report.leader, report.version) == (True, "mysql-a1", "9.7.0")
    assert (report.lag, report.oldest, report.uncovered) == (0.3, 2.3, None)
    assert report.said == "It has lag=9 and more."


@pytest.mark.parametrize("text", ["", "role=replica", "healthy=yes lag=much"])
def test_what_is_missing_or_spoilt_is_not_healthy(reports: Any, text: str) -> None:
    assert not reports.parse(text).healthy


def test_the_instance_in_service_is_the_member(reports: Any) -> None:
    members, _ec2 = _members(
        reports,
        _instance(1, "Terminating:Wait"),
        _instance(2, "InService"),
        report="role=primary healthy=yes",
    )
    known = members.look()
    assert (known["redis-a1"].instance_id, known["redis-a1"].wanted) == ("i-2", "2")
    assert known["redis-a1"].leads


def test_a_member_without_a_group_or_an_instance_is_told_apart(reports: Any) -> None:
    members, _ec2 = _members(reports)
    known = members.look()
    assert {name: one.state for name, one in known.items()} == {
        "redis-a1": "empty",
        "redis-b1": "gone",
    }


def test_nobody_is_asked_who_is_not_in_service(reports: Any) -> None:
    members, ec2 = _members(reports, _instance(1, "Pending:Wait"))
    assert members.ask(members.look().values())
    ec2.create_tags.assert_not_called()


def test_a_request_says_until_when_it_holds(reports: Any) -> None:
    members, ec2 = _members(reports, _instance(1, "InService"))
    question = members.ask(members.look().values(), "lead")
    asked = ec2.create_tags.call_args.kwargs
    [tag] = asked["Tags"]
    assert asked["Resources"] == ["i-1"]
    assert tag["Key"] == "chatlift:request"
    assert tag["Value"].startswith(f"id={question} do=lead until=")
