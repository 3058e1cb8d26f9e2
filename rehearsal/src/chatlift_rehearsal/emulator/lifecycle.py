"""Lifecycle hooks: instances that wait for somebody's word before they go on.

In moto a hook is a record without effect, and completing one is a 500.
https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from moto.autoscaling import models
from moto.autoscaling.exceptions import AutoscalingClientError

from . import state
from .activities import Activity
from .ec2_instances import Instance
from .errors import group_error

Result = Literal["CONTINUE", "ABANDON"]
LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"

# However many heartbeats: 48 hours, or 100 times the heartbeat time-out if that is less.
_LONGEST_WAIT = 48 * 3600.0
_MOST_HEARTBEATS = 100


class LifecycleHook(models.LifecycleHook):
    """A hook; moto gives each a made-up role and queue, which modules then take for a change."""

    __module__ = "moto.autoscaling.models"  # moto derives the service from it

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.role_arn = None  # type: ignore[assignment]
        self.notification_target_arn = None  # type: ignore[assignment]
        self.notification_metadata: str | None = None
        self.global_timeout = int(min(_LONGEST_WAIT, _MOST_HEARTBEATS * self.heartbeat_timeout))


@dataclass
class Wait:
    """One instance waiting for one hook; times are seconds on ``state.now``."""

    hook: str
    heartbeat_timeout: float
    default_result: Result
    deadline: float
    limit: float
    result: Result | None = None
    token: str = field(default_factory=lambda: str(uuid.uuid4()))

    @classmethod
    def begin(cls, hook: Any) -> Wait:
        now = state.now()
        timeout = float(hook.heartbeat_timeout)
        return cls(
            hook.name,
            timeout,
            hook.default_result,
            deadline=now + timeout,
            limit=now + float(hook.global_timeout),
        )

    def heartbeat(self) -> None:
        self.deadline = min(state.now() + self.heartbeat_timeout, self.limit)


def outcome(waits: Iterable[Wait]) -> Result | None:
    """What the hooks say together: an ABANDON ends all waiting; None while one is open."""
    results = []
    for wait in waits:
        if wait.result is None and wait.deadline <= state.now():
            wait.result = wait.default_result
        results.append(wait.result)
    if "ABANDON" in results:
        return "ABANDON"
    return None if None in results else "CONTINUE"


class GroupInstance(models.InstanceState):
    """An instance on its way through a group."""

    def __init__(self, instance: Any, lifecycle_state: str = "InService", **kwargs: Any) -> None:
        super().__init__(instance, lifecycle_state, **kwargs)
        self.instance: Instance = instance
        # Where it waits, or waited, in a warm pool: ``Warmed:Stopped`` or ``Warmed:Running``.
        self.warm_state = ""
        self.waits: dict[str, Wait] = {}
        self.in_service_since = state.now() if lifecycle_state == "InService" else None
        # Set when its place is kept for a replacement, which is launched once it is gone.
        self.replaced = False
        # Why it is to be replaced; it stays until its replacement is in service.
        self.outgoing = ""
        # Set when its launch was given up: there is no service to leave in an orderly way.
        self.abandoned = False
        self.activity: Activity | None = None
        # The instance refresh that launched it.
        self.launched_by = ""

    @property
    def warmed(self) -> bool:
        """Whether it is in a warm pool."""
        return self.lifecycle_state.startswith("Warmed:")

    @property
    def leaving(self) -> bool:
        return self.lifecycle_state.removeprefix("Warmed:").startswith("Terminating")

    @property
    def host_gone(self) -> bool:
        """Nothing runs on it that could drain connections or answer a hook."""
        return self.instance.impaired or self.instance.state not in ("pending", "running")

    @property
    def target_lifecycle_state(self) -> str:
        """What the instance reads in its metadata.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
        """
        if self.leaving:
            return "Warmed:Terminated" if self.warmed else "Terminated"
        if self.warmed:
            return self.warm_state
        return "Standby" if self.lifecycle_state == "Standby" else "InService"

    @property
    def launch_template(self) -> dict[str, Any] | None:
        """The version it was launched from; moto says what the group would launch now."""
        tags = self.instance.ec2_backend.tags.get(self.instance.id, {})
        template_id = tags.get("aws:ec2launchtemplate:id")
        if template_id is None:  # attached, not launched by a group
            return None
        template = self.instance.ec2_backend.launch_templates.get(template_id)
        return {
            "LaunchTemplateId": template_id,
            "LaunchTemplateName": template.name if template else None,
            "Version": tags.get("aws:ec2launchtemplate:version"),
        }

    def open_wait(self, hook_name: str, token: str | None) -> Wait:
        """The wait a lifecycle action is about, or AWS's ValidationError."""
        wait = self.waits.get(hook_name)
        if wait is None or wait.result is not None or (token and token != wait.token):
            raise no_open_action(f"instance ID {self.instance.id}")
        return wait


def no_open_action(what: str) -> AutoscalingClientError:
    return group_error(f"No active Lifecycle Action found with {what}")
