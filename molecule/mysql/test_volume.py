"""The agent and real disks: what belongs to somebody else is refused, what has grown is filled."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from testinfra.backend.base import CommandResult
from testinfra.host import Host

MOUNT = """
import sys
sys.path.insert(0, "/opt/chatlift/member")
from pathlib import Path
from chatlift_member import errors, volume
try:
    volume.mount(Path(sys.argv[1]), "mysql-a1", Path("/mnt/volume"))
except errors.AgentError as error:
    sys.exit(str(error))
"""
ATTACH = """
truncate --size 64M /var/tmp/volume
device=$(losetup --find | cut --delimiter=' ' --fields=1)
[ -e "$device" ] || mknod "$device" b 7 "${device#/dev/loop}"
losetup "$device" /var/tmp/volume
echo "$device"
"""


@pytest.fixture
def device(host: Host) -> Iterator[str]:
    """An empty disk of 64 MiB."""
    path = host.check_output(ATTACH)
    yield path
    host.run("umount /mnt/volume")
    host.check_output("losetup --detach %s && rm /var/tmp/volume", path)


@pytest.fixture
def mount(host: Host, device: str) -> Callable[[], CommandResult]:
    """Mount the disk as the agent does."""
    return lambda: host.run("python3 -c %s %s", MOUNT, device)


def may_resize(host: Host) -> bool:
    """Whether root is allowed to enlarge a mounted file system, as on every instance but not in
    every container: it takes CAP_SYS_RESOURCE."""
    status = host.file("/proc/self/status").content_string
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], base=16) >> 24 & 1)


def test_an_empty_disk_becomes_the_members(
    host: Host, device: str, mount: Callable[[], CommandResult]
) -> None:
    assert mount().rc == 0
    assert (
        host.check_output("blkid --probe --output value --match-tag LABEL %s", device) == "mysql-a1"
    )
    assert {"nodev", "nosuid", "noexec"} <= set(host.mount_point("/mnt/volume").options)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        ("mkfs.ext4 -q -L mysql-b1", "labelled 'mysql-b1', so it is not the one of mysql-a1"),
        ("mkfs.ext4 -q", "labelled ''"),
        ("mkfs.ext2 -q -L mysql-a1", "holds 'ext2', not the ext4 of mysql-a1"),
        ("mkswap --quiet", "holds 'swap'"),
        ("sh -c 'printf \"2048,8192\\n\" | sfdisk --quiet --label gpt $0'", "partition table gpt"),
    ],
    ids=["another-members", "nobodys", "another-type", "swap", "partitions"],
)
def test_a_disk_that_belongs_to_something_else_is_refused_untouched(
    host: Host, device: str, mount: Callable[[], CommandResult], make: str, says: str
) -> None:
    host.check_output(f"{make} {device}")
    before = host.check_output("sync && sha256sum /var/tmp/volume")
    refused = mount()
    assert refused.rc == 1
    assert says in refused.stderr
    assert "nothing was written. Check" in refused.stderr
    assert host.check_output("sync && sha256sum /var/tmp/volume") == before
    assert not host.mount_point("/mnt/volume").exists


@pytest.mark.parametrize("mounted", [True, False], ids=["while-mounted", "before-mounting"])
def test_a_disk_that_was_enlarged_is_filled_and_keeps_what_it_holds(
    host: Host, device: str, mount: Callable[[], CommandResult], mounted: bool
) -> None:
    mount()
    host.check_output("echo kept > /mnt/volume/file")
    if not mounted:
        host.check_output("umount /mnt/volume")
    host.check_output("truncate --size 128M /var/tmp/volume && losetup --set-capacity %s", device)
    mounted_again = mount()
    assert mounted_again.rc == 0
    if may_resize(host):
        assert int(host.check_output("df --output=size /mnt/volume | tail -n 1")) > 100 * 1024
    else:
        assert "The file system on /mnt/volume keeps its size" in mounted_again.stderr
    assert host.file("/mnt/volume/file").content_string == "kept\n"
