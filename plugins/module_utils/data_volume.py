# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data volume of a member: made once, found again by its tags, only ever grown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    at_most_one,
    delete_when_free,
    of_stack,
    tag_specification,
    wait_until,
)

# "deleting" volumes are listed for a while and are no volumes any more.
ALIVE = ("creating", "available", "in-use")


@dataclass(frozen=True)
class Disk:
    """What a data volume is made of; ``size`` in GiB, ``throughput`` in MiB/s."""

    size: int
    type: str
    iops: int | None
    throughput: int | None
    kms_key_id: str | None

    def settings(self) -> dict[str, Any]:
        """What can be changed later, as the API names it."""
        wanted = {
            "Size": self.size,
            "VolumeType": self.type,
            "Iops": self.iops,
            "Throughput": self.throughput,
        }
        return {key: value for key, value in wanted.items() if value is not None}


def find(ec2: Any, stack: str, member: str) -> dict[str, Any] | None:
    found = ec2.describe_volumes(
        Filters=[
            *of_stack(stack, status=ALIVE),
            {"Name": "tag:chatlift:member", "Values": [member]},
        ]
    )["Volumes"]
    return at_most_one(found, f"the data volume of {member} in the stack {stack}")


def ensure(
    ec2: Any, changes: Changes, stack: str, member: str, zone: str, disk: Disk, tags: dict[str, str]
) -> str:
    """Make sure that the member has its volume, and return the volume's id."""
    volume = find(ec2, stack, member)
    if volume is None:
        return _create(ec2, changes, member, zone, disk, tags)

    if volume["AvailabilityZone"] != zone:
        raise ChatliftError(
            f"The data volume {volume['VolumeId']} of {member} is in {volume['AvailabilityZone']}"
            f" and cannot move to {zone}. Keep the order of chatlift_availability_zones, or add a"
            f" new member in {zone} and retire {member}."
        )
    if disk.size < volume["Size"]:
        raise ChatliftError(
            f"The data volume {volume['VolumeId']} of {member} has {volume['Size']} GiB and cannot"
            f" shrink to {disk.size} GiB. Set the size to at least {volume['Size']}."
        )
    before = {key: volume.get(key) for key in disk.settings()}
    if before != disk.settings():
        changes.apply(
            f"data volume of {member}",
            before,
            disk.settings(),
            ec2.modify_volume,
            VolumeId=volume["VolumeId"],
            **disk.settings(),
        )
    return str(volume["VolumeId"])


def delete(ec2: Any, changes: Changes, stack: str, member: str) -> None:
    volume = find(ec2, stack, member)
    if volume is not None:
        changes.apply(
            f"data volume of {member}",
            {"VolumeId": volume["VolumeId"], "Size": volume["Size"]},
            None,
            delete_when_free,
            call=ec2.delete_volume,
            what=f"the data volume {volume['VolumeId']} of {member}",
            VolumeId=volume["VolumeId"],
        )


def _create(
    ec2: Any, changes: Changes, member: str, zone: str, disk: Disk, tags: dict[str, str]
) -> str:
    request = {"AvailabilityZone": zone, "Encrypted": True, **disk.settings()}
    if disk.kms_key_id:
        request["KmsKeyId"] = disk.kms_key_id
    volume_id: str = changes.apply(
        f"data volume of {member}",
        None,
        request,
        ec2.create_volume,
        TagSpecifications=tag_specification("volume", tags),
        **request,
    ).get("VolumeId", UNKNOWN)
    if volume_id != UNKNOWN:
        wait_until(
            lambda: ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["State"],
            lambda state: state != "creating",
            what=f"the data volume {volume_id} of {member} to be available",
            timeout=120,
        )
    return volume_id
