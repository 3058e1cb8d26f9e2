"""What the controllers need to know of moto's backends, as plain data."""

from __future__ import annotations

import base64
import ipaddress
from typing import Any

from ..model import Attachment, CloudView, InstanceView, VolumeView, VpcView
from .ec2_instances import Instance
from .images import image_view


def live_instances(ec2: Any) -> list[Instance]:
    """Every instance that is not terminated, in the order of launch."""
    return [
        instance
        for reservation in ec2.reservations.values()
        for instance in reservation.instances
        if instance.state != "terminated"
    ]


def cloud_view(ec2: Any) -> CloudView:
    """One consistent picture; the caller holds the lock."""
    instances = live_instances(ec2)
    roots = {
        device.volume_id
        for instance in instances
        if (device := instance.block_device_mapping.get(instance.root_device_name))
    }
    return CloudView(
        vpcs=tuple(_vpc(vpc) for vpc in ec2.vpcs.values()),
        instances=tuple(_instance(instance) for instance in instances),
        volumes=tuple(
            VolumeView(volume.id, int(volume.size), volume.status, volume.snapshot_id)
            for volume in ec2.volumes.values()
            if volume.id not in roots
        ),
        images=tuple(image_view(ami, ec2.account_id) for ami in ec2.amis.values()),
        target_groups=(),
        load_balancers=(),
    )


def _vpc(vpc: Any) -> VpcView:
    return VpcView(vpc.id, vpc.cidr_block, _gateway(vpc), vpc.is_default)


def _gateway(vpc: Any) -> str:
    return str(ipaddress.IPv4Network(vpc.cidr_block)[1])


def _instance(instance: Instance) -> InstanceView:
    ec2 = instance.ec2_backend
    vpc = ec2.get_vpc(instance.vpc_id)
    interface = instance.nics[0]
    key = ec2.key_pairs.get(instance.key_name)
    tags = dict(ec2.tags.get(instance.id, {}))
    return InstanceView(
        id=instance.id,
        state=instance.state,  # type: ignore[arg-type]
        name=tags.get("Name", ""),
        image_id=instance.image_id,
        instance_type=instance.instance_type,
        private_ip=str(instance.private_ip),
        mac=interface.mac_address,
        vpc_id=vpc.id,
        prefix_length=ipaddress.IPv4Network(vpc.cidr_block).prefixlen,
        gateway=_gateway(vpc),
        availability_zone=str(instance.placement.zone),
        public_key=key.public_key.strip() if key else None,
        user_data=base64.b64decode(str(instance.user_data or "")),
        attachments=tuple(
            Attachment(device.volume_id, name)
            for name, device in instance.get_block_device_mapping
            if name != instance.root_device_name
        ),
        tags=tags,
    )
