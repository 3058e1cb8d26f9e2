"""The application in containers, on the hosts that run it as a service: what a deployment is there.

An image has the application on a layer of its dependencies, which is there already. Containers run
in the networks of the hosts, as many as the hosts have processes, with their settings and under
their memory; nobody sends them clients.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from chatlift_rehearsal.machine.network import NETNS

from tests.e2e.stack import Instance, rehearsal, wait_for
from tests.e2e.vantage import inside

BASE, IMAGE = "localhost/chatlift-bench-base", "localhost/chatlift-bench-application"
LABEL = "chatlift.bench"
SYSTEM = ("bin", "etc", "lib", "lib64", "sbin", "usr")
"""What of a host's files containers are made of."""

CONTAINERFILE = f"""FROM {BASE}
COPY node_modules /srv/app/node_modules
COPY application /srv/app
USER app
WORKDIR /srv/app
CMD ["node", "--run", "start"]
"""
LIMITS = tuple(f"--ulimit={name}=4096:4096" for name in ("nofile", "nproc"))
"""Below those of this machine, which the runtime may not raise."""

APPLICATION = "/opt/chatlift/app"
FIRST_PORT = 3900
HEALTHY = 120  # seconds


def _podman(*arguments: str) -> str:
    command = ("podman", "--runtime", "runc", *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _shell(instance_id: str, command: str) -> str:
    return rehearsal("ssh", instance_id, command)


def _container(instance_id: str) -> str:
    """The container that plays an instance; its network has the same name."""
    names = _podman("ps", "--filter", "label=chatlift.rehearsal", "--format", "{{.Names}}")
    return next(name for name in names.split() if name.endswith(instance_id))


@dataclass(frozen=True)
class Containers:
    """A registry of none: what is built is on the hosts at once, which favours containers."""

    directory: Path
    started: list[str] = field(default_factory=list)

    def prepare(self, host: Instance) -> None:
        """Make the base, and the layer of dependencies, of what runs on an instance."""
        root = _podman("inspect", "--format", "/proc/{{.State.Pid}}/root", _container(host.id))
        present = [name for name in SYSTEM if (Path(root.strip()) / name).exists()]
        archive = self.directory / "base.tar"
        tar = ["tar", "--create", "--one-file-system", f"--file={archive}", "-C", root.strip()]
        subprocess.run([*tar, *present], check=True)
        _podman("import", str(archive), BASE)
        archive.unlink()
        dependencies = Path(root.strip() + APPLICATION) / "node_modules"
        shutil.copytree(dependencies, self.directory / "node_modules", symlinks=True)
        (self.directory / "Containerfile").write_text(CONTAINERFILE)

    def build(self, application: Path) -> float:
        """Make an image of this version; the seconds that it took."""
        place = self.directory / "application"
        shutil.rmtree(place, ignore_errors=True)
        ignored = shutil.ignore_patterns("node_modules", "test")
        shutil.copytree(application, place, ignore=ignored)
        began = time.monotonic()
        _podman("build", "--tag", IMAGE, str(self.directory))
        return time.monotonic() - began

    def start(self, hosts: Sequence[Instance], path: str) -> float:
        """Start the containers; seconds until each has passed its health check."""
        began = time.monotonic()
        ports = [(host, port) for host in hosts for port in self._run(host)]
        for host, port in ports:
            check = f"a container on {host.name} to be healthy"
            wait_for(check, partial(_passes, host, port, path), HEALTHY)
        return time.monotonic() - began

    def _run(self, host: Instance) -> list[int]:
        processes = _shell(host.id, "systemctl list-units --plain --no-legend 'chatlift-app@*'")
        ca = self.directory / "ca.crt"
        ca.write_text(_shell(host.id, "cat /run/chatlift/tls/ca.crt"))
        ports = []
        for number, line in enumerate(processes.splitlines(), start=1):
            unit, port = line.split()[0], FIRST_PORT + number
            shown = f"tr '\\0' '\\n' < /proc/$(systemctl show --value -p MainPID {unit})/environ"
            settings = _shell(host.id, shown).splitlines()
            with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
                file.write("\n".join([*settings, f"PORT={port}", ""]))
                file.flush()
                self.started.append(
                    _podman(
                        *("run", "--detach", "--label", LABEL, "--env-file", file.name),
                        *("--network", f"ns:{NETNS / _container(host.id)}", *LIMITS),
                        *("--volume", f"{ca}:/run/chatlift/tls/ca.crt:ro", IMAGE),
                    ).strip()
                )
            ports.append(port)
        return ports

    def stop(self) -> None:
        """End those that run."""
        if self.started:
            _podman("rm", "--force", "--time", "5", *self.started)
        self.started.clear()


def _passes(host: Instance, port: int, path: str) -> bool:
    try:
        with inside(host.id), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def containers(host: Instance) -> Iterator[Containers]:
    """The base is made of what is on ``host``; nothing is left in the end."""
    with tempfile.TemporaryDirectory() as directory:
        made = Containers(Path(directory))
        try:
            made.prepare(host)
            yield made
        finally:
            made.stop()
            _podman("rmi", "--force", "--ignore", IMAGE, BASE)
