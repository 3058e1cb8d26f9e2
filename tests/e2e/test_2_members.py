"""Leaders are changed and members replaced while everybody talks, who notice a pause at most."""

from __future__ import annotations

import pytest

from tests.e2e.noticing import noticing
from tests.e2e.stack import Instance, Stack

UNNOTICED = {"reconnects": 0, "failed_requests": 0, "failed_connections": 0, "unacknowledged": 0}
PAUSES = {"account_wait": 5.0, "message_wait": 5.0}
"""Seconds a write may wait, on a busy machine too; `tests.bench.rolling` measures."""


def _reports(stack: Stack, tier: str) -> dict[str, dict[str, str]]:
    """What each member of a tier last said of itself."""
    found = {}
    for instance in stack.instances(tier):
        ids = {"Name": "resource-id", "Values": [instance.id]}
        key = {"Name": "key", "Values": ["chatlift:report"]}
        [tag] = stack.client("ec2").describe_tags(Filters=[ids, key])["Tags"]
        words = (word.split("=", 1) for word in tag["Value"].split() if "=" in word)
        found[instance.name] = dict(words)
    return found


def _succession(stack: Stack, tier: str) -> tuple[str, str]:
    """A member that leads, and one that follows it."""
    reports = _reports(stack, tier)
    return next(
        (said["leader"], name) for name, said in reports.items() if said["role"] == "replica"
    )


def _instance(stack: Stack, name: str) -> Instance:
    return next(one for one in stack.instances(name.split("-", maxsplit=1)[0]) if one.name == name)


@pytest.mark.parametrize("tier", ["mysql", "redis"])
def test_leadership_goes_to_a_named_member_and_back(stack: Stack, tier: str) -> None:
    leader, heir = _succession(stack, tier)
    with noticing(stack, UNNOTICED | PAUSES) as check:
        for name in (heir, leader):
            check.note(f"{name} is to lead")
            stack.run_playbook("playbooks/switchover.yml", "-e", f"leader={name}")
            assert name in [one.name for one in stack.leaders(tier)]


@pytest.mark.parametrize("tier", ["mysql", "redis"])
def test_a_replica_and_then_its_leader_are_replaced(stack: Stack, tier: str) -> None:
    leader, heir = _succession(stack, tier)
    before = {name: _instance(stack, name) for name in (leader, heir)}
    with noticing(stack, UNNOTICED | PAUSES) as check:
        check.note(f"{heir} and {leader} are replaced")
        stack.run_playbook(
            *("playbooks/replace_members.yml", "--limit", f"{heir}:{leader}"),
            *("-e", "replace_always=true"),
        )
    for name, old in before.items():
        new = _instance(stack, name)
        assert new.id != old.id
        assert (new.address, new.volume_id, new.zone) == (old.address, old.volume_id, old.zone)
    assert _reports(stack, tier)[heir]["leader"] != leader
