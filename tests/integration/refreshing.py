"""A group on the emulated API whose instances obey, and a clock that passes when somebody waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
from chatlift_rehearsal.emulator import server
from chatlift_rehearsal.model import ImageView

REGION = "eu-central-1"
NAME = "chatlift-demo-app"
IMAGE = ImageView("ami-00000000000000013", "debian-13-amd64", "available", owner="136693071363")
NO_IMAGE = "ami-00000000000000000"


class Account:
    """The group of three, on version 1 of its launch template; version 2 is there, too.

    ``at_each_step`` is called whenever time has passed.
    """

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.at_each_step: list[Callable[[], None]] = []
        self.emulator = server.start("127.0.0.1", 0, [IMAGE], REGION)
        self._clients: dict[str, Any] = {}
        self.groups = self.client("autoscaling")
        self.ec2 = self.client("ec2")
        self.watch = self.client("cloudwatch")
        data = {"ImageId": IMAGE.id, "InstanceType": "t3.small"}
        self.ec2.create_launch_template(LaunchTemplateName=NAME, LaunchTemplateData=data)
        self.add_version(InstanceType="t3.large")
        self.groups.create_auto_scaling_group(
            AutoScalingGroupName=NAME,
            LaunchTemplate={"LaunchTemplateName": NAME, "Version": "1"},
            AvailabilityZones=[f"{REGION}{letter}" for letter in "abc"],
            MinSize=3,
            MaxSize=6,
            DefaultInstanceWarmup=10,
        )

    def client(self, service: str, **_options: Any) -> Any:
        """A client, made once: that takes longer than most calls."""
        if service not in self._clients:
            session = boto3.Session("rehearsal", "rehearsal", region_name=REGION)
            endpoint = self.emulator.endpoint
            self._clients[service] = session.client(service, endpoint_url=endpoint)
        return self._clients[service]

    def now(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        """Let time pass, in which instances start and end."""
        self.seconds += seconds
        for _ in range(3):
            self.emulator.step()
            for one in self.emulator.view().instances:
                if one.state == "pending":
                    self.emulator.instance_started(one.id)
                elif one.state in ("stopping", "shutting-down"):
                    self.emulator.instance_stopped(one.id)
        self.emulator.step()
        for act in self.at_each_step:
            act()

    def add_version(self, **data: Any) -> None:
        self.ec2.create_launch_template_version(
            LaunchTemplateName=NAME, SourceVersion="1", LaunchTemplateData=data
        )

    def alarm(self, name: str, state: str) -> None:
        self.watch.put_metric_alarm(
            AlarmName=name,
            Namespace="x",
            MetricName="x",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
        )
        self.watch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")

    @property
    def group(self) -> dict[str, Any]:
        return dict(self.groups.describe_auto_scaling_groups()["AutoScalingGroups"][0])

    @property
    def versions(self) -> list[str]:
        """Of the instances."""
        return sorted(one["LaunchTemplate"]["Version"] for one in self.group["Instances"])

    @property
    def ids(self) -> set[str]:
        return {one["InstanceId"] for one in self.group["Instances"]}

    @property
    def refreshes(self) -> list[dict[str, Any]]:
        found = self.groups.describe_instance_refreshes(AutoScalingGroupName=NAME)
        return list(found["InstanceRefreshes"])

    def end(self) -> None:
        self.emulator.stop()
