"""The operations on instance refreshes, none of which moto has.

https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StartInstanceRefresh.html
https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-rollback.html
"""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult

from . import refresh_turn
from .autoscaling import AutoScalingResponses, Group
from .errors import group_error
from .refresh_record import REVERSIBLE, Configuration, Refresh, specification
from .scaling_policies import cloudwatch_of

KEPT = 50
"""Refreshes of a group; AWS keeps them for six weeks."""

_MOST_ALARMS = 10


class RefreshResponses(AutoScalingResponses):
    """StartInstanceRefresh, and what looks after the refresh."""

    def start_instance_refresh(self) -> ActionResult:
        group = self._group()
        desired = self._get_param("DesiredConfiguration") or None
        asked = self._get_param("Preferences") or {}
        if group.refresh:
            raise group_error(
                "An Instance Refresh is already in progress and blocks the execution of this "
                "Instance Refresh.",
                code="InstanceRefreshInProgress",
            )
        if self._get_param("Strategy") not in (None, "Rolling"):
            raise group_error("The rehearsal replaces instances, no root volumes.")
        _check_percentages(asked)
        _check_checkpoints(asked)
        if desired:
            self._check_desired(group, desired)
        if asked.get("AutoRollback"):
            _check_rollback(group, desired)
        refresh = Refresh(group.name, asked, desired, 0)
        self._check_alarms(refresh.alarms)
        members = group.instance_states
        refresh.instances_to_update = sum(refresh_turn.stale(group, refresh, m) for m in members)
        group.refreshes = [refresh, *group.refreshes[: KEPT - 1]]
        return ActionResult({"InstanceRefreshId": refresh.id})

    def describe_instance_refreshes(self) -> ActionResult:
        wanted = self._get_param("InstanceRefreshIds", [])
        found = [r for r in self._group().refreshes if not wanted or r.id in wanted]
        count = self._get_int_param("MaxRecords", 50)
        return ActionResult({"InstanceRefreshes": [one.describe() for one in found[:count]]})

    def cancel_instance_refresh(self) -> ActionResult:
        group = self._group()
        refresh = _active(group)
        wait = self._get_bool_param("WaitForTransitioningInstances", True)
        refresh_turn.cancel(group, refresh, wait=wait)
        return ActionResult({"InstanceRefreshId": refresh.id})

    def rollback_instance_refresh(self) -> ActionResult:
        group = self._group()
        refresh = _active(group)
        if refresh.status not in REVERSIBLE or not refresh.desired or _moves(group):
            raise group_error(
                "The instance refresh cannot be rolled back: it is being rolled back or cancelled, "
                "has no desired configuration, or the group's launch template version is $Latest "
                "or $Default.",
                code="IrreversibleInstanceRefresh",
            )
        refresh_turn.roll_back(group, refresh, "Rolled back due to user request.")
        return ActionResult({"InstanceRefreshId": refresh.id})

    def _group(self) -> Group:
        return self._mends.group(self._get_param("AutoScalingGroupName"))

    def _check_desired(self, group: Group, desired: Configuration) -> None:
        if len(desired) != 1:
            raise group_error(
                "Valid requests must contain either LaunchTemplate or MixedInstancesPolicy."
            )
        named = specification(desired)
        if ("LaunchTemplateId" in named) == ("LaunchTemplateName" in named):
            raise group_error(
                "Valid requests must contain either launchTemplateId or LaunchTemplateName"
            )
        try:
            group.version_of(desired)
        except ServiceException as error:
            raise group_error(str(error.message)) from error

    def _check_alarms(self, names: list[str]) -> None:
        """An alarm that is not OK would end the refresh at once, or never let it begin."""
        if len(names) > _MOST_ALARMS:
            raise group_error(f"You can specify up to {_MOST_ALARMS} alarms.")
        alarms = cloudwatch_of(self._mends).alarms
        for name in names:
            if name not in alarms:
                raise group_error(f"The alarm {name} does not exist.")
            if alarms[name].state_value != "OK":
                raise group_error(
                    f"The alarm {name} is in the {alarms[name].state_value} state. Alarms must be "
                    "in the OK state when an instance refresh starts."
                )


def _check_percentages(asked: dict[str, Any]) -> None:
    least, most = asked.get("MinHealthyPercentage"), asked.get("MaxHealthyPercentage")
    if most is None:
        return
    if least is None:
        raise group_error("MaxHealthyPercentage requires MinHealthyPercentage.")
    if int(most) - int(least) > 100:
        raise group_error(
            "The difference between MinHealthyPercentage and MaxHealthyPercentage cannot be "
            "greater than 100."
        )


def _check_checkpoints(asked: dict[str, Any]) -> None:
    checkpoints = [int(one) for one in asked.get("CheckpointPercentages") or []]
    if not checkpoints and "CheckpointDelay" in asked:
        raise group_error("CheckpointDelay requires CheckpointPercentages.")
    if checkpoints != sorted(set(checkpoints)) or not all(1 <= one <= 100 for one in checkpoints):
        raise group_error("CheckpointPercentages must be unique, ascending and from 1 to 100.")


def _check_rollback(group: Group, desired: Configuration | None) -> None:
    if not desired:
        raise group_error(
            "The AutoRollback parameter cannot be set to true when the DesiredConfiguration "
            "parameter is empty. Set AutoRollback to false or specify a desired configuration and "
            "try again."
        )
    if _moves(group):
        raise group_error(
            "The AutoRollback parameter cannot be set to true when the group's launch template "
            "version is $Latest or $Default."
        )


def _moves(group: Group) -> bool:
    """Whether nobody can tell which version the group had before."""
    version = specification(group.configuration).get("Version") or "$Default"
    return str(version).startswith("$")


def _active(group: Group) -> Refresh:
    if group.refresh is None:
        raise group_error(
            f"No in progress or pending Instance Refresh found for Auto Scaling group {group.name}",
            code="ActiveInstanceRefreshNotFound",
        )
    return group.refresh
