"""Waiting for groups: when it has no sense to wait any longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from unittest.mock import MagicMock

import pytest

VCPUS = (
    "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the"
    " instance bucket that the specified instance type belongs to. Launching EC2 instance failed."
)
CAPACITY = "We currently do not have sufficient capacity. Launching EC2 instance failed."
WITHOUT_INSTANCE = {"app": {"in_service": False, "instances": [], "desired": 1}}


def _look(said: str, minutes_ago: int) -> Any:
    """A look at a group whose last activity said so."""
    start = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    activity = {"StatusCode": "Failed", "StatusMessage": said, "StartTime": start}
    module = MagicMock(params={"stack": "demo", "names": ["app"], "certificates": None})
    found = module.client.return_value.describe_scaling_activities
    found.return_value = {"Activities": [activity]}
    group_info = import_module("ansible_collections.chatlift.aws.plugins.modules.group_info")
    return group_info.Look(module)


def test_a_launch_that_a_quota_forbids_is_not_awaited() -> None:
    with pytest.raises(Exception, match=r"group of app lacks .*'Running On-Demand Standard"):
        _look(VCPUS, 0).all_as_wanted(WITHOUT_INSTANCE)


def test_the_quota_of_an_earlier_run_may_be_higher_by_now() -> None:
    assert not _look(VCPUS, 9).all_as_wanted(WITHOUT_INSTANCE)


def test_capacity_may_come_back() -> None:
    assert not _look(CAPACITY, 0).all_as_wanted(WITHOUT_INSTANCE)
