"""Leaves nothing of a rehearsal, whatever became of the process that ran it."""

from __future__ import annotations

import shutil
from pathlib import Path

from chatlift_rehearsal.machine import cgroups, shell
from chatlift_rehearsal.machine.hosts import LABEL
from chatlift_rehearsal.machine.network import Network
from chatlift_rehearsal.machine.process import Process
from chatlift_rehearsal.machine.volumes import loop_devices
from chatlift_rehearsal.settings import Settings


def sweep(settings: Settings) -> None:
    """Remove all that is named after the rehearsal: containers, processes, mounts, and the rest."""
    remove_containers(settings)
    for process in proxies(settings):
        process.end(grace=1)
    for mount in mounts(settings.run):
        shell.run("umount", str(mount))
    for loop in loop_devices(settings.run):
        shell.run("losetup", "--detach", loop)
    Network(settings).destroy()
    cgroups.remove(settings.tag)
    if settings.run.exists():
        shutil.rmtree(settings.run)


def remove_containers(settings: Settings) -> None:
    """Kill and remove all hosts."""
    label = f"label={LABEL}={settings.tag}"
    containers = shell.run("podman", "ps", "--all", "--quiet", "--filter", label).split()
    if containers:
        shell.run("podman", "rm", "--force", "--time", "0", *containers, timeout=120)


def proxies(settings: Settings) -> list[Process]:
    """Every HAProxy started with a file of this rehearsal, and every nginx in its directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            name = (entry / "comm").read_text().strip()
            # nginx writes over its arguments.
            places = [(entry / "cwd").readlink()] if name == "nginx" else []
            if name == "haproxy":
                places = [Path(word) for word in (entry / "cmdline").read_text().split("\0")[1:]]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if any(place.is_relative_to(settings.run) for place in places):
            process = Process.of(int(entry.name))
            found += [process] if process else []
    return found


def mounts(below: Path) -> list[Path]:
    """Mount points below a directory, the deepest first."""
    points = [
        # mountinfo(5) writes blanks as \040.
        Path(line.split()[4].replace("\\040", " "))
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
    ]
    return sorted((p for p in points if p.is_relative_to(below)), reverse=True)
