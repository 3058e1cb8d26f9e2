"""EBS volumes: sparse files on loop devices, under the names an instance sees on AWS."""

from __future__ import annotations

import json
import os
import re
import stat
import threading
from contextlib import suppress
from pathlib import Path

from chatlift_rehearsal.bodies import VolumeBodies
from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine import shell
from chatlift_rehearsal.model import VolumeView
from chatlift_rehearsal.settings import Settings

GIB = 1 << 30


def by_id(volume_id: str) -> str:
    """The name udev gives a volume below ``/dev/disk/by-id``: its serial has no dash.

    https://docs.aws.amazon.com/ebs/latest/userguide/nvme-ebs-volumes.html
    """
    return "nvme-Amazon_Elastic_Block_Store_" + volume_id.replace("-", "")


def free_device(taken: set[str]) -> str:
    """The first NVMe name that is free; ``nvme0n1`` is the root volume."""
    number = 1
    while f"nvme{number}n1" in taken:
        number += 1
    return f"nvme{number}n1"


class Volumes:
    """The bodies of the volumes and snapshots of one rehearsal."""

    def __init__(self, settings: Settings) -> None:
        self._volumes = settings.run / "volumes"
        self._snapshots = settings.run / "snapshots"
        for directory in (self._volumes, self._snapshots):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._attached: dict[str, _Attached] = {}
        self._lock = threading.Lock()

    def bodies(self) -> VolumeBodies:
        """What there is at this moment."""
        return VolumeBodies(
            sizes=self._sizes(),
            snapshots=frozenset(path.stem for path in self._snapshots.glob("*.img")),
            attached={key: attached.instance_id for key, attached in list(self._attached.items())},
        )

    def _sizes(self) -> dict[str, int]:
        sizes = {}
        for path in self._volumes.glob("*.img"):
            with suppress(FileNotFoundError):  # deleted meanwhile
                sizes[path.stem] = path.stat().st_size // GIB
        return sizes

    def create(self, volume: VolumeView) -> None:
        """Make a body of the volume's size, with its snapshot's contents if it has one."""
        body, unfinished = self._body(volume.id), self._volumes / f"{volume.id}.new"
        source = self._snapshots / f"{volume.snapshot_id}.img"
        if volume.snapshot_id and source.exists():
            _copy(source, unfinished)
        unfinished.touch()
        os.truncate(unfinished, volume.size_gib * GIB)
        unfinished.rename(body)

    def grow(self, volume: VolumeView) -> None:
        """Enlarge the body, and the disk of the host that has it."""
        os.truncate(self._body(volume.id), volume.size_gib * GIB)
        if attached := self._attached.get(volume.id):
            shell.run("losetup", "--set-capacity", attached.loop)

    def delete(self, volume_id: str) -> None:
        """Remove the volume's body, which is attached to nothing."""
        self._body(volume_id).unlink()

    def attach(self, volume_id: str, instance_id: str, root: Path) -> None:
        """Make the volume a disk of the running host whose root directory is ``root``."""
        with self._lock:
            self._attach(volume_id, instance_id, root)

    def _attach(self, volume_id: str, instance_id: str, root: Path) -> None:
        if loops := loop_devices(self._body(volume_id)):
            raise RehearsalError(
                f"Volume {volume_id} cannot be attached to {instance_id} yet: the instance that "
                f"had it before still has it mounted ({loops[0]})."
            )
        loop = shell.run("losetup", "--find", "--show", str(self._body(volume_id))).strip()
        number = Path(loop).stat().st_rdev
        taken = {a.device for a in self._attached.values() if a.instance_id == instance_id}
        attached = _Attached(instance_id, free_device(taken), loop, root)
        try:
            attached.appear(number, by_id(volume_id))
        except OSError:
            shell.run("losetup", "--detach", loop)
            raise
        self._attached[volume_id] = attached

    def detach(self, volume_id: str) -> None:
        """Take the disk away from its host, which may be gone already."""
        attached = self._attached.pop(volume_id)
        attached.vanish(by_id(volume_id))
        shell.run("losetup", "--detach", attached.loop)

    def snapshot(self, snapshot_id: str, volume_id: str) -> None:
        """Copy a volume as it is now, as after a power failure."""
        unfinished = self._snapshots / f"{snapshot_id}.new"
        _copy(self._body(volume_id), unfinished)
        unfinished.rename(self._snapshots / f"{snapshot_id}.img")

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Remove a snapshot's body."""
        (self._snapshots / f"{snapshot_id}.img").unlink()

    def _body(self, volume_id: str) -> Path:
        return self._volumes / f"{volume_id}.img"


class _Attached:
    """One volume in one host."""

    def __init__(self, instance_id: str, device: str, loop: str, root: Path) -> None:
        self.instance_id = instance_id
        self.device = device
        self.loop = loop
        self._devices = root / "dev"

    def appear(self, number: int, name: str) -> None:
        links = self._devices / "disk/by-id"
        links.mkdir(parents=True, exist_ok=True)
        self.vanish(name)
        os.mknod(self._devices / self.device, stat.S_IFBLK | 0o660, number)
        (links / name).symlink_to(f"../../{self.device}")

    def vanish(self, name: str) -> None:
        # The host's whole /dev is gone when the host is.
        (self._devices / "disk/by-id" / name).unlink(missing_ok=True)
        (self._devices / self.device).unlink(missing_ok=True)


def loop_devices(below: Path) -> list[str]:
    """The loop devices whose file is ``below`` or lies below it."""
    listing = json.loads(shell.run("losetup", "--json", "--list") or '{"loopdevices": []}')
    return [
        loop["name"]
        for loop in listing["loopdevices"]
        if Path(re.sub(r" \(deleted\)$", "", loop["back-file"] or "")).is_relative_to(below)
    ]


def _copy(source: Path, target: Path) -> None:
    shell.run("cp", "--reflink=auto", "--sparse=always", str(source), str(target), timeout=600)
