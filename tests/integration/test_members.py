"""Members handed over: what the playbook does, and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.chorus import Chorus
from tests.integration.cloud import Cloud

MYSQL = ["mysql-a1", "mysql-b1", "mysql-c1"]


@pytest.fixture(scope="module")
def stack(cloud: Cloud, play: Any) -> dict[str, str]:
    """A stack of members that answer; its images by tier."""
    images = {name: cloud.bake(name) for name in ("redis", "mysql")}
    for playbook in ("network", "secrets", "data_tier"):
        play(playbook)
    # Not before: who comes into service first would lead.
    cloud.chorus = Chorus()
    return images


@pytest.fixture
def chorus(cloud: Cloud, stack: dict[str, str]) -> Chorus:
    """The members, of which nobody refuses anything."""
    assert cloud.chorus
    cloud.chorus.refusals.clear()
    cloud.chorus.silent.clear()
    cloud.chorus.oldest = 0.0
    cloud.chorus.led.clear()
    return cloud.chorus


def test_leadership_goes_to_the_member_that_is_named(play: Any, chorus: Chorus) -> None:
    heir = next(name for name in MYSQL if name != chorus.leader_of("mysql-a1"))
    planned = play("switchover", "--check", leader=heir)
    assert planned.changed == ["account: Let it lead"]
    assert chorus.led == []
    assert play("switchover", leader=heir).changed == ["account: Let it lead"]
    assert chorus.leader_of("mysql-a1") == heir
    assert play("switchover", leader=heir).changed == []
    assert chorus.led == [heir]


def test_nobody_is_asked_without_a_name(play: Any, chorus: Chorus) -> None:
    refused = play("switchover", ok=False, leader="mysql-d9")
    assert "one of mysql-a1, mysql-b1, mysql-c1, redis-a1" in refused.messages[0]
