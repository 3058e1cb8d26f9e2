# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The data volume of a member: made once, found again by its tags, only ever grown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    at_most_one,
    delete_when_free,
    error_code,
    mend_tags,
    of_stack,
    tag_dict,
    tag_list,
    tag_specification,
    wait_until,
)

# On a volume: the snapshot that was made when its member was ended for good.
FINAL_SNAPSHOT = "chatlift:final-snapshot"

# A change that is not complete, or one too many within the last hours.
TOO_SOON = ("IncorrectModificationState", "VolumeModificationRateExceeded")
# Mostly seconds, and minutes for some large volumes; the optimising after it is not awaited.
MODIFY_TIMEOUT_SECONDS = 900
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

    def check(self) -> None:
        """Refuse what AWS has no such setting for.

        https://docs.aws.amazon.com/ebs/latest/userguide/ebs-volume-types.html
        """
        if self.throughput and self.type != "gp3":
            raise ChatliftError(
                f"A volume of the type {self.type} has no throughput to set. Leave it out"
                f" (data_tier_volume_throughput: 0), or take gp3."
            )
        if self.iops and self.type == "gp2":
            raise ChatliftError(
                "A volume of the type gp2 has no IOPS to set. Leave them out"
                " (data_tier_volume_iops: 0), or take gp3."
            )
        if not self.iops and self.type in ("io1", "io2"):
            raise ChatliftError(
                f"A volume of the type {self.type} needs its IOPS set (data_tier_volume_iops)."
            )


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
    """Make sure that the member has its volume, and return the volume's id.

    An existing one is changed in use. It has its new size, type and speed when this returns, and
    AWS may go on to optimise it; the agent lets the file system grow.
    """
    disk.check()
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
    final = tag_dict(volume.get("Tags")).get(FINAL_SNAPSHOT)
    if final:
        # What it holds will change again; the next destruction takes another.
        changes.apply(
            f"data volume of {member}, its tag {FINAL_SNAPSHOT}",
            final,
            None,
            ec2.delete_tags,
            Resources=[volume["VolumeId"]],
            Tags=[{"Key": FINAL_SNAPSHOT}],
        )
    if not volume["Encrypted"]:
        raise ChatliftError(
            f"The data volume {volume['VolumeId']} of {member} is not encrypted, and none can be"
            f" once it is made. Make an encrypted one of its snapshot, move the tags"
            f" chatlift:stack and chatlift:member over, then run this again."
        )
    before = {key: volume.get(key) for key in disk.settings()}
    if before != disk.settings():
        changes.apply(
            f"data volume of {member}",
            before,
            disk.settings(),
            _modify,
            ec2=ec2,
            member=member,
            volume_id=volume["VolumeId"],
            settings=disk.settings(),
        )
    mend_tags(
        ec2,
        changes,
        f"data volume of {member}",
        volume["VolumeId"],
        volume.get("Tags"),
        tags,
    )
    return str(volume["VolumeId"])


def take_final_snapshot(
    ec2: Any,
    changes: Changes,
    stack: str,
    member: str,
    tags: dict[str, str],
    *,
    retention_days: int,
    timeout: float,
) -> str | None:
    """Copy the volume, which nobody uses any more, and wait until the copy is complete.

    The volume then carries the snapshot's id, so that the next run takes no other. Nothing deletes
    the snapshot: its tag ``chatlift:retain-until`` says from when on that does no harm.

    Returns:
        The snapshot's id; None when there is no volume.
    """
    volume = find(ec2, stack, member)
    if volume is None:
        return None
    volume_id = volume["VolumeId"]
    if final := tag_dict(volume.get("Tags")).get(FINAL_SNAPSHOT):
        return final
    until = (datetime.now(timezone.utc) + timedelta(days=retention_days)).strftime("%Y-%m-%d")
    snapshot_id: str = changes.apply(
        f"final snapshot of the data volume of {member}",
        None,
        {"VolumeId": volume_id, "retain until": until},
        ec2.create_snapshot,
        VolumeId=volume_id,
        Description=f"Last state of {member} in the stack {stack}; retain until {until}",
        TagSpecifications=tag_specification(
            "snapshot",
            {**tags, "chatlift:snapshot": "final", "chatlift:retain-until": until},
        ),
    ).get("SnapshotId", UNKNOWN)
    if snapshot_id == UNKNOWN:
        return snapshot_id

    def state() -> str:
        found = ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]
        return f"{found['State']} {found.get('StateMessage') or found.get('Progress', '')}".strip()

    seen = wait_until(
        state,
        lambda seen: not seen.startswith("pending"),
        what=f"the final snapshot {snapshot_id} of {member}",
        timeout=timeout,
    )
    if not seen.startswith("completed"):
        raise ChatliftError(
            f"The final snapshot {snapshot_id} of {member} failed ({seen}), so its volume"
            f" {volume_id} stays. Run this again for another snapshot."
        )
    ec2.create_tags(Resources=[volume_id], Tags=tag_list({FINAL_SNAPSHOT: snapshot_id}))
    return snapshot_id


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


def _modify(ec2: Any, member: str, volume_id: str, settings: dict[str, Any]) -> None:
    """Change a volume in use, and wait until the change has taken effect.

    https://docs.aws.amazon.com/ebs/latest/userguide/monitoring-volume-modifications.html
    """
    try:
        ec2.modify_volume(VolumeId=volume_id, **settings)
    except ec2.exceptions.ClientError as error:
        if error_code(error) in TOO_SOON:
            raise ChatliftError(
                f"The data volume {volume_id} of {member} was changed a short while ago, and AWS"
                f" takes the next change later: {error}. Run this again then."
            ) from error
        raise
    outcome = wait_until(
        lambda: ec2.describe_volumes_modifications(VolumeIds=[volume_id])["VolumesModifications"][
            -1
        ],
        lambda modification: modification["ModificationState"] != "modifying",
        what=f"the data volume {volume_id} of {member} to be changed",
        timeout=MODIFY_TIMEOUT_SECONDS,
        describe=lambda modification: f"{modification.get('Progress', 0)} %",
    )
    if outcome["ModificationState"] == "failed":
        raise ChatliftError(
            f"AWS could not change the data volume {volume_id} of {member}:"
            f" {outcome.get('StatusMessage', 'it gives no reason')}. The volume is as it was."
        )
