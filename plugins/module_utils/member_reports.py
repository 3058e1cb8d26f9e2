# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What members say of themselves when they are asked, by tags of their instances.

docs/contracts.md says what the tags hold. A report counts as an answer only when it carries the id
of the question, so that no old one is taken for what is so now.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any, Iterable

from ansible_collections.chatlift.aws.plugins.module_utils import layout, scaling_group
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    pages,
    tag_dict,
    tag_list,
)

REQUEST_TAG = "chatlift:request"
REPORT_TAG = "chatlift:report"

# From the request until the member has taken note of it: it looks every second.
PICKED_UP_SECONDS = 30


@dataclass(frozen=True)
class Report:
    """A member's words; `lag` and `oldest` are seconds, 0 where it has none."""

    id: str = ""
    answer: str = ""
    role: str = "unknown"
    healthy: bool = False
    leader: str = ""
    version: str = ""
    lag: float = 0.0
    oldest: float = 0.0
    uncovered: float | None = None
    """Slots without a master; None outside of a Redis cluster."""
    said: str = ""


def parse(text: str) -> Report:
    """The report in a tag's value; what is missing or spoilt counts as not healthy."""
    head, _mark, said = f" {text}".partition(" said=")
    words = dict(word.split("=", 1) for word in head.split() if "=" in word)
    try:
        lag, oldest = (float(words.get(name, 0)) for name in ("lag", "oldest"))
        uncovered = float(words["uncovered"]) if "uncovered" in words else None
    except ValueError:
        return Report(said=f"its report is not readable: {text}")
    return Report(
        id=words.get("id", ""),
        answer=words.get("answer", ""),
        role=words.get("role", "unknown"),
        healthy=words.get("healthy") == "yes",
        leader=words.get("leader", ""),
        version=words.get("version", ""),
        lag=lag,
        oldest=oldest,
        uncovered=uncovered,
        said=said,
    )


@dataclass(frozen=True)
class Member:
    """A member as its group, its instance and its own last report have it."""

    name: str
    zone: str
    instance_id: str
    """Empty while its group has no instance."""
    state: str
    """The instance's lifecycle state; ``gone`` without a group, ``empty`` without an instance."""
    version: str
    """The launch template version that the instance was launched from."""
    wanted: str
    """The one that the next instance is launched from."""
    image_id: str
    report: Report

    @property
    def in_service(self) -> bool:
        return self.state == "InService"

    @property
    def leads(self) -> bool:
        return self.in_service and self.report.role == "primary"


class Members:
    """Several members of a stack, by their names."""

    def __init__(self, autoscaling: Any, ec2: Any, stack: str, names: Iterable[str]) -> None:
        self._autoscaling = autoscaling
        self._ec2 = ec2
        self._names = {layout.resource_name(stack, name): name for name in names}

    def look(self) -> dict[str, Member]:
        """All of them as they are known now, in the order of the names given."""
        groups = scaling_group.find(self._autoscaling, list(self._names))
        details = self._details(groups.values())
        return {
            name: _member(name, groups.get(full_name), details)
            for full_name, name in self._names.items()
        }

    def ask(self, members: Iterable[Member], do: str = "report") -> str:
        """Ask those of them that are in service, and return the question's id."""
        question = uuid.uuid4().hex[:12]
        instances = [one.instance_id for one in members if one.in_service]
        if instances:
            until = time.time() + PICKED_UP_SECONDS
            words = {"id": question, "do": do, "until": f"{until:.0f}"}
            value = " ".join(f"{key}={word}" for key, word in words.items())
            self._ec2.create_tags(Resources=instances, Tags=tag_list({REQUEST_TAG: value}))
        return question

    def _details(self, groups: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        ids = [one["InstanceId"] for group in groups for one in group["Instances"]]
        if not ids:
            return {}
        wanted = [{"Name": "instance-id", "Values": ids}]
        found = pages(self._ec2, "describe_instances", "Reservations", Filters=wanted)
        return {one["InstanceId"]: one for entry in found for one in entry["Instances"]}


def _member(name: str, group: dict[str, Any] | None, details: dict[str, dict[str, Any]]) -> Member:
    """A member's group has one instance, and for a moment maybe another one that is leaving."""
    states = ("InService", "Pending", "Terminating")
    instance: dict[str, Any] = max(
        (group or {}).get("Instances", []),
        key=lambda one: [one["LifecycleState"].startswith(state) for state in states],
        default={},
    )
    detail = details.get(instance.get("InstanceId", ""), {})
    return Member(
        name=name,
        zone=instance.get("AvailabilityZone", ""),
        instance_id=instance.get("InstanceId", ""),
        state=instance.get("LifecycleState", "empty" if group else "gone"),
        version=scaling_group.launch_template_of(instance).get("Version", ""),
        wanted=scaling_group.launch_template_of(group or {}).get("Version", ""),
        image_id=detail.get("ImageId", ""),
        report=parse(tag_dict(detail.get("Tags")).get(REPORT_TAG, "")),
    )
