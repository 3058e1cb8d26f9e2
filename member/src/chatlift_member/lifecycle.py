"""The Auto Scaling lifecycle of this instance.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from .aws import API_ERRORS, describe, error_code
from .facts import Facts
from .imds import Imds, ImdsError
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 30
NO_ACTION_PENDING = "ValidationError"
"""Code of both hook operations when the instance is not waiting at that hook."""

BEFORE_ITS_HOOK = ("Pending", "Terminating", "Warmed:Pending", "Warmed:Terminating")
"""States of an instance whose group is about to wait at a hook."""

LEAVING = ("Terminated", "Warmed:Terminated")
"""Target states of an instance that its group ends, the latter one from within its warm pool."""


@dataclass(frozen=True)
class Lifecycle:
    """The hooks of this instance's group, and the state its group wants it to be in."""

    autoscaling: Any
    facts: Facts
    imds: Imds

    def is_leaving(self) -> bool:
        """True once the group has decided to terminate this instance.

        An unanswered question counts as no: an instance does not leave on a doubt.
        """
        return self._target() in LEAVING

    def is_warm(self) -> bool:
        """True while the group wants this instance in its warm pool.

        An unanswered question counts as no.
        """
        target = self._target()
        if not target:
            # The metadata of an instance that has just been launched may not say it yet.
            try:
                target = self._state()
            except NotYet as error:
                log.debug("%s", error)
        return target.startswith("Warmed:") and target not in LEAVING

    def enter_pool(self, hook: str) -> bool:
        """Complete the launching ``hook`` on the way into the warm pool; false when none waits.

        The metadata may still speak of the pool when the group has called the instance already.
        Then the hook that waits is the one on the way into service, and is left alone.
        """

        def probe() -> bool:
            state = self._state()
            if state == "Warmed:Pending":
                raise NotYet(f"the instance is still {state}")
            return state == "Warmed:Pending:Wait"

        waits = wait_for("the group to come to its hook", probe, Deadline(60), interval=2)
        return waits and self.complete(hook, "CONTINUE")

    def _target(self) -> str:
        """The state that the group is bringing this instance into; empty when that is unknown."""
        try:
            return self.imds.get("autoscaling/target-lifecycle-state") or ""
        except ImdsError as error:
            log.debug("%s", error)
            return ""

    def complete(self, hook: str, result: Literal["CONTINUE", "ABANDON"]) -> bool:
        """Complete the action of ``hook``; false when none is pending.

        None is pending after a reboot in service, after a restart of the agent, or when the
        instance belongs to no group. Tries for a minute when the API does not answer, or when the
        group has not come as far as its hook.
        """

        seen_waiting = False

        def probe() -> bool:
            nonlocal seen_waiting
            try:
                self.autoscaling.complete_lifecycle_action(
                    LifecycleActionResult=result, **self._action(hook)
                )
            except API_ERRORS as error:
                if error_code(error) != NO_ACTION_PENDING:
                    raise NotYet(describe(error)) from None
                state = self._state()
                if state in BEFORE_ITS_HOOK:
                    raise NotYet(f"the instance is still {state}") from None
                if state.endswith(":Wait") and not seen_waiting:
                    # It may have come to its hook since the call was refused.
                    seen_waiting = True
                    raise NotYet(f"the instance is {state} now") from None
                log.info("The hook %s is not waiting for this instance.", hook)
                return False
            log.info("Completed the hook %s: %s.", hook, result)
            return True

        return wait_for(f"the hook {hook} to be completed", probe, Deadline(60), interval=2)

    @contextmanager
    def heartbeats(self, hook: str) -> Iterator[None]:
        """Keep the action of ``hook`` from timing out while the body runs.

        Ends early only when none is pending and none is to come, as after a reboot in service.
        """
        done = threading.Event()

        def beat() -> None:
            while not done.wait(HEARTBEAT_SECONDS):
                try:
                    self.autoscaling.record_lifecycle_action_heartbeat(**self._action(hook))
                except API_ERRORS as error:
                    if error_code(error) != NO_ACTION_PENDING:
                        log.warning("No heartbeat for the hook %s: %s.", hook, describe(error))
                    elif not self._may_wait():
                        return

        thread = threading.Thread(target=beat, name=f"heartbeat {hook}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()

    def _may_wait(self) -> bool:
        """Whether the instance waits at a hook or is on its way to one; a doubt counts as yes."""
        try:
            state = self._state()
        except NotYet:
            return True
        return state in BEFORE_ITS_HOOK or state.endswith(":Wait")

    def _state(self) -> str:
        """The group's word for where this instance is; empty when it belongs to no group."""
        try:
            instances = self.autoscaling.describe_auto_scaling_instances(
                InstanceIds=[self.facts.instance_id]
            )["AutoScalingInstances"]
        except API_ERRORS as error:
            raise NotYet(describe(error)) from None
        return str(instances[0]["LifecycleState"]) if instances else ""

    def _action(self, hook: str) -> dict[str, str]:
        return {
            "LifecycleHookName": hook,
            "AutoScalingGroupName": self.facts.identity.asg,
            "InstanceId": self.facts.instance_id,
        }
