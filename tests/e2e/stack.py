"""The deployed stack as the end-to-end tests see it: the AWS API and the members' health."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3

from tests.e2e.vantage import inside

T = TypeVar("T")


@dataclass(frozen=True)
class Instance:
    """A running instance. ``name`` is the member's, or the instance id in the app tier."""

    name: str
    tier: str
    id: str
    address: str
    image_id: str
    zone: str
    volume_id: str | None
    role: str
    state: str


def rehearsal(*arguments: str) -> str:
    """Run a command of the rehearsal and return what it printed."""
    return subprocess.run(
        ["rehearsal", *arguments], check=True, capture_output=True, text=True, timeout=120
    ).stdout


def rehearsal_environment() -> dict[str, str]:
    """The variables that point any AWS client at the rehearsal (`rehearsal env`)."""
    words = shlex.split(rehearsal("env"), comments=True)
    return dict(word.split("=", 1) for word in words if "=" in word)


def run_playbook(*arguments: str) -> str:
    """Run ``ansible-playbook`` with the rehearsal's inventory, whatever the environment names.

    Returns what it printed; fails with its end when it fails.
    """
    result = subprocess.run(
        ["ansible-playbook", "-i", "inventories/rehearsal", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "ANSIBLE_FORCE_COLOR": "0"},
    )
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
    return result.stdout


def health(instance_id: str) -> dict[str, Any]:
    """The body of an instance's own ``/healthz``, whatever its status; empty if nothing answers."""
    try:
        with (
            inside(instance_id),
            urllib.request.urlopen("http://127.0.0.1:8008/healthz", timeout=2) as answer,
        ):
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        return dict(json.load(error))
    except (OSError, ValueError):
        return {}


def wait_for(what: str, probe: Callable[[], T | None], seconds: float) -> T:
    """Return the first true answer of ``probe``; fail after ``seconds`` with what was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:.0f} s; last seen: {answer!r}")
        time.sleep(0.5)


class Stack:
    """One stack, by name, and the topology of its Redis: ``cluster`` or ``replicated``."""

    def __init__(self, name: str, redis_topology: str = "cluster") -> None:
        environment = rehearsal_environment()
        self.name = name
        self.redis_topology = redis_topology
        self._session = boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        self._endpoint = environment["AWS_ENDPOINT_URL"]

    def run_playbook(self, *arguments: str) -> str:
        """Run ``ansible-playbook`` for this stack; see `run_playbook`."""
        return run_playbook("-e", f"chatlift_redis_topology={self.redis_topology}", *arguments)

    def client(self, service: str, region: str | None = None) -> Any:
        """A boto3 client of the rehearsal; its region is the stack's unless another is named."""
        return self._session.client(service, region, endpoint_url=self._endpoint)

    def secret(self, tier: str) -> dict[str, str]:
        """A tier's secret."""
        answer = self.client("secretsmanager").get_secret_value(
            SecretId=f"chatlift/{self.name}/{tier}"
        )
        return dict(json.loads(answer["SecretString"]))

    def domain(self) -> str:
        """The name that visitors type: the one that the stack's distribution serves."""
        listed = self.client("cloudfront").list_distributions()["DistributionList"]
        found = (one for one in listed["Items"] if one["Comment"] == f"chatlift-{self.name}")
        domain: str = next(found)["Aliases"]["Items"][0]
        return domain

    def url(self) -> str:
        """Where visitors reach the stack."""
        return f"https://{self.domain()}"

    def instances(self, tier: str | None = None) -> list[Instance]:
        """The stack's running instances, by name."""
        filters = [
            {"Name": "tag:chatlift:stack", "Values": [self.name]},
            {"Name": "instance-state-name", "Values": ["running"]},
        ]
        found = []
        for page in (
            self.client("ec2").get_paginator("describe_instances").paginate(Filters=filters)
        ):
            for reservation in page["Reservations"]:
                found += [self._instance(raw) for raw in reservation["Instances"]]
        return sorted((i for i in found if tier in (None, i.tier)), key=lambda i: (i.tier, i.name))

    def _instance(self, raw: dict[str, Any]) -> Instance:
        tags = {tag["Key"]: tag["Value"] for tag in raw.get("Tags", [])}
        volumes = self.client("ec2").describe_volumes(
            Filters=[
                {"Name": "attachment.instance-id", "Values": [raw["InstanceId"]]},
                {"Name": "tag-key", "Values": ["chatlift:member"]},
            ]
        )["Volumes"]
        answer = health(raw["InstanceId"])
        return Instance(
            name=tags.get("chatlift:member") or raw["InstanceId"],
            tier=tags["chatlift:tier"],
            id=raw["InstanceId"],
            address=raw["PrivateIpAddress"],
            image_id=raw["ImageId"],
            zone=raw["Placement"]["AvailabilityZone"],
            volume_id=volumes[0]["VolumeId"] if volumes else None,
            role=answer.get("role", ""),
            state=answer.get("state", "no answer"),
        )

    def activities(self, tier: str) -> str:
        """What the tier's groups launched and ended, and why: a line each, the newest first."""
        paginator = self.client("autoscaling").get_paginator("describe_scaling_activities")
        found = [one for page in paginator.paginate() for one in page["Activities"]]
        mine = f"chatlift-{self.name}-{tier}"
        return "\n".join(
            f"{one['StartTime']:%H:%M:%S} {one['StatusCode']}: {one['Description']} {one['Cause']}"
            for one in found
            if one["AutoScalingGroupName"].startswith(mine)
        )

    def app_is_whole_without(self, lost: Instance) -> bool:
        """Whether the load balancer has three healthy targets, and ``lost`` is none of them."""
        elb = self.client("elbv2")
        group = elb.describe_target_groups(Names=[f"chatlift-{self.name}-app"])["TargetGroups"][0]
        health = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])
        healthy = [
            target["Target"]["Id"]
            for target in health["TargetHealthDescriptions"]
            if target["TargetHealth"]["State"] == "healthy"
        ]
        return len(healthy) == 3 and lost.id not in healthy

    def leaders(self, tier: str) -> list[Instance]:
        """The MySQL primary, or the Redis masters: health calls both primary."""
        return [i for i in self.instances(tier) if i.role == "primary"]
