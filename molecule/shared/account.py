"""An AWS account for the members of one cluster scenario, and nothing behind it but what they use.

The API is the rehearsal's; it is served on the scenario's bridge with the metadata service. The
playbooks boot the hosts: a host ``hosts/<member>`` whose process runs becomes the body of that
member's next instance, and it gets the volumes that the API attaches to the instance.

``account.py DIRECTORY ADDRESS TIER`` serves until SIGTERM; ``account.py DIRECTORY`` ends it and
leaves no loop device behind.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from chatlift_rehearsal.bodies import Phase
from chatlift_rehearsal.controllers import instances, volumes
from chatlift_rehearsal.emulator import server
from chatlift_rehearsal.machine import shell
from chatlift_rehearsal.machine.metadata import MetadataServer
from chatlift_rehearsal.machine.process import Process
from chatlift_rehearsal.machine.volumes import Volumes, loop_devices
from chatlift_rehearsal.model import ImageView
from chatlift_rehearsal.settings import API_PORT, METADATA_PORT, Settings

TURN_SECONDS = 0.2
IMAGE = "ami-0a0a0a0a0a0a0a0a0"


class Account:
    """What the API says, made true with the hosts that run."""

    def __init__(self, home: Path, address: str, tier: str) -> None:
        image = ImageView(IMAGE, tier, "available", tags={"chatlift:image": tier})
        self._hosts = home / "hosts"
        self._emulator = server.start(address, API_PORT, [image])
        self._metadata = MetadataServer(address, METADATA_PORT, self._emulator.metadata)
        self._metadata.start()
        self._volumes = Volumes(Settings(home / "account"))
        self._bodies: dict[str, Process] = {}

    def turn(self) -> None:
        """Compare the API with what runs, and mend it."""
        self._emulator.step()
        view = self._emulator.view()
        phases: dict[str, Phase] = {
            key: "running" if body.alive else "dead" for key, body in self._bodies.items()
        }
        for action in volumes.plan_volumes(view, phases, self._volumes.bodies()):
            self._see_to_volume(action)
        for action in instances.plan_instances(view, phases):
            self._see_to_instance(action)

    def _see_to_volume(self, action: volumes.VolumeAction) -> None:
        match action:
            case volumes.CreateVolume(volume):
                self._volumes.create(volume)
            case volumes.AttachVolume(key, instance_id):
                root = Path(f"/proc/{self._bodies[instance_id].pid}/root")
                self._volumes.attach(key, instance_id, root)
            case volumes.DetachVolume(key):
                self._volumes.detach(key)
            case volumes.DeleteVolume(key):
                self._volumes.delete(key)

    def _see_to_instance(self, action: instances.InstanceAction) -> None:
        match action:
            case instances.StartHost(instance):
                self._adopt(instance.id, instance.tags["chatlift:member"])
            case instances.ReportStarted(key):
                self._emulator.instance_started(key)
            case instances.ReportDied(key):
                self._emulator.instance_died(key)
            case instances.ReportStopped(key):
                self._emulator.instance_stopped(key)
            case instances.StopHost(key) | instances.RemoveHost(key):
                self._bodies.pop(key).end(grace=0)

    def _adopt(self, instance_id: str, member: str) -> None:
        """Let the member's host be the instance, if it was booted since the last one ended."""
        pidfile = self._hosts / member / "pid"
        body = Process.of(int(pidfile.read_text())) if pidfile.exists() else None
        if body and body not in self._bodies.values():
            self._bodies[instance_id] = body

    def stop(self) -> None:
        """Let go of everything."""
        self._metadata.stop()
        self._emulator.stop()


def serve(home: Path, address: str, tier: str) -> None:
    """Serve until SIGTERM."""
    (home / "account").mkdir()
    process = Process.of(os.getpid())
    account = Account(home, address, tier)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    (home / "account/state").write_text(f"{process.pid} {process.started}")
    while not ended.wait(TURN_SECONDS):
        account.turn()
    account.stop()


def end(home: Path) -> None:
    """End the process that serves, and detach its volumes, whose hosts are gone."""
    state = home / "account/state"
    if state.exists():
        Process(*map(int, state.read_text().split())).end(grace=5)
    for loop in loop_devices(home):
        shell.run("losetup", "--detach", loop)


if __name__ == "__main__":
    home, *rest = sys.argv[1:]
    serve(Path(home), *rest) if rest else end(Path(home))
