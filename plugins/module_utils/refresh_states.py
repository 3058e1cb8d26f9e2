# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The states that a group is brought to by instance refreshes: started, rolled back, cancelled."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, Callable

from ansible_collections.chatlift.aws.plugins.module_utils import (
    images,
    instance_refresh,
    refresh_watch,
    scaling_group,
)
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.instance_refresh import (
    ACTIVE,
    FORWARD,
    Tier,
    Version,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import error_code
from ansible_collections.chatlift.aws.plugins.module_utils.scaling_group import VERSION_BEFORE_TAG

# Whoever goes back has nothing to go back to, and an alarm that may be why.
GOING_BACK = {
    "auto_rollback": False,
    "alarms": [],
    "checkpoint_percentages": [],
    "bake_time": 0,
    "skip_matching": True,
}


class Refresher:
    """Brings one group to a state; ``result`` is what there is to tell at any time.

    ``client`` makes a boto3 client, ``say`` shows a line, ``is_passing`` tells the errors that say
    nothing about the refresh.
    """

    def __init__(
        self,
        client: Callable[[str], Any],
        options: dict[str, Any],
        changes: Changes,
        say: Callable[[str], None],
        is_passing: Callable[[Exception], bool],
    ) -> None:
        self._client = client
        self._autoscaling = client("autoscaling")
        self._ec2 = client("ec2")
        self._options = options
        self._changes = changes
        self._say = say
        self._is_passing = is_passing
        self._name = options["name"]
        self._replaced: list[dict[str, Any]] = []
        self._refresh: dict[str, Any] = {}
        self._history: list[refresh_watch.Activity] = []
        self._gave_up = ""
        self._undone: dict[str, Any] = {}

    def reach(self, state: str) -> dict[str, Any]:
        """Bring the group to the state and return the result.

        Raises:
            ChatliftError: It cannot be brought there, or not in time.
        """
        tier = instance_refresh.look(self._autoscaling, self._name)
        current = instance_refresh.newest(self._autoscaling, self._name)
        active = current if current.get("Status") in ACTIVE else {}
        if state == "started":
            self._start(tier, active)
        elif state == "rolled_back":
            self._roll_back(tier, active)
            for left in (
                scaling_group.launch_template_of(tier.group),
                instance_refresh.wanted(current),
            ):
                if not self._undone:
                    self._note_undone(left, self._refresh or current)
        else:
            self._cancel(active)
        return self.result()

    def result(self) -> dict[str, Any]:
        told = {
            "changed": self._changes.changed,
            "diff": self._changes.diff,
            "replaced": self._replaced,
        }
        if self._undone:
            told["undone_image"] = self._undone
        if self._refresh:
            told["refresh"] = _facts(self._refresh)
            told["history"] = [_event(one) for one in self._history]
        if self._refresh.get("EndTime"):
            began, ended = self._refresh["StartTime"], self._refresh["EndTime"]
            told["seconds"] = refresh_watch.seconds(self._history, began, ended)
        return told

    # Forward.

    def _start(self, tier: Tier, active: dict[str, Any]) -> None:
        version = instance_refresh.find_version(
            self._ec2, self._options["launch_template"], self._changes.check_mode
        )
        if active:
            self._resume(tier, version, active)
        elif tier.runs(version) and self._options["skip_matching"]:
            return
        else:
            self._check(tier)
            self._note_version_before(tier, version)
            self._begin(tier, version, self._options)
        if self._waits():
            self._watch(self._options["max_failures"])
            if self._refresh["Status"] != "Successful":
                failure = self._failure(version)
                undone = self._refresh["Status"].startswith("Rollback")
                if undone and not refresh_watch.spares_image(self._history):
                    self._note_undone(instance_refresh.wanted(self._refresh), self._refresh)
                raise ChatliftError(failure)

    def _check(self, tier: Tier) -> None:
        if self._options["auto_rollback"] and tier.version.startswith("$"):
            raise ChatliftError(
                f"The group {self._name} has version {tier.version} of its launch template, to"
                f" which AWS rolls nothing back. Give it the number that it runs, then run this"
                f" again; or set auto_rollback to false."
            )
        instance_refresh.check_alarms(self._client("cloudwatch"), self._options["alarms"])

    def _resume(self, tier: Tier, version: Version, active: dict[str, Any]) -> None:
        if active["Status"] not in FORWARD or not instance_refresh.leads_to(active, version):
            raise ChatliftError(
                f"The group {self._name} is being refreshed to"
                f" {instance_refresh.describe(active)}, not to version {version.number}."
                f" Wait until that has ended, or end it with state=rolled_back or"
                f" state=cancelled; then run this again."
            )
        self._say(f"going on with the refresh to {instance_refresh.describe(active)}")
        self._refresh = active
        self._change(tier, version, lambda: None)

    def _note_version_before(self, tier: Tier, version: Version) -> None:
        if tier.version in (version.number, tier.version_before) or tier.version.startswith("$"):
            return
        self._changes.apply(
            f"tag {VERSION_BEFORE_TAG} of group {self._name}",
            tier.version_before or None,
            tier.version,
            scaling_group.note_version_before,
            autoscaling=self._autoscaling,
            name=self._name,
            version=tier.version,
        )

    def _begin(self, tier: Tier, version: Version, options: dict[str, Any]) -> None:
        answer = self._change(
            tier,
            version,
            self._autoscaling.start_instance_refresh,
            skip_matching=options["skip_matching"],
            AutoScalingGroupName=self._name,
            DesiredConfiguration=tier.configuration(version),
            Preferences=instance_refresh.preferences(options),
        )
        if not self._changes.check_mode:
            self._refresh = {"InstanceRefreshId": answer["InstanceRefreshId"], "Status": "Pending"}

    def _change(
        self,
        tier: Tier,
        version: Version,
        call: Callable[..., Any],
        /,
        skip_matching: bool = True,
        **arguments: Any,
    ) -> Any:
        outdated = tier.outdated(version) if skip_matching else tier.instances
        self._replaced = [instance_refresh.summary(one) for one in outdated]
        versions = {one["id"]: one["launch_template_version"] for one in self._replaced}
        return self._changes.apply(
            f"group {self._name}",
            {"launch_template_version": tier.version, "instances": versions},
            {"launch_template_version": version.number, "instances": {}},
            call,
            **arguments,
        )

    # Back.

    def _roll_back(self, tier: Tier, active: dict[str, Any]) -> None:
        if self._leads_back(tier, active):
            self._say(f"going on with the refresh to {instance_refresh.describe(active)}")
            self._refresh = active
            self._finish_going_back(self._version_before(tier, undone=False))
            return
        undone = bool(active) and self._undo(tier, active)
        if undone:
            if not self._waits():
                return
            self._watch(0)
            tier = instance_refresh.look(self._autoscaling, self._name)
        version = self._version_before(tier, undone)
        if tier.runs(version):
            return
        self._begin(tier, version, {**self._options, **GOING_BACK})
        self._finish_going_back(version)

    def _finish_going_back(self, version: Version) -> None:
        if self._waits():
            self._watch(0)
            if self._refresh["Status"] != "Successful":
                raise ChatliftError(self._failure(version))

    def _leads_back(self, tier: Tier, active: dict[str, Any]) -> bool:
        """Whether what is under way is what an earlier run began to go back.

        Who goes forward notes the version before, so that no other refresh leads there.
        """
        return (
            active.get("Status") in FORWARD
            and bool(self._options["launch_template"] or tier.version_before)
            and instance_refresh.leads_to(active, self._version_before(tier, undone=False))
        )

    def _undo(self, tier: Tier, active: dict[str, Any]) -> bool:
        """Roll back what is under way; False when it has just ended."""
        self._refresh = active
        own = instance_refresh.version_named(self._ec2, tier, tier.version)
        self._replaced = [instance_refresh.summary(one) for one in tier.outdated(own)]
        if active["Status"] not in FORWARD:
            self._say(f"waiting for the refresh to {instance_refresh.describe(active)}")
            return True
        try:
            self._changes.apply(
                f"refresh of group {self._name}",
                instance_refresh.describe(active),
                "rolled back",
                self._autoscaling.rollback_instance_refresh,
                AutoScalingGroupName=self._name,
            )
        except self._autoscaling.exceptions.ClientError as error:
            if error_code(error) == "ActiveInstanceRefreshNotFound":
                return False
            if error_code(error) != "IrreversibleInstanceRefresh":
                raise
            raise ChatliftError(
                f"AWS cannot roll back the refresh of {self._name}: it has no desired"
                f" configuration, or the group's own version is no number. End it with"
                f" state=cancelled, then deploy the version that should run with state=started."
            ) from error
        return True

    def _version_before(self, tier: Tier, undone: bool) -> Version:
        """Where to go back to. After a refresh was undone, that is what the group has."""
        if undone:
            return instance_refresh.version_named(self._ec2, tier, tier.version)
        if self._options["launch_template"]:
            return instance_refresh.find_version(
                self._ec2, self._options["launch_template"], self._changes.check_mode
            )
        if not tier.version_before:
            raise ChatliftError(
                f"Nothing tells which version the group {self._name} had before version"
                f" {tier.version}: no refresh of it is under way, and it has no tag"
                f" {VERSION_BEFORE_TAG}. Name the version in launch_template."
            )
        return instance_refresh.version_named(self._ec2, tier, tier.version_before)

    def _note_undone(self, left: dict[str, Any], refresh: dict[str, Any]) -> None:
        """Note the image of the version that was left, unless the group has it all the same."""
        if "EndTime" not in refresh:
            return
        now = images.image_of_group(self._ec2, self._autoscaling, self._name)
        undone = images.image_of(self._ec2, left)
        if undone and now and undone != now:
            self._undone = {"id": undone, "at": _time(refresh["EndTime"])}

    def _cancel(self, active: dict[str, Any]) -> None:
        if not active:
            return
        self._refresh = active
        if active["Status"] != "Cancelling":
            self._changes.apply(
                f"refresh of group {self._name}",
                instance_refresh.describe(active),
                "cancelled",
                self._autoscaling.cancel_instance_refresh,
                AutoScalingGroupName=self._name,
            )
        if self._waits():
            self._watch(0)

    # To the end.

    def _waits(self) -> bool:
        return bool(self._options["wait"]) and not self._changes.check_mode

    def _watch(self, most_failures: int) -> None:
        watch = refresh_watch.Watch(
            self._autoscaling,
            self._name,
            self._refresh["InstanceRefreshId"],
            self._options["wait_timeout"],
            most_failures,
            self._say,
            self._give_up,
            self._is_passing,
        )
        try:
            self._refresh = watch.until_ended()
        finally:
            self._history = watch.history

    def _give_up(self, why: str) -> None:
        """AWS itself would go on for an hour."""
        self._gave_up = why
        back = self._options["auto_rollback"]
        self._say(f"{'rolling back' if back else 'cancelling'}, for {why}")
        call = (
            self._autoscaling.rollback_instance_refresh
            if back
            else self._autoscaling.cancel_instance_refresh
        )
        try:
            call(AutoScalingGroupName=self._name)
        except self._autoscaling.exceptions.ClientError as error:
            if error_code(error) != "ActiveInstanceRefreshNotFound":  # it has just ended
                raise

    def _failure(self, version: Version) -> str:
        """Why it failed, what runs now, and what to do next."""
        tier = instance_refresh.look(self._autoscaling, self._name)
        status, told = self._refresh["Status"], self._refresh.get("RollbackDetails", {})
        why = self._gave_up or told.get("RollbackReason") or self._refresh.get("StatusReason", "")
        failed = refresh_watch.failures(self._history)
        if failed and not self._gave_up:
            why = f"{why.rstrip('. ')}. The last failure: {failed[-1].reason}"
        why = why.rstrip(". ")
        what = f"The refresh of {self._name} to version {version.number} ended as {status}: {why}."
        own = None
        with suppress(ChatliftError):  # its own version may be gone
            own = instance_refresh.version_named(self._ec2, tier, tier.version)
        left = tier.outdated(own) if own else tier.instances
        if not left:
            return (
                f"{what} All instances run version {tier.version} again. Mend the cause, then run"
                f" this again."
            )
        ids = ", ".join(one["InstanceId"] for one in left)
        return (
            f"{what} The group has version {tier.version}, but not {ids}. Run"
            f" playbooks/rollback.yml (state=rolled_back) to replace them too, or mend the cause"
            f" and run this again to go on."
        )


def _facts(refresh: dict[str, Any]) -> dict[str, Any]:
    """A refresh as it is returned."""
    return {
        "id": refresh["InstanceRefreshId"],
        "status": refresh["Status"],
        "reason": refresh.get("StatusReason", ""),
        "percentage_complete": refresh.get("PercentageComplete", 0),
        "instances_to_update": refresh.get("InstancesToUpdate"),
        "began": _time(refresh.get("StartTime")),
        "ended": _time(refresh.get("EndTime")),
    }


def _event(activity: refresh_watch.Activity) -> dict[str, Any]:
    """What happened to an instance, as it is returned."""
    return {
        "instance_id": activity.instance,
        "event": "launch" if activity.launch else "termination",
        "status": activity.status,
        "began": _time(activity.began),
        "ended": _time(activity.ended),
        "seconds": activity.seconds,
        "reason": activity.reason,
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
