"""The emulated AWS API with instances that obey at once: what playbooks need, in a second.

Nothing runs behind it. A thread says that every instance has started and answers its health check,
and completes its lifecycle hooks, as the member agent does. With ``tells_certificates`` it also
tells, as the agent does, that the instance serves the certificates in its secret; with a `Chorus`
members answer, and lead, when they are asked. Instances of ``broken_images`` give up their launch.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from chatlift_rehearsal.emulator import server
from chatlift_rehearsal.emulator.gate import CALLS, DELAYS, TROUBLE
from chatlift_rehearsal.model import ImageView, InstanceView

from tests.integration.chorus import Chorus

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

REGION = "eu-central-1"
DEBIAN = ImageView(
    "ami-00000000000000013",
    "debian-13-amd64-20260101-0000",
    "available",
    owner="136693071363",
    created="2026-01-01T00:00:00+00:00",
)
# Trouble is everybody's, the instances' too; the agent asks until it is answered, as they do here.
PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 10})
WAITING = {
    "Pending:Wait": "chatlift-launch",
    "Terminating:Wait": "chatlift-terminate",
    "Warmed:Pending:Wait": "chatlift-launch",
}


class Cloud:
    """An account of its own on a free port of this machine."""

    def __init__(self) -> None:
        self.tells_certificates = False
        self.chorus: Chorus | None = None
        self.broken_images: set[str] = set()
        self.calls: set[str] = set()
        self._session = boto3.Session("rehearsal", "rehearsal")
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()
        self._emulator = server.start("127.0.0.1", 0, [DEBIAN], REGION)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._obey, daemon=True)
        self._thread.start()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that point any AWS client at it."""
        return {
            "AWS_ENDPOINT_URL": self._emulator.endpoint,
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_REGION": REGION,
            "AWS_RETRY_MODE": "standard",
            "AWS_MAX_ATTEMPTS": "10",
        }

    @property
    def bucket_origin(self) -> WSGIApplication:
        """S3 as distributions reach it."""
        return self._emulator.bucket_origin

    def client(self, service: str, region: str = REGION) -> Any:
        # Each is made once: that takes a tenth of a second, and the thread needs some every turn.
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._session.client(
                    service, region, endpoint_url=self._emulator.endpoint, config=PATIENT
                )
            return self._clients[service, region]

    def trouble(self, fraction: float, **refused: str) -> None:
        """Turn away calls; see `emulator.trouble.Trouble`."""
        self._ask("PUT", TROUBLE, {"fraction": fraction, "refused": refused})

    def delays(self, factor: float) -> None:
        """Let take their time what takes AWS its time, that times ``factor``."""
        self._ask("PUT", DELAYS, factor)

    def counted(self) -> Counter[str]:
        """How often each operation was called by now, such as ``ec2 DescribeVpcs``."""
        return Counter(self._ask("GET", CALLS))

    def _ask(self, method: str, path: str, content: Any = None) -> Any:
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(self._emulator.endpoint + path, body, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def bake(self, image: str, fingerprint: str = "none") -> str:
        """An available image with the tags by which it is found."""
        ec2 = self.client("ec2")
        instance = ec2.run_instances(ImageId=DEBIAN.id, MinCount=1, MaxCount=1)["Instances"][0]
        tags = [
            {"Key": "chatlift:image", "Value": image},
            {"Key": "chatlift:fingerprint", "Value": fingerprint},
        ]
        image_id: str = ec2.create_image(
            InstanceId=instance["InstanceId"],
            Name=f"{image}-{instance['InstanceId']}",
            TagSpecifications=[{"ResourceType": "image", "Tags": tags}],
        )["ImageId"]
        ec2.get_waiter("image_available").wait(
            ImageIds=[image_id], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )
        ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
        return image_id

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self._emulator.stop()

    def _obey(self) -> None:
        autoscaling = self.client("autoscaling")
        while not self._ended.wait(0.2):
            view = self._emulator.view()
            for image in view.images:
                if image.state == "pending":
                    self._emulator.image_ready(image.id)
            for snapshot in view.snapshots:
                if snapshot.state == "pending":
                    self._emulator.snapshot_ready(snapshot.id)
            for instance in view.instances:
                if instance.state == "pending":
                    self._emulator.instance_started(instance.id)
                elif instance.state in ("stopping", "shutting-down"):
                    self._emulator.instance_stopped(instance.id)
            for group in view.target_groups:
                for target in group.targets:
                    self._emulator.target_health(group.arn, target.instance_id, "healthy")
                for target in group.draining:
                    self._emulator.target_drained(group.arn, target.instance_id)
            self._emulator.step()
            self._complete_hooks(autoscaling)
            if self.tells_certificates:
                self._tell_certificates()
            if self.chorus:
                self._tell_reports(self.chorus, autoscaling)

    def _tell_reports(self, chorus: Chorus, autoscaling: Any) -> None:
        ec2 = self.client("ec2")
        groups = autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        serving = {
            one["InstanceId"]
            for group in groups
            for one in group["Instances"]
            if one["LifecycleState"] == "InService"
        }
        members = {
            tags["chatlift:member"]: instance
            for instance in self._running(ec2)
            if "chatlift:member" in (tags := _tags(instance)) and instance["InstanceId"] in serving
        }
        for instance_id, report in chorus.answer(members).items():
            tag = {"Key": "chatlift:report", "Value": report}
            ec2.create_tags(Resources=[instance_id], Tags=[tag])

    @staticmethod
    def _running(ec2: Any) -> Iterator[dict[str, Any]]:
        running = [{"Name": "instance-state-name", "Values": ["running"]}]
        for page in ec2.get_paginator("describe_instances").paginate(Filters=running):
            for found in page["Reservations"]:
                yield from found["Instances"]

    def _tell_certificates(self) -> None:
        """Tag each instance with the fingerprint of the certificates in its secret."""
        ec2, fingerprint = self.client("ec2"), cache(self._fingerprint)
        for instance in self._running(ec2):
            tags = _tags(instance)
            served = fingerprint(f"chatlift/{tags['chatlift:stack']}/{tags['chatlift:tier']}")
            if tags.get("chatlift:certificates") != served:
                tag = {"Key": "chatlift:certificates", "Value": served}
                ec2.create_tags(Resources=[instance["InstanceId"]], Tags=[tag])

    def _fingerprint(self, name: str) -> str:
        found = self.client("secretsmanager").get_secret_value(SecretId=name)
        secret = json.loads(found["SecretString"])
        served = secret["ca"] + secret.get("certificate", "")
        return sha256(served.encode()).hexdigest()[:16]

    def _complete_hooks(self, autoscaling: Any) -> None:
        for instance in self._emulator.view().instances:
            if hook := WAITING.get(instance.lifecycle_state):
                is_broken = instance.image_id in self.broken_images
                result = "ABANDON" if is_broken and hook == "chatlift-launch" else "CONTINUE"
                self._complete(autoscaling, instance, hook, result)

    @staticmethod
    def _complete(autoscaling: Any, instance: InstanceView, hook: str, result: str) -> None:
        try:
            autoscaling.complete_lifecycle_action(
                AutoScalingGroupName=instance.group,
                InstanceId=instance.id,
                LifecycleHookName=hook,
                LifecycleActionResult=result,
            )
        except ClientError as error:
            # It left between the question and the answer; the next round sees.
            if error.response["Error"]["Code"] != "ValidationError":
                raise


def _tags(instance: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
