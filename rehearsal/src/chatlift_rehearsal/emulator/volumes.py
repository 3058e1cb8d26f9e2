"""EBS volumes that belong to one instance at a time.

moto silently moves an attached volume to another instance, across zones too, and fails to detach
one without being told from what. Its snapshots are complete at once; here one is when its body is.
"""

from __future__ import annotations

from typing import Any

from moto.ec2.exceptions import InvalidVolumeAttachmentError
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_block_store import Snapshot, Volume, VolumeAttachment

from .errors import ec2_error


class VolumeMends(EC2Backend):
    """CreateVolume, AttachVolume, DetachVolume and CreateSnapshot."""

    def create_volume(self, size: int, zone_name: str, *args: Any, **kwargs: Any) -> Volume:
        volume = super().create_volume(size, zone_name, *args, **kwargs)
        # AWS always says these two; the amazon.aws modules rely on it.
        volume.multi_attach_enabled = bool(volume.multi_attach_enabled)
        volume.snapshot_id = volume.snapshot_id or ""
        return volume

    def attach_volume(
        self,
        volume_id: str,
        instance_id: str,
        device_path: str,
        delete_on_termination: bool = False,
    ) -> VolumeAttachment | None:
        volume = self.get_volume(volume_id)
        instance = self.get_instance(instance_id)
        if volume.attachment:
            raise ec2_error("VolumeInUse", f"{volume_id} is already attached to an instance")
        if volume.availability_zone != instance.placement.zone:
            raise ec2_error(
                "InvalidVolume.ZoneMismatch",
                f"The volume '{volume_id}' is not in the same availability zone as instance "
                f"'{instance_id}'",
            )
        if instance.state not in ("pending", "running", "stopped"):
            raise ec2_error("IncorrectState", f"Instance '{instance_id}' is not 'running'.")
        if device_path in instance.block_device_mapping:
            raise ec2_error(
                "InvalidParameterValue",
                f"Invalid value '{device_path}' for unixDevice. Attachment point {device_path} "
                "is already in use",
            )
        return super().attach_volume(volume_id, instance_id, device_path, delete_on_termination)

    def detach_volume(
        self, volume_id: str, instance_id: str | None, device_path: str | None
    ) -> VolumeAttachment:
        volume = self.get_volume(volume_id)
        if not volume.attachment:
            raise ec2_error("IncorrectState", f"Volume '{volume_id}' is in the 'available' state.")
        attached_to = volume.attachment.instance.id
        if instance_id and instance_id != attached_to:
            raise InvalidVolumeAttachmentError(volume_id, instance_id)
        return super().detach_volume(
            volume_id, attached_to, device_path or volume.attachment.device
        )

    def create_snapshot(
        self,
        volume_id: str,
        description: str,
        owner_id: str | None = None,
        from_ami: str | None = None,
    ) -> Snapshot:
        snapshot = super().create_snapshot(volume_id, description, owner_id, from_ami)
        # An image's snapshot has no body of its own: the image's is all there is.
        if not from_ami:
            snapshot.status = "pending"
        return snapshot

    def snapshot_ready(self, snapshot_id: str) -> None:
        """The copy is made. A snapshot deleted meanwhile stays gone."""
        if snapshot := self.snapshots.get(snapshot_id):
            snapshot.status = "completed"
