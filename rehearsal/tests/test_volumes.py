from __future__ import annotations

import stat

import pytest
from chatlift_rehearsal.bodies import VolumeBodies
from chatlift_rehearsal.controllers.volumes import (
    AttachVolume,
    CreateSnapshot,
    CreateVolume,
    DeleteSnapshot,
    DeleteVolume,
    DetachVolume,
    GrowVolume,
    ReportSnapshot,
    plan_volumes,
)
from chatlift_rehearsal.machine import volumes as machine
from chatlift_rehearsal.model import Attachment, SnapshotView, VolumeView
from chatlift_rehearsal.settings import Settings

from .views import cloud, instance

VOLUME = VolumeView("vol-1", 8, "in-use")
HOLDER = instance(attachments=(Attachment("vol-1", "/dev/sdf"),))


def bodies(volumes=(), snapshots=(), attached=None):
    """What there is; every volume is as large as ``VOLUME``."""
    return VolumeBodies(dict.fromkeys(volumes, 8), frozenset(snapshots), attached or {})


def test_a_new_volume_gets_a_body_before_it_is_attached():
    view = cloud(volumes=(VOLUME,), instances=(HOLDER,))
    assert plan_volumes(view, {"i-1": "running"}, bodies()) == [CreateVolume(VOLUME)]
    assert plan_volumes(view, {"i-1": "running"}, bodies(["vol-1"])) == [
        AttachVolume("vol-1", "i-1")
    ]


@pytest.mark.parametrize("phase", ["stopped", "dead", "ending"])
def test_a_volume_is_attached_to_running_hosts_only(phase):
    view = cloud(volumes=(VOLUME,), instances=(HOLDER,))
    assert plan_volumes(view, {"i-1": phase}, bodies(["vol-1"])) == []


def test_what_is_attached_as_wanted_is_left_alone():
    view = cloud(volumes=(VOLUME,), instances=(HOLDER,))
    present = bodies(["vol-1"], attached={"vol-1": "i-1"})
    assert plan_volumes(view, {"i-1": "running"}, present) == []


def test_a_volume_leaves_its_old_host_before_it_goes_to_the_next():
    view = cloud(volumes=(VOLUME,), instances=(HOLDER,))
    present = bodies(["vol-1"], attached={"vol-1": "i-0"})
    assert plan_volumes(view, {"i-1": "running"}, present) == [DetachVolume("vol-1")]


def test_a_dead_host_loses_its_volume():
    view = cloud(volumes=(VOLUME,), instances=(HOLDER,))
    present = bodies(["vol-1"], attached={"vol-1": "i-1"})
    assert plan_volumes(view, {"i-1": "dead"}, present) == [DetachVolume("vol-1")]


def test_a_deleted_volume_is_detached_first():
    assert plan_volumes(cloud(), {}, bodies(["vol-1"], attached={"vol-1": "i-1"})) == [
        DetachVolume("vol-1")
    ]
    assert plan_volumes(cloud(), {}, bodies(["vol-1"])) == [DeleteVolume("vol-1")]


def test_a_volume_from_a_snapshot_waits_for_the_copy():
    snapshot = SnapshotView("snap-1", "vol-1", "completed")
    restored = VolumeView("vol-2", 8, "available", "snap-1")
    view = cloud(volumes=(VOLUME, restored), snapshots=(snapshot,))
    assert plan_volumes(view, {}, bodies(["vol-1"])) == [CreateSnapshot(snapshot)]
    assert plan_volumes(view, {}, bodies(["vol-1"], ["snap-1"])) == [CreateVolume(restored)]


def test_a_volume_from_a_snapshot_without_a_body_is_empty():
    volume = VolumeView("vol-1", 8, "available", "snap-of-an-image")
    assert plan_volumes(cloud(volumes=(volume,)), {}, bodies()) == [CreateVolume(volume)]


def test_a_snapshot_is_complete_when_its_copy_is_made():
    view = cloud(volumes=(VOLUME,), snapshots=(SnapshotView("snap-1", "vol-1"),))
    assert plan_volumes(view, {}, bodies(["vol-1"], ["snap-1"])) == [ReportSnapshot("snap-1")]


def test_a_deleted_snapshot_is_removed():
    assert plan_volumes(cloud(), {}, bodies(snapshots=["snap-1"])) == [DeleteSnapshot("snap-1")]


def test_the_name_of_a_volume_is_that_of_aws():
    assert machine.by_id("vol-0123") == "nvme-Amazon_Elastic_Block_Store_vol0123"


def test_the_first_data_volume_is_nvme1():
    assert machine.free_device(set()) == "nvme1n1"
    assert machine.free_device({"nvme1n1", "nvme3n1"}) == "nvme2n1"


def test_a_body_is_as_large_as_the_volume_and_takes_no_room(tmp_path):
    volumes = machine.Volumes(Settings(tmp_path))
    volumes.create(VolumeView("vol-1", 8, "available"))
    found = (tmp_path / "run/volumes/vol-1.img").stat()
    assert stat.S_ISREG(found.st_mode)
    assert (found.st_size, found.st_blocks) == (8 << 30, 0)


def test_a_restored_volume_has_the_contents_of_the_snapshot_and_its_own_size(tmp_path):
    volumes = machine.Volumes(Settings(tmp_path))
    volumes.create(VolumeView("vol-1", 1, "available"))
    (tmp_path / "run/volumes/vol-1.img").open("r+b").write(b"data")
    volumes.snapshot("snap-1", "vol-1")
    volumes.create(VolumeView("vol-2", 2, "available", "snap-1"))
    body = tmp_path / "run/volumes/vol-2.img"
    assert body.stat().st_size == 2 << 30
    assert body.open("rb").read(4) == b"data"
    assert volumes.bodies() == VolumeBodies({"vol-1": 1, "vol-2": 2}, {"snap-1"}, {})


def test_a_volume_that_was_enlarged_grows_where_it_is(tmp_path):
    larger = VolumeView("vol-1", 9, "in-use")
    view = cloud(volumes=(larger,), instances=(HOLDER,))
    present = bodies(["vol-1"], attached={"vol-1": "i-1"})
    assert plan_volumes(view, {"i-1": "running"}, present) == [GrowVolume(larger)]
    volumes = machine.Volumes(Settings(tmp_path))
    volumes.create(VOLUME)
    volumes.grow(larger)
    assert volumes.bodies().sizes == {"vol-1": 9}
