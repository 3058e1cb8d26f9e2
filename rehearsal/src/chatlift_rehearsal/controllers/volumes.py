"""What must happen to loop devices so that they are what the API says of its volumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chatlift_rehearsal.bodies import Phase, VolumeBodies
from chatlift_rehearsal.model import CloudView, SnapshotView, VolumeView


@dataclass(frozen=True)
class CreateVolume:
    """Make the volume's body, empty or as a copy of its snapshot."""

    volume: VolumeView

    @property
    def key(self) -> str:
        return self.volume.id


@dataclass(frozen=True)
class GrowVolume:
    """Enlarge the volume's body, in use if it is."""

    volume: VolumeView

    @property
    def key(self) -> str:
        return self.volume.id


@dataclass(frozen=True)
class DeleteVolume:
    """Remove the volume's body."""

    key: str


@dataclass(frozen=True)
class AttachVolume:
    """Make the volume appear in a running instance."""

    key: str
    instance_id: str


@dataclass(frozen=True)
class DetachVolume:
    """Make the volume vanish from wherever it is."""

    key: str


@dataclass(frozen=True)
class CreateSnapshot:
    """Copy the volume as it is now."""

    snapshot: SnapshotView

    @property
    def key(self) -> str:
        return self.snapshot.volume_id


@dataclass(frozen=True)
class ReportSnapshot:
    """Tell the API that the copy is made."""

    key: str


@dataclass(frozen=True)
class DeleteSnapshot:
    """Remove the copy."""

    key: str


VolumeAction = (
    CreateVolume
    | GrowVolume
    | DeleteVolume
    | AttachVolume
    | DetachVolume
    | CreateSnapshot
    | ReportSnapshot
    | DeleteSnapshot
)


def plan_volumes(
    view: CloudView, hosts: Mapping[str, Phase], bodies: VolumeBodies
) -> list[VolumeAction]:
    """At most one action a volume: what else it needs follows when that is done."""
    wanted = {
        attachment.volume_id: instance.id
        for instance in view.instances
        for attachment in instance.attachments
        if hosts.get(instance.id) == "running"
    }
    known = {volume.id for volume in view.volumes}
    uncopied = {snapshot.id for snapshot in view.snapshots} - bodies.snapshots
    actions: list[VolumeAction] = []
    for volume_id, instance_id in bodies.attached.items():
        if wanted.get(volume_id) != instance_id:
            actions.append(DetachVolume(volume_id))
    for snapshot in view.snapshots:
        if snapshot.id in bodies.snapshots:
            if snapshot.state == "pending":
                actions.append(ReportSnapshot(snapshot.id))
        elif snapshot.volume_id in bodies.volumes:
            actions.append(CreateSnapshot(snapshot))
    for volume in view.volumes:
        if volume.id not in bodies.volumes:
            if volume.snapshot_id not in uncopied:
                actions.append(CreateVolume(volume))
        elif volume.size_gib > bodies.sizes[volume.id]:
            actions.append(GrowVolume(volume))
        elif volume.id in wanted and volume.id not in bodies.attached:
            actions.append(AttachVolume(volume.id, wanted[volume.id]))
    for volume_id in sorted(bodies.volumes - known):
        if volume_id not in bodies.attached:
            actions.append(DeleteVolume(volume_id))
    for snapshot_id in sorted(bodies.snapshots - {snapshot.id for snapshot in view.snapshots}):
        actions.append(DeleteSnapshot(snapshot_id))
    return actions
