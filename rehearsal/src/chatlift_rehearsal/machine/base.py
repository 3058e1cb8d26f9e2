"""The Debian root file system every instance starts from, made once and cached.

It is what the Debian cloud team's AMI is to EC2: systemd, cloud-init with the EC2 data source, an
SSH server, and the user ``admin``. Where packages come from is the machine's own business:
``mmdebstrap`` takes its default mirror, and proxies, local certificates and registries of this
machine are carried over.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine import carried
from chatlift_rehearsal.model import ImageView
from chatlift_rehearsal.settings import Settings

SUITE = "trixie"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "udev", "kmod"),
    *("util-linux-extra", "e2fsprogs", "procps", "acl", "tzdata", "netbase"),
    *("openssh-server", "sudo", "ca-certificates", "curl", "gpg"),
    *("iproute2", "iputils-ping", "nftables"),
    *("cloud-init", "python3", "python3-apt"),
)

MASKED_UNITS = (
    "systemd-udevd.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udev-trigger.service",
    "systemd-udev-settle.service",
    "systemd-modules-load.service",
    "systemd-binfmt.service",
    "proc-sys-fs-binfmt_misc.automount",
    "systemd-networkd-wait-online.service",
    "getty.target",
    "console-getty.service",
    "e2scrub_reap.service",
)
"""The kernel and its devices are this machine's: an instance must not manage them."""

CLOUD_INIT = """\
# The data source of EC2, answered by the rehearsal; addresses are set from outside, as a
# hypervisor's DHCP would.
datasource_list: [Ec2]
datasource:
  Ec2:
    strict_id: false
    metadata_urls: ["http://169.254.169.254"]
    max_wait: 30
    timeout: 10
network: {config: disabled}
manage_etc_hosts: true
apt: {preserve_sources_list: true}
updates: {network: {when: [boot-new-instance]}}  # hotplug would need udev
system_info:
  distro: debian
  default_user:
    name: admin
    gecos: Debian
    lock_passwd: true
    groups: [adm, sudo]
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
    shell: /bin/bash
"""

DATA_SOURCE = """\
# cloud-init recognises EC2 by its firmware, which a container lacks, and asks for a metadata token
# on EC2 only. This module is found before its own of the same name and says that this is EC2.
from cloudinit import sources
from cloudinit.sources import DataSourceEc2 as ec2


class DataSourceEc2Rehearsed(ec2.DataSourceEc2):
    def _get_cloud_name(self):
        return ec2.CloudNames.AWS


def get_datasource_list(depends):
    needs = (sources.DEP_FILESYSTEM, sources.DEP_NETWORK)
    return sources.list_from_depends(depends, [(DataSourceEc2Rehearsed, needs)])
"""

FILES = {
    "usr/lib/python3/dist-packages/DataSourceEc2.py": DATA_SOURCE,
    "etc/cloud/cloud.cfg.d/90_rehearsal.cfg": CLOUD_INIT,
    "etc/cloud/ds-identify.cfg": "policy: enabled\n",
    "etc/systemd/journald.conf.d/rehearsal.conf": "[Journal]\nReadKMsg=no\n",
    "etc/ssh/sshd_config.d/50-cloud.conf": "PasswordAuthentication no\nUseDNS no\n",
}


def recipe() -> str:
    """The key of the cached base: a hash of everything that goes into it."""
    contents = {
        "suite": SUITE,
        "packages": sorted(PACKAGES),
        "masked": MASKED_UNITS,
        "files": {**FILES, **carried.files()},
    }
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()[:16]


def prepare(settings: Settings) -> Path:
    """Return the directory of the base, made now if this machine has none of this recipe.

    Raises RehearsalError when mmdebstrap fails.
    """
    bases = settings.cache / "base"
    root = bases / recipe()
    if root.is_dir():
        return root
    bases.mkdir(parents=True, exist_ok=True)
    unfinished = root.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    _debootstrap(unfinished, bases / "mmdebstrap.log")
    _customise(unfinished)
    unfinished.rename(root)
    return root


def _debootstrap(root: Path, log: Path) -> None:
    command = [
        "mmdebstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        '--aptopt=Apt::Install-Recommends "false"',
        # Nothing is read offline in an instance: a fifth of the size, unpacked in less time.
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        SUITE,
        str(root),
    ]
    with log.open("w") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        shutil.rmtree(root, ignore_errors=True)
        why = [line for line in log.read_text().splitlines() if line.startswith("E:")]
        raise RehearsalError(
            f"The Debian base could not be made: {why[0] if why else 'mmdebstrap failed'}; "
            f"its whole output is in {log}."
        )


def _customise(root: Path) -> None:
    for name, text in {**FILES, **carried.files()}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for unit in MASKED_UNITS:
        mask = root / "etc/systemd/system" / unit
        mask.unlink(missing_ok=True)
        mask.symlink_to("/dev/null")
    # Every instance makes its own: two hosts with one key or one identity are one host.
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/machine-id").write_text("")
    # Else systemd rebuilds its caches at every instance's first boot.
    for stamp in (root / "etc/.updated", root / "var/.updated"):
        stamp.touch()
    (root / "etc/hostname").unlink(missing_ok=True)
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    subprocess.run(["chroot", str(root), "update-ca-certificates"], check=True, capture_output=True)


def image(root: Path) -> ImageView:
    """The base as the AMI of the Debian cloud team; another recipe is another AMI.

    https://wiki.debian.org/Cloud/AmazonEC2Image/Trixie
    """
    key = root.name
    made = datetime.fromtimestamp((root / "etc/machine-id").stat().st_mtime, UTC)
    return ImageView(
        id=f"ami-0{key}",
        name=f"debian-13-amd64-{made:%Y%m%d}-{int(key[:4], 16)}",
        state="available",
        owner="136693071363",
        description="Debian 13 (trixie), made by the rehearsal",
        created=made.isoformat(),
        snapshot_id=f"snap-0{key}",
    )
