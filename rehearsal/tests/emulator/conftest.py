"""A cloud to test: the emulator on a free port, with a clock that the test turns."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from chatlift_rehearsal.emulator import server, state
from chatlift_rehearsal.model import ImageView, InstanceView

REGION = "eu-central-1"
DEBIAN = ImageView(
    "ami-00000000000000013",
    "debian-13-amd64-20260101-0000",
    "available",
    owner="136693071363",
    created="2026-01-01T00:00:00+00:00",
)

Client = Callable[[str], Any]


@pytest.fixture(scope="session")
def port() -> int:
    """One port for all tests, so that their clients can be kept."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number: int = probe.getsockname()[1]
        return number


@pytest.fixture(scope="session")
def client(port: int) -> Client:
    session = boto3.Session("rehearsal", "rehearsal", region_name=REGION)
    clients: dict[str, Any] = {}

    def get(service: str) -> Any:
        if service not in clients:
            clients[service] = session.client(service, endpoint_url=f"http://127.0.0.1:{port}")
        return clients[service]

    return get


class Cloud:
    """The emulator, its clients, and the steps that many tests begin with."""

    def __init__(self, emulator: server.MotoEmulator, client: Client) -> None:
        self.emulator = emulator
        self.client = client
        self.seconds = 1000.0
        self.ec2 = client("ec2")
        self.groups = client("autoscaling")
        self.elb = client("elbv2")

    # Time.

    def now(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        """Let time pass, then let Auto Scaling act."""
        self.seconds += seconds
        self.emulator.step()

    # Bodies.

    def start_bodies(self) -> None:
        for instance in self.instances("pending"):
            self.emulator.instance_started(instance.id)
        self.emulator.step()

    def stop_bodies(self) -> None:
        for instance in self.instances("stopping", "shutting-down"):
            self.emulator.instance_stopped(instance.id)
        self.emulator.step()

    # What there is.

    def instances(self, *states: str) -> list[InstanceView]:
        return [i for i in self.emulator.view().instances if not states or i.state in states]

    def instance(self, instance_id: str) -> InstanceView:
        return next(i for i in self.instances() if i.id == instance_id)

    def describe(self, instance_id: str) -> Any:
        answer = self.ec2.describe_instances(InstanceIds=[instance_id])
        return answer["Reservations"][0]["Instances"][0]

    def lifecycle(self, group: str) -> list[str]:
        answer = self.groups.describe_auto_scaling_groups(AutoScalingGroupNames=[group])
        return [i["LifecycleState"] for i in answer["AutoScalingGroups"][0]["Instances"]]

    def metadata(self, instance_id: str, path: str) -> str | None:
        return self.emulator.metadata(self.instance(instance_id).private_ip, path)

    # What tests begin with.

    def network(self) -> tuple[str, list[str]]:
        """A VPC 10.42.0.0/16 and a /20 in each of the zones a, b, c."""
        vpc = self.ec2.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            self.ec2.create_subnet(
                VpcId=vpc,
                CidrBlock=f"10.42.{number * 16}.0/20",
                AvailabilityZone=f"{REGION}{letter}",
            )["Subnet"]["SubnetId"]
            for number, letter in enumerate("abc")
        ]
        return vpc, subnets

    def run(self, **parameters: Any) -> str:
        """One running instance."""
        parameters = {"ImageId": DEBIAN.id, "MinCount": 1, "MaxCount": 1, **parameters}
        instance: str = self.ec2.run_instances(**parameters)["Instances"][0]["InstanceId"]
        self.emulator.instance_started(instance)
        return instance

    def template(self, name: str, **data: Any) -> None:
        data = {"ImageId": DEBIAN.id, "InstanceType": "t3.small", **data}
        self.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)

    def group(self, name: str, desired: int = 1, **parameters: Any) -> None:
        """A group of at most four, with what is launched first pending."""
        parameters = {
            "LaunchTemplate": {"LaunchTemplateName": name, "Version": "1"},
            "MinSize": 0,
            "MaxSize": 4,
            "DesiredCapacity": desired,
            **parameters,
        }
        self.groups.create_auto_scaling_group(AutoScalingGroupName=name, **parameters)
        self.emulator.step()

    def complete(self, group: str, hook: str, instance: str, result: str = "CONTINUE") -> None:
        self.groups.complete_lifecycle_action(
            AutoScalingGroupName=group,
            LifecycleHookName=hook,
            InstanceId=instance,
            LifecycleActionResult=result,
        )
        self.emulator.step()


@pytest.fixture
def cloud(port: int, client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    # Loading AWS's managed policies takes longer than all else; no test here needs them.
    monkeypatch.setitem(os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES", "false")
    emulator = server.start("127.0.0.1", port, [DEBIAN])
    cloud = Cloud(emulator, client)
    monkeypatch.setattr(state, "now", cloud.now)
    yield cloud
    cloud.emulator.stop()


@pytest.fixture
def debian() -> ImageView:
    return DEBIAN
