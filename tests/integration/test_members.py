"""Members handed over, replaced one by one, led back: what the playbooks do, and refuse."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.integration.chorus import Chorus
from tests.integration.cloud import Cloud
from tests.killing import kill_when

STACK = "demo"
MYSQL = ["mysql-a1", "mysql-b1", "mysql-c1"]
QUICK = {"gate_timeout": 5, "replace_timeout": 60}


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


def _instances(cloud: Cloud, tier: str = "") -> dict[str, dict[str, Any]]:
    """The members' instances in service, as EC2 has them, by member."""
    groups = cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    ids = [
        one["InstanceId"]
        for group in groups
        for one in group["Instances"]
        if f"{STACK}-{tier}" in group["AutoScalingGroupName"]
        and one["LifecycleState"] == "InService"
    ]
    found = cloud.client("ec2").describe_instances(InstanceIds=ids)["Reservations"]
    return {
        next(tag["Value"] for tag in one["Tags"] if tag["Key"] == "chatlift:member"): one
        for entry in found
        for one in entry["Instances"]
    }


def _ids(cloud: Cloud, tier: str = "") -> dict[str, str]:
    return {name: one["InstanceId"] for name, one in _instances(cloud, tier).items()}


def _images(cloud: Cloud, tier: str) -> set[str]:
    return {one["ImageId"] for one in _instances(cloud, tier).values()}


def _order(cloud: Cloud, tier: str) -> list[str]:
    """The members in the order in which their instances were launched."""
    instances = _instances(cloud, tier)
    return sorted(instances, key=lambda name: instances[name]["LaunchTime"])


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


def test_a_leader_that_says_nothing_is_not_taken_for_one(play: Any, chorus: Chorus) -> None:
    leader = chorus.leader_of("mysql-a1")
    chorus.silent.add(leader)
    refused = play("switchover", leader=leader, ok=False, gate_timeout=1)
    assert f"{leader} did not answer" in refused.messages[-1]
    assert chorus.led == []


def test_members_that_run_the_version_are_left_alone(
    cloud: Cloud, play: Any, chorus: Chorus
) -> None:
    before = _ids(cloud)
    assert play("rolling_deploy", "--limit", "members").changed == []
    assert _ids(cloud) == before


def test_check_mode_lists_whom_in_which_order_and_who_hands_over(
    cloud: Cloud, play: Any, chorus: Chorus
) -> None:
    before = _ids(cloud)
    image = cloud.bake("redis")
    planned = play("rolling_deploy", "--check", "--limit", "redis", data_tier_image_id=image)
    lines = planned.result("redis-a1", "Show whom")["msg"]
    assert [line.split()[0] for line in lines] == [
        *("redis-a2", "redis-b2", "redis-c2"),
        *("redis-a1", "redis-b1", "redis-c1"),
    ]
    assert lines[0] == ("redis-a2  replica: runs version 1, is to run (known after apply)")
    assert lines[3].startswith("redis-a1  primary, hands over to redis-b2:")
    assert planned.changed
    assert _ids(cloud) == before


def test_replicas_go_first_and_a_leader_hands_over_before_it_goes(
    cloud: Cloud, play: Any, chorus: Chorus
) -> None:
    others = _ids(cloud, "redis")
    leader = chorus.leader_of("mysql-a1")
    first, second = [name for name in MYSQL if name != leader]
    image = cloud.bake("mysql")
    play("rolling_deploy", "--limit", "mysql")
    assert _images(cloud, "mysql") == {image}
    assert _order(cloud, "mysql") == [first, second, leader]
    assert chorus.led == [first]
    assert chorus.leader_of("mysql-a1") == first
    assert _ids(cloud, "redis") == others
    assert play("rolling_deploy", "--limit", "mysql").changed == []


def test_a_shard_hands_over_to_its_own_replica(cloud: Cloud, play: Any, chorus: Chorus) -> None:
    before = _ids(cloud, "redis")
    cloud.bake("redis")
    play("rolling_deploy", "--limit", "redis-b1")
    changed = {name for name, one in _ids(cloud, "redis").items() if one != before[name]}
    assert changed == {"redis-b1"}
    assert chorus.led == ["redis-c2"]


def test_an_image_that_does_not_boot_stops_it_and_a_rollback_leads_back(
    cloud: Cloud, play: Any, chorus: Chorus
) -> None:
    before, good = _ids(cloud, "mysql"), _images(cloud, "mysql")
    bad = cloud.bake("mysql")
    cloud.broken_images.add(bad)
    leader = chorus.leader_of("mysql-a1")
    first, second = [name for name in MYSQL if name != leader]
    failed = play("rolling_deploy", "--limit", "mysql", ok=False, **QUICK)
    message = failed.messages[-1]
    assert f"The launches of {first} with version " in message
    assert "Lifecycle Action was abandoned" in message
    assert f"stops here at {first}" in message
    assert f"playbooks/rollback.yml --limit members -e rollback_from={bad}" in message
    assert {name: one for name, one in before.items() if name != first} == {
        name: one for name, one in _ids(cloud, "mysql").items() if name != first
    }

    # Redis is to run another image as well, which waits for its own deployment.
    redis = _ids(cloud, "redis")
    other = cloud.bake("redis")
    assert play("data_tier", "--limit", "redis").changed
    misnamed = play("rollback", "--limit", "members", ok=False, rollback_from="2")
    assert "rollback_from has to be the id of an image, ami-…, not '2'" in misnamed.messages[0]
    assert play("rollback", "--limit", "members").changed == []
    back = play("rollback", "--limit", "members", rollback_from=bad, **QUICK)
    assert _images(cloud, "mysql") == good
    assert sorted(_ids(cloud, "mysql")) == MYSQL
    assert _ids(cloud, "mysql")[second] == before[second]
    assert good == {back.result(first, "Let the next instance be what ran before")["image_id"]}
    assert play("rollback", "--limit", "members", rollback_from=bad).changed == []
    assert _ids(cloud, "redis") == redis
    for image in (bad, other):
        cloud.client("ec2").deregister_image(ImageId=image)
    play("data_tier", "--limit", "redis")


def test_an_image_of_another_kind_is_refused(cloud: Cloud, play: Any, stack: Any) -> None:
    before = _ids(cloud)
    named = {"data_tier_image_id": stack["redis"]}
    refused = play("rolling_deploy", "--limit", "mysql", ok=False, **named, **QUICK)
    assert f"{stack['redis']} is one of redis, but chatlift-demo-mysql-" in refused.messages[0]
    assert _ids(cloud) == before


def test_a_member_that_refuses_to_lead_stops_it(cloud: Cloud, play: Any, chorus: Chorus) -> None:
    before, leader = _ids(cloud, "mysql"), chorus.leader_of("mysql-a1")
    chorus.refusals = {name: f"{name} is 230 transactions behind." for name in MYSQL}
    failed = play("replace_members", "--limit", leader, ok=False, replace_always=True, **QUICK)
    assert "does not lead (refused): mysql-" in failed.messages[0]
    assert "230 transactions behind" in failed.messages[0]
    assert _ids(cloud, "mysql") == before


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ({"oldest": 99.0}, r"has had a transaction open for 99 s, where 15 s are allowed"),
        ({"silent": {"mysql-a1", "mysql-b1", "mysql-c1"}}, "did not answer"),
    ],
)
def test_what_is_not_well_is_waited_for_and_named(
    cloud: Cloud, play: Any, chorus: Chorus, trouble: dict[str, Any], sentence: str
) -> None:
    before, leader = _ids(cloud, "mysql"), chorus.leader_of("mysql-a1")
    for name, value in trouble.items():
        setattr(chorus, name, value)
    failed = play("replace_members", "--limit", leader, ok=False, replace_always=True, **QUICK)
    assert sentence in failed.messages[0]
    assert _ids(cloud, "mysql") == before


def test_a_killed_run_is_taken_up_where_it_was(
    cloud: Cloud, play: Any, chorus: Chorus, programs: Any
) -> None:
    image = cloud.bake("mysql")
    variables = json.dumps({"chatlift_environment": cloud.environment})
    assert kill_when(
        lambda: image in _images(cloud, "mysql"),
        *("playbooks/rolling_deploy.yml", "--limit", "mysql", "-e", variables),
        environment={"PATH": f"{programs}:{os.environ['PATH']}"},
    )
    done = {
        name: one["InstanceId"]
        for name, one in _instances(cloud, "mysql").items()
        if one["ImageId"] == image
    }
    assert done
    play("rolling_deploy", "--limit", "mysql")
    assert _images(cloud, "mysql") == {image}
    assert done.items() <= _ids(cloud, "mysql").items()
