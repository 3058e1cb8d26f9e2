"""The module that deletes old images against an emulated account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends

from ...conftest import IMAGES, REGION, ZONES, ModuleFailed

Bake = Callable[..., str]
OLD = {"keep": 0, "min_age_days": 1}


@pytest.fixture
def bake(aws: Any) -> Bake:
    """Make an image of so many days of age; gives its id."""
    ec2 = aws("ec2")
    [instance] = ec2.run_instances(ImageId=IMAGES[0], MinCount=1, MaxCount=1)["Instances"]

    def make(days: int, name: str = "node") -> str:
        image: str = ec2.create_image(
            InstanceId=instance["InstanceId"],
            Name=f"{name}-{days}",
            TagSpecifications=[
                {"ResourceType": "image", "Tags": [{"Key": "chatlift:image", "Value": name}]}
            ],
        )["ImageId"]
        made = ec2_backends[DEFAULT_ACCOUNT_ID][REGION].amis[image]
        made.creation_date -= timedelta(days=days, minutes=1)
        return image

    return make


@pytest.fixture(autouse=True)
def refresh(collection: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The group's instance refresh, of which moto knows nothing."""
    found: dict[str, Any] = {}
    module = import_module("ansible_collections.chatlift.aws.plugins.module_utils.instance_refresh")
    monkeypatch.setattr(module, "newest", lambda *_group: found)
    return found


def _images(aws: Any) -> set[str]:
    found = aws("ec2").describe_images(Owners=["self"])["Images"]
    return {image["ImageId"] for image in found if image.get("Tags")}


def _snapshots(aws: Any) -> set[str]:
    found = aws("ec2").describe_snapshots(OwnerIds=[DEFAULT_ACCOUNT_ID])["Snapshots"]
    return {one["SnapshotId"] for one in found}


def _template(aws: Any, *images: str) -> None:
    """A launch template with a version for each image."""
    ec2, name = aws("ec2"), {"LaunchTemplateName": "chatlift-demo-app"}
    first, *others = ({"ImageId": image, "InstanceType": "t3.small"} for image in images)
    ec2.create_launch_template(LaunchTemplateData=first, **name)
    for data in others:
        ec2.create_launch_template_version(LaunchTemplateData=data, **name)


def _group(aws: Any, version: str, before: str = "") -> None:
    tag = {"Key": "chatlift:version-before", "Value": before, "PropagateAtLaunch": False}
    aws("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName="chatlift-demo-app",
        LaunchTemplate={"LaunchTemplateName": "chatlift-demo-app", "Version": version},
        AvailabilityZones=ZONES,
        MinSize=0,
        MaxSize=1,
        Tags=[tag] if before else [],
    )


def test_images_go_that_are_old_and_not_among_the_newest(
    aws: Any, run_module: Any, bake: Bake
) -> None:
    oldest, older, newest = bake(3), bake(2), bake(1)
    mysql = bake(4, "mysql")
    snapshots = _snapshots(aws)
    pruned = run_module("ami_prune", keep=1, min_age_days=1)
    assert pruned["changed"]
    assert [one["image_id"] for one in pruned["deleted"]] == [oldest, older]
    assert _images(aws) == {newest, mysql}
    gone = {one for image in pruned["deleted"] for one in image["snapshots"]}
    assert len(gone) == 2
    assert _snapshots(aws) == snapshots - gone
    assert not run_module("ami_prune", keep=1, min_age_days=1)["changed"]


def test_young_images_stay_however_many_there_are(aws: Any, run_module: Any, bake: Bake) -> None:
    images = {bake(1), bake(2)}
    assert not run_module("ami_prune", keep=0, min_age_days=100_000)["changed"]
    assert _images(aws) == images


def test_images_of_others_are_not_looked_at(aws: Any, run_module: Any, bake: Bake) -> None:
    image = bake(1, "theirs")
    assert not run_module("ami_prune", **OLD)["changed"]
    assert _images(aws) == {image}


def test_check_mode_says_which_would_go(aws: Any, run_module: Any, bake: Bake) -> None:
    image = bake(1)
    snapshots = _snapshots(aws)
    planned = run_module("ami_prune", check=True, **OLD)
    assert planned["changed"]
    assert planned["diff"]["before"][f"image {image}"]["image"] == "node"
    assert _images(aws) == {image}
    assert _snapshots(aws) == snapshots


def test_no_more_than_the_cap_go_the_oldest_first(aws: Any, run_module: Any, bake: Bake) -> None:
    newer, oldest, mysql = bake(1), bake(5), bake(3, "mysql")
    pruned = run_module("ami_prune", max_deleted=2, **OLD)
    assert [one["image_id"] for one in pruned["deleted"]] == [oldest, mysql]
    assert pruned["postponed"] == 1
    assert _images(aws) == {newer}


@pytest.mark.parametrize("stopped", [False, True])
def test_what_an_instance_runs_stays(aws: Any, run_module: Any, bake: Bake, stopped: bool) -> None:
    image, ec2 = bake(1), aws("ec2")
    [instance] = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
    ids = [instance["InstanceId"]]
    if stopped:
        ec2.stop_instances(InstanceIds=ids)
    kept = run_module("ami_prune", **OLD)
    assert (kept["changed"], kept["in_use"]) == (False, {image: f"instance {ids[0]}"})
    ec2.terminate_instances(InstanceIds=ids)
    assert run_module("ami_prune", **OLD)["changed"]


def test_what_a_group_launches_or_goes_to_stays(
    aws: Any, run_module: Any, bake: Bake, refresh: dict[str, Any]
) -> None:
    unused, default, forgotten, before, current, coming, latest = (bake(n) for n in range(1, 8))
    _template(aws, default, forgotten, before, current, coming, latest)
    _group(aws, "4", before="3")
    wanted = {"LaunchTemplateName": "chatlift-demo-app", "Version": "5"}
    refresh["DesiredConfiguration"] = {"LaunchTemplate": wanted}
    kept = run_module("ami_prune", **OLD)
    assert {one["image_id"] for one in kept["deleted"]} == {unused, forgotten}
    assert kept["in_use"][before] == "version 3 of the launch template chatlift-demo-app"
    assert _images(aws) == {default, before, current, coming, latest}


@pytest.mark.parametrize("option", ["keep", "min_age_days", "max_deleted"])
def test_what_cannot_be_meant_is_refused(aws: Any, run_module: Any, option: str) -> None:
    with pytest.raises(ModuleFailed, match=f"{option} is -1.*: give it 0 or more"):
        run_module("ami_prune", **{option: -1})
