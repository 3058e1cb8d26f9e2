"""The controller is killed in the middle of a rolling deployment: the next run goes on from there.

pytest -s tests/e2e/interrupted.py

Takes four minutes, on the stack of ``make rehearse``, and is no part of ``make test``. Redis and
MySQL are replaced in the same way, so that one of them is enough. It leaves other settings than the
inventory's: make the stack anew (``make down rehearse``) before ``make e2e``.
"""

from __future__ import annotations

import json

from tests.e2e.noticing import noticing
from tests.e2e.releases import ROLL, other_monitoring, running
from tests.e2e.stack import Stack
from tests.killing import kill_when

UNNOTICED = {"failed_requests": 0, "duplicates": 0, "reordered": 0}


def _deployment(tier: str, **variables: object) -> tuple[str, ...]:
    return ("playbooks/rolling_deploy.yml", "--limit", tier, "-e", json.dumps(variables))


def test_a_refresh_is_taken_up_where_it_was(stack: Stack) -> None:
    before = running(stack)
    other = {
        **ROLL,
        "app_tier_image_id": stack.instances("app")[0].image_id,
        "app_tier_detailed_monitoring": other_monitoring(stack),
    }
    deployment = _deployment("app", **other)
    with noticing(stack, {**UNNOTICED, "reconnects": 1}) as check:
        assert kill_when(lambda: running(stack).keys() - before.keys(), *deployment)
        check.note("the controller was killed")
        begun = _refreshes(stack)
        stack.run_playbook(*deployment)
    assert not running(stack).keys() & before.keys()
    assert _refreshes(stack) == begun


def test_members_are_replaced_once_each(stack: Stack) -> None:
    before = _members(stack)
    deployment = _deployment("mysql", data_tier_instance_type="t3.medium")
    with noticing(stack, {**UNNOTICED, "reconnects": 0}) as check:
        assert kill_when(lambda: _whole(stack) and _members(stack) != before, *deployment)
        check.note("the controller was killed")
        replaced = {name: one for name, one in _members(stack).items() if one != before[name]}
        stack.run_playbook(*deployment)
    after = _members(stack)
    assert not set(after.values()) & set(before.values())
    assert replaced.items() <= after.items()


def _refreshes(stack: Stack) -> list[str]:
    """The ids of the instance refreshes that there were."""
    name = f"chatlift-{stack.name}-app"
    answer = stack.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=name)
    return [one["InstanceRefreshId"] for one in answer["InstanceRefreshes"]]


def _members(stack: Stack) -> dict[str, str]:
    return {one.name: one.id for one in stack.instances("mysql") if one.state == "ONLINE"}


def _whole(stack: Stack) -> bool:
    return len(_members(stack)) == 3
