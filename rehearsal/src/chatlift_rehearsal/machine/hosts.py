"""Instances: systemd in a container, on an overlay of image and a private upper directory."""

from __future__ import annotations

import functools
import logging
import os
import resource
import shutil
import signal
import stat
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from chatlift_rehearsal.bodies import Phase
from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine import cgroups, shell
from chatlift_rehearsal.machine.instance_types import memory_bytes
from chatlift_rehearsal.machine.network import Network
from chatlift_rehearsal.machine.process import Process
from chatlift_rehearsal.model import InstanceView
from chatlift_rehearsal.settings import SERVICE_ADDRESS, Settings

LABEL = "chatlift.rehearsal"
STOP_SECONDS = 30
OPEN_FILES = 65536
PROCESSES = 32768
BOOT_SECONDS = 60.0
"""For how long a host that boots lets the others go first. A member that has to catch up with what
the others write never would, if it could do less than they do."""

_log = logging.getLogger(__name__)


class Hosts:
    """The hosts of one rehearsal. A host's methods must not run at the same time as each other."""

    def __init__(self, settings: Settings, network: Network) -> None:
        self._settings = settings
        self._network = network
        self._directory = settings.run / "hosts"
        self._processes: dict[str, Process] = {}
        self._phases: dict[str, Phase] = {}
        self._layers: dict[str, list[Path]] = {}
        self._weighed: dict[str, tuple[int, bool]] = {}
        self._lock = threading.Lock()

    def phases(self) -> dict[str, Phase]:
        """What each host is doing; one that has ended by itself is found ``dead`` here."""
        with self._lock:
            for instance_id, process in self._processes.items():
                if self._phases[instance_id] == "running" and not process.alive:
                    self._phases[instance_id] = self._ended(instance_id)
            return dict(self._phases)

    def _ended(self, instance_id: str) -> Phase:
        """What became of a host that has ended: reboot(2) ends a namespace's init with SIGHUP."""
        status = int(shell.run("podman", "wait", self.container(instance_id)))
        if status == 128 + signal.SIGHUP:
            return "rebooting"
        _log.warning("Instance %s has ended (status %d): nobody asked for it.", instance_id, status)
        return "dead"

    def _set(self, instance_id: str, phase: Phase) -> None:
        with self._lock:
            self._phases[instance_id] = phase

    def container(self, instance_id: str) -> str:
        """The name of an instance's container."""
        return f"{self._settings.tag}-{instance_id}"

    def upper(self, instance_id: str) -> Path:
        """What the instance has written since it was launched from its image."""
        return self._directory / instance_id / "upper"

    def journal(self, instance_id: str) -> Path:
        """The directory of an instance's journal; it outlives the instance, until ``down``."""
        return self._settings.run / "journals" / instance_id

    def root(self, instance_id: str) -> Path | None:
        """The root directory of a running host as its own processes see it, ``/dev`` included."""
        process = self._processes.get(instance_id)
        return Path(f"/proc/{process.pid}/root") if process and process.alive else None

    def layers(self) -> dict[str, list[Path]]:
        """The layers each host is based on, topmost first, without what it wrote itself."""
        with self._lock:
            return dict(self._layers)

    def rebase(self, instance_id: str, layers: Sequence[Path]) -> None:
        """Put a host that does not run on ``layers``."""
        with self._lock:
            self._layers[instance_id] = list(layers)

    def start(self, instance: InstanceView) -> None:
        """Boot a host on its layers (see ``rebase``); one that was stopped keeps what it wrote."""
        try:
            self._start(instance, self._layers[instance.id])
        except Exception:
            self._set(instance.id, "failed")
            raise
        self._set(instance.id, "running")

    def _start(self, instance: InstanceView, layers: Sequence[Path]) -> None:
        home = self._directory / instance.id
        if home.exists():
            self._end(instance.id, 0)
        merged = self._mount(instance.id, layers)
        _write_resolver(merged)
        _spare_kernel(merged)
        namespace = self._network.plug(instance)
        pidfile = home / "pid"
        pidfile.unlink(missing_ok=True)
        shell.run(*self._podman_run(instance, namespace, merged, pidfile))
        process = Process.of(int(pidfile.read_text()))
        if process is None:
            raise RehearsalError(
                f"Instance {instance.id} ended as soon as it was started; its image "
                f"{instance.image_id} has no working /sbin/init."
            )
        self._processes[instance.id] = process
        cgroups.weigh(self._settings.tag)
        _hide_disks(Path(f"/proc/{process.pid}/root/dev"))

    def _mount(self, instance_id: str, layers: Sequence[Path]) -> Path:
        home = self._directory / instance_id
        for path in (home / "upper", home / "work", home / "merged", self.journal(instance_id)):
            path.mkdir(parents=True, exist_ok=True)
        lower = ":".join(str(layer) for layer in layers)
        # Layers are renamed into images: no feature that remembers where they came from.
        options = (
            f"lowerdir={lower},upperdir={home}/upper,workdir={home}/work,index=off,metacopy=off"
        )
        shell.run("mount", "-t", "overlay", self._settings.tag, "-o", options, f"{home}/merged")
        return home / "merged"

    def _podman_run(
        self, instance: InstanceView, namespace: Path, merged: Path, pidfile: Path
    ) -> list[str]:
        files = min(OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        # runc refuses a limit equal to this machine's own on some kernels; below it is accepted.
        processes = min(PROCESSES, resource.getrlimit(resource.RLIMIT_NPROC)[1] // 2)
        memory = memory_bytes(instance.instance_type)
        return [
            # Only what stands for AWS goes ahead, and the hosts are none of it.
            *("nice", "-n", str(-os.getpriority(os.PRIO_PROCESS, 0))),
            *("podman", "--runtime", "runc", "run", "--detach"),
            *("--name", self.container(instance.id)),
            *("--label", f"{LABEL}={self._settings.tag}"),
            *("--hostname", "ip-" + instance.private_ip.replace(".", "-")),
            *("--network", f"ns:{namespace}", "--dns", "none", "--no-hosts"),
            # Its systemd mode would give every host all of systemd's control groups (version 1),
            # and put the journal into memory, where it dies with the host.
            *("--privileged", "--systemd=false", "--cgroupns=private"),
            *(("--cgroup-parent", f"/{self._settings.tag}") if _makes_groups() else ()),
            *("--ulimit", f"nofile={files}:{files}", "--ulimit", f"nproc={processes}:{processes}"),
            *("--pids-limit", "-1", "--stop-signal", "SIGRTMIN+3", "--log-driver", "none"),
            *((f"--memory={memory}", f"--memory-swap={memory}") if memory else ()),
            *("--volume", f"{self.journal(instance.id)}:/var/log/journal"),
            *("--pidfile", str(pidfile)),
            *("--rootfs", str(merged), "/sbin/init"),
        ]

    def stop(self, instance_id: str) -> None:
        """Shut a host down in an orderly way (at most 30 s); what it wrote stays."""
        self._end(instance_id, STOP_SECONDS)
        self._set(instance_id, "stopped")

    def kill(self, instance_id: str) -> None:
        """End a host as a power failure does: peers hear nothing, and nothing is written."""
        self._network.cut(instance_id)
        shell.run("podman", "kill", "--signal", "KILL", self.container(instance_id))

    def remove(self, instance_id: str) -> None:
        """Shut a host down, unless it is dead, and remove what it wrote; its journal is kept."""
        self._end(instance_id, STOP_SECONDS if self.root(instance_id) else 0)
        shutil.rmtree(self._directory / instance_id, ignore_errors=True)
        with self._lock:
            self._phases.pop(instance_id, None)
            self._layers.pop(instance_id, None)
            self._processes.pop(instance_id, None)
            self._weighed.pop(instance_id, None)

    def _end(self, instance_id: str, patience: int) -> None:
        self._set(instance_id, "ending")
        try:
            shell.run(
                *("podman", "rm", "--force", "--ignore", "--volumes"),
                *("--time", str(patience), self.container(instance_id)),
                timeout=patience + 30,
            )
            self._network.unplug(instance_id)
            merged = self._directory / instance_id / "merged"
            if merged.is_mount():
                shell.run("umount", str(merged))
        except Exception:
            self._set(instance_id, "running" if self.root(instance_id) else "dead")
            raise

    def weigh(self, booting: Mapping[str, bool]) -> None:
        """Give those that serve the processors first; ``booting`` says of each which it is."""
        for instance_id, is_booting in booting.items():
            process = self._processes.get(instance_id)
            if not process:
                continue
            waits = is_booting and process.age < BOOT_SECONDS
            if self._weighed.get(instance_id) != (process.pid, waits):
                cgroups.weigh_host(process.pid, waits)
                self._weighed[instance_id] = (process.pid, waits)

    def memory_used(self, instance_id: str) -> int | None:
        """Bytes a host uses, None when it does not run."""
        process = self._processes.get(instance_id)
        return None if process is None else cgroups.memory_used(process.pid)

    def cpu_seconds(self, instance_id: str) -> float | None:
        """Seconds of one processor a host has used since it booted, None when it does not run."""
        process = self._processes.get(instance_id)
        return None if process is None else cgroups.cpu_seconds(process.pid)


@functools.cache
def _makes_groups() -> bool:
    """Whether podman makes control groups itself; systemd would want a slice of its own above."""
    return shell.run("podman", "info", "--format", "{{.Host.CgroupManager}}").strip() == "cgroupfs"


def _write_resolver(root: Path) -> None:
    """Let an instance ask the cloud's DNS, as it asks the VPC's resolver on AWS."""
    target = root / "etc/resolv.conf"
    target.unlink(missing_ok=True)
    target.write_text(f"nameserver {SERVICE_ADDRESS}\n")


def _spare_kernel(root: Path) -> None:
    """Let an image's settings of the kernel reach the host's own network and not this machine."""
    drop_in = root / "etc/systemd/system/systemd-sysctl.service.d/rehearsal.conf"
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.write_text(
        "[Service]\nExecStart=\nExecStart=/usr/lib/systemd/systemd-sysctl --prefix=/net\n"
    )


def _hide_disks(devices: Path) -> None:
    """Remove this machine's disks from a host's ``/dev``: an instance has only its own volumes."""
    for entry in os.scandir(devices):
        if stat.S_ISBLK(entry.stat(follow_symlinks=False).st_mode):
            Path(entry.path).unlink()
