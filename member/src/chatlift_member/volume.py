"""The member's data volume: attached, never formatted unless empty, mounted, and let go again."""

from __future__ import annotations

import logging
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .aws import API_ERRORS, describe, error_code
from .errors import AgentError
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

DEVICE_NAME = "/dev/sdf"
"""What AttachVolume asks for; on Nitro the kernel names the device itself.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html
"""

BY_ID = Path("/dev/disk/by-id")
BLKID_NOTHING_FOUND = 2
"""blkid(8): nothing was identified. Any other failure may hide data."""

MOUNT_OPTIONS = "noatime,nodev,nosuid,noexec"


@dataclass(frozen=True)
class Signature:
    """What ``blkid --probe`` finds on a device; both empty when there is nothing at all."""

    type: str = ""
    """File system, RAID, LUKS ... or ``partition table``."""
    label: str = ""


def device_path(volume_id: str) -> Path:
    """The name udev gives an EBS volume; it does not depend on the order of attachment."""
    return BY_ID / f"nvme-Amazon_Elastic_Block_Store_{volume_id.replace('-', '')}"


def plan_format(signature: Signature, member: str) -> Literal["format", "keep"]:
    """Whether the device may be formatted; raises `AgentError` when it belongs to somebody else."""
    if not signature.type:
        return "format"
    if signature.type != "ext4":
        raise AgentError(
            f"The data volume holds {signature.type!r}, not the ext4 of {member}; nothing was "
            "written. Check that volume_id in /etc/chatlift/instance.json is this member's volume; "
            "if it is, and holds nothing to keep, put an empty volume in its place."
        )
    if signature.label != member:
        raise AgentError(
            f"The data volume is labelled {signature.label!r}, so it is not the one of {member}; "
            "nothing was written. Check volume_id in /etc/chatlift/instance.json; if the volume "
            f"was restored or copied for {member}, name it so: e2label DEVICE {member}."
        )
    return "keep"


def attach(ec2: Any, volume_id: str, instance_id: str, deadline: Deadline) -> Path:
    """Attach the volume to this instance and return its device.

    Waits while the instance before this one still holds the volume: a volume is never taken from
    an instance that may be writing.
    """

    def attached() -> None:
        try:
            volume = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]
            holders = {
                attachment["InstanceId"]: attachment["State"]
                for attachment in volume["Attachments"]
                if attachment["State"] != "detached"
            }
            if holders.get(instance_id) == "attached":
                return
            if volume["State"] == "available":
                ec2.attach_volume(VolumeId=volume_id, InstanceId=instance_id, Device=DEVICE_NAME)
                raise NotYet("it has just been asked for")
        except API_ERRORS as error:
            if error_code(error) == "InvalidVolume.NotFound":
                raise AgentError(
                    f"The volume {volume_id} does not exist; check the member's user data."
                ) from None
            raise NotYet(describe(error)) from None
        raise NotYet(
            ", ".join(f"{state} at {holder}" for holder, state in sorted(holders.items()))
            or f"its state is {volume['State']}"
        )

    def present() -> None:
        if not device.exists():
            raise NotYet("the device is not there")

    device = device_path(volume_id)
    wait_for(f"volume {volume_id} to be attached", attached, deadline, interval=1)
    wait_for(f"the device {device}", present, deadline)
    return device


def mount(device: Path, member: str, target: Path) -> None:
    """Mount ``device`` on ``target``, after formatting it if, and only if, it is wholly empty."""
    if target.is_mount():
        _check_mounted(device, target)
        grow(device, target)
        return
    if plan_format(probe(device), member) == "format":
        log.info("The data volume is empty: making the file system of %s.", member)
        _run("mkfs.ext4", "-q", "-m", "1", "-L", member, str(device))
    target.mkdir(mode=0o755, parents=True, exist_ok=True)
    _run("mount", "-t", "ext4", "-o", MOUNT_OPTIONS, str(device), str(target))
    grow(device, target)


def grow(device: Path, target: Path) -> None:
    """Let the mounted file system fill its device, which somebody may have enlarged.

    A member is in service with the space it has rather than not at all.

    https://docs.aws.amazon.com/ebs/latest/userguide/recognize-expanded-volume-linux.html
    """
    before = _size(target)
    try:
        _run("resize2fs", str(device))
    except AgentError as error:
        log.warning("The file system on %s keeps its size: %s", target, error)
    if (after := _size(target)) != before:
        log.info(
            "The file system on %s grew with its volume from %d MiB to %d MiB.",
            target,
            before >> 20,
            after >> 20,
        )


class Disk:
    """The device below a mounted file system, watched for growth: AWS enlarges volumes in use."""

    def __init__(self, device: Path, target: Path) -> None:
        self._device = device
        self._target = target
        self._bytes = self._measure()

    def heal(self) -> None:
        """Let the file system fill the device, if that has grown since the last look."""
        if (now := self._measure()) > self._bytes:
            self._bytes = now
            grow(self._device, self._target)

    def _measure(self) -> int:
        """Bytes of the device; 0 when it cannot be opened, of which the service says more."""
        try:
            with self._device.open("rb") as opened:
                return opened.seek(0, os.SEEK_END)
        except OSError as error:
            log.debug("%s: %s", self._device, error)
            return 0


def probe(device: Path) -> Signature:
    """Look at the device itself, not at a cache; raises `AgentError` when in any doubt."""
    answer = subprocess.run(
        ["blkid", "--probe", "--output", "export", str(device)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if answer.returncode == BLKID_NOTHING_FOUND:
        return Signature()
    if answer.returncode:
        raise AgentError(
            f"blkid cannot tell what {device} holds (exit {answer.returncode}: "
            f"{answer.stderr.strip() or 'conflicting signatures'}); nothing was written. "
            "Look at it with wipefs, which shows signatures and changes nothing unless told to."
        )
    return parse_blkid(answer.stdout)


def parse_blkid(output: str) -> Signature:
    """The signature in blkid's export format, ``KEY=value`` a line."""
    values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    if "TYPE" in values:
        return Signature(values["TYPE"], values.get("LABEL", ""))
    return Signature(f"partition table {values.get('PTTYPE', 'of an unknown kind')}")


def release(ec2: Any, volume_id: str, instance_id: str, target: Path, deadline: Deadline) -> None:
    """Unmount and detach, so that the next instance of the member finds the volume available."""
    if target.is_mount():
        _run("umount", str(target))
    try:
        ec2.detach_volume(VolumeId=volume_id, InstanceId=instance_id)
    except API_ERRORS as error:
        if error_code(error) != "IncorrectState":  # detached already
            raise AgentError(f"Volume {volume_id} cannot be detached: {describe(error)}.") from None

    def available() -> None:
        try:
            state = ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["State"]
        except API_ERRORS as error:
            raise NotYet(describe(error)) from None
        if state != "available":
            raise NotYet(f"its state is {state}")

    wait_for(f"volume {volume_id} to be available again", available, deadline, interval=1)


def _size(target: Path) -> int:
    stat = os.statvfs(target)
    return stat.f_blocks * stat.f_frsize


def _check_mounted(device: Path, target: Path) -> None:
    if os.stat(target).st_dev != os.stat(device).st_rdev:  # noqa: PTH116 (st_rdev of a device)
        raise AgentError(
            f"{target} has another device mounted than {device}; the agent mounts it alone."
        )


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except subprocess.CalledProcessError as error:
        raise AgentError(
            f"{' '.join(command)} failed (exit {error.returncode}): {error.stderr.strip()}."
        ) from None
    except subprocess.TimeoutExpired:
        raise AgentError(f"{' '.join(command)} did not end within 300 s.") from None
