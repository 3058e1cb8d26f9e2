"""The process behind ``rehearsal up``: serves the API and gives everything in it a body."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from chatlift_rehearsal.authority import Authority
from chatlift_rehearsal.bodies import Phase
from chatlift_rehearsal.controllers.cpu import CpuMeter
from chatlift_rehearsal.controllers.distributions import (
    ConfigureSite,
    ForgetPaths,
    SendLog,
    SiteAction,
    StopSite,
    plan_distributions,
)
from chatlift_rehearsal.controllers.health import Health
from chatlift_rehearsal.controllers.images import (
    CommitImage,
    DeleteImage,
    ImageAction,
    ReportImage,
    SaveImage,
    plan_images,
)
from chatlift_rehearsal.controllers.instances import (
    InstanceAction,
    RemoveHost,
    ReportDied,
    ReportStarted,
    ReportStopped,
    StartHost,
    StopHost,
    is_booting,
    plan_instances,
)
from chatlift_rehearsal.controllers.load_balancers import (
    ConfigureProxy,
    DeliverLog,
    HealthByGroup,
    ProxyAction,
    StopProxy,
    TellProxy,
    groups_of,
    plan_load_balancers,
)
from chatlift_rehearsal.controllers.names import names_of
from chatlift_rehearsal.controllers.security_groups import (
    FirewallAction,
    SetFirewall,
    SetNodeFirewalls,
    plan_security_groups,
)
from chatlift_rehearsal.controllers.volumes import (
    AttachVolume,
    CreateSnapshot,
    CreateVolume,
    DeleteSnapshot,
    DeleteVolume,
    DetachVolume,
    GrowVolume,
    ReportSnapshot,
    VolumeAction,
    plan_volumes,
)
from chatlift_rehearsal.emulator import server
from chatlift_rehearsal.jobs import Jobs
from chatlift_rehearsal.machine import base
from chatlift_rehearsal.machine.distributions import Distributions
from chatlift_rehearsal.machine.edge.bucket_origin import BucketOrigin
from chatlift_rehearsal.machine.health_checks import HealthChecks
from chatlift_rehearsal.machine.hosts import Hosts
from chatlift_rehearsal.machine.images import Images
from chatlift_rehearsal.machine.load_balancers import LoadBalancers
from chatlift_rehearsal.machine.metadata import MetadataServer
from chatlift_rehearsal.machine.name_server import NameServer
from chatlift_rehearsal.machine.network import Network
from chatlift_rehearsal.machine.process import go_ahead
from chatlift_rehearsal.machine.security_groups import SecurityGroups
from chatlift_rehearsal.machine.volumes import Volumes
from chatlift_rehearsal.model import CloudView, Emulator
from chatlift_rehearsal.settings import (
    API_PORT,
    DNS_PORT,
    EDGE_SOURCE,
    METADATA_PORT,
    SERVICE_ADDRESS,
    Settings,
)
from chatlift_rehearsal.status import describe

TURN_SECONDS = 0.3
STATUS_SECONDS = 1.0
HOST_JOBS = 4

_log = logging.getLogger(__name__)

Action = InstanceAction | VolumeAction | ImageAction | ProxyAction | SiteAction | FirewallAction


class Daemon:
    """Compares what the API says with what runs, several times a second, and mends it."""

    def __init__(
        self, settings: Settings, emulator: Emulator, images: Images, name_server: NameServer
    ) -> None:
        self._settings = settings
        self._emulator = emulator
        self._name_server = name_server
        self._images = images
        self._network = Network(settings)
        self._hosts = Hosts(settings, self._network)
        self._security_groups = SecurityGroups(settings, self._network)
        self._volumes = Volumes(settings)
        self._balancers = LoadBalancers(settings)
        self._sites = Distributions(settings)
        self._checks = HealthChecks()
        self._jobs = Jobs(HOST_JOBS)
        # A changed rule does not wait until some host has shut down.
        self._rule_jobs = Jobs(1)
        self._told: dict[tuple[str, str], Health] = {}
        self._cpu = CpuMeter(settings.minute)
        self._published = 0.0
        self._complaint = ""

    def run(self, ended: threading.Event) -> None:
        """Take turns until ``ended`` is set."""
        while not ended.is_set():
            try:
                self._turn()
                self._complaint = ""
            except Exception as error:
                # One thing that cannot be had must not stop everything else.
                if str(error) != self._complaint:
                    _log.exception("This turn was not finished.")
                self._complaint = str(error)
            self._jobs.done.wait(TURN_SECONDS)
            self._jobs.done.clear()
        self._checks.stop()
        self._jobs.stop()
        self._rule_jobs.stop()
        self._balancers.stop_all()
        self._sites.stop_all()

    def _turn(self) -> None:
        self._emulator.step()
        # Before what runs is looked at: a job that ends in between must not be planned again.
        busy = self._jobs.busy() | self._rule_jobs.busy()
        view = self._emulator.view()
        self._name_server.publish(names_of(view))
        hosts = self._hosts.phases()
        self._network.carry(view.vpcs, _addresses(view))
        health = self._health(view)
        actions: list[Action] = [
            # An image is made of an instance before that may go.
            *plan_images(view, self._images.saved(), self._images_in_use()),
            *plan_volumes(view, hosts, self._volumes.bodies()),
            *plan_instances(view, hosts),
            *plan_security_groups(
                view, self._security_groups.instances(), self._security_groups.nodes()
            ),
            *plan_load_balancers(
                view, self._balancers.proxies(), health, _without_host(view, hosts)
            ),
            *self._balancers.logs_due(time.monotonic()),
            *plan_distributions(view, self._sites.served()),
            *self._sites.logs_due(time.monotonic()),
        ]
        for action in actions:
            if action.key not in busy:
                busy.add(action.key)
                self._begin(action)
        for group, target in self._balancers.drained(view):
            self._emulator.target_drained(group.arn, target.instance_id)
        self._hosts.weigh({i.id: is_booting(i) for i in view.instances})
        cpu = self._cpu.turn(view.instances, self._hosts.cpu_seconds, time.monotonic())
        self._emulator.publish(cpu)
        if time.monotonic() - self._published > STATUS_SECONDS:
            self._publish(describe(view, hosts, health, self._hosts.memory_used))
            self._emulator.publish(self._balancers.traffic())

    def _health(self, view: CloudView) -> HealthByGroup:
        """Check the targets that a load balancer uses, and tell the API what changed."""
        groups = {group.arn: group for group in view.target_groups}
        used = {
            group.arn: (group, balancer.addresses[0])
            for balancer in view.load_balancers
            if balancer.addresses
            for group in groups_of(balancer, groups)
        }
        self._checks.turn(used.values(), time.monotonic())
        health = self._checks.health()
        found = {
            (arn, target.instance_id): state
            for arn, targets in health.items()
            for target, state in targets.items()
        }
        for (arn, instance_id), state in found.items():
            if self._told.get((arn, instance_id)) != state:
                self._emulator.target_health(arn, instance_id, state)
        self._told = found
        return health

    def _images_in_use(self) -> set[str]:
        return self._images.in_use(self._hosts.layers().values())

    def _begin(self, action: Action) -> None:
        emulator = self._emulator
        match action:
            case ReportStarted(key):
                emulator.instance_started(key)
            case ReportStopped(key):
                emulator.instance_stopped(key)
            case ReportDied(key):
                emulator.instance_died(key)
            case ReportImage(key):
                emulator.image_ready(key)
            case ReportSnapshot(key):
                emulator.snapshot_ready(key)
            case SetFirewall() | SetNodeFirewalls():
                self._rule_jobs.submit(action.key, self._work(action))
            case _:
                self._jobs.submit(action.key, self._work(action))

    def _work(self, action: Action) -> Callable[[], None]:
        def work() -> None:
            _log.info("%s", _words(action))
            match action:
                case StartHost(instance):
                    if instance.id not in self._hosts.layers():
                        self._hosts.rebase(instance.id, self._images.layers(instance.image_id))
                    self._hosts.start(instance)
                case StopHost(key):
                    self._hosts.stop(key)
                case RemoveHost(key):
                    self._hosts.remove(key)
                case CommitImage():
                    self._commit(action)
                case SaveImage(image):
                    self._images.save(image)
                case DeleteImage(key):
                    self._images.remove(key)
                case CreateVolume(volume):
                    self._volumes.create(volume)
                case GrowVolume(volume):
                    self._volumes.grow(volume)
                case DeleteVolume(key):
                    self._volumes.delete(key)
                case AttachVolume(key, instance_id):
                    if root := self._hosts.root(instance_id):
                        self._volumes.attach(key, instance_id, root)
                case DetachVolume(key):
                    self._volumes.detach(key)
                case ConfigureProxy():
                    self._balancers.configure(action)
                case TellProxy():
                    self._balancers.tell(action)
                case DeliverLog(key):
                    self._balancers.deliver_log(key, self._emulator.store)
                case StopProxy(key):
                    self._balancers.stop(key, self._emulator.store)
                case ConfigureSite():
                    self._sites.configure(action)
                case ForgetPaths():
                    self._sites.forget(action)
                case SendLog(key):
                    self._sites.send_log(key, self._emulator.store)
                case StopSite(key):
                    self._sites.stop(key, self._emulator.store)
                case SetFirewall():
                    self._security_groups.set_instance(action)
                case SetNodeFirewalls():
                    self._security_groups.set_nodes(action)
                case CreateSnapshot(snapshot):
                    self._volumes.snapshot(snapshot.id, snapshot.volume_id)
                case DeleteSnapshot(key):
                    self._volumes.delete_snapshot(key)

        return work

    def _commit(self, action: CommitImage) -> None:
        instance = action.instance
        runs = self._hosts.phases().get(instance.id) == "running"
        self._hosts.stop(instance.id)
        below = self._hosts.layers()[instance.id]
        layers = self._images.commit(action.image.id, self._hosts.upper(instance.id), below)
        self._hosts.rebase(instance.id, layers)
        if runs:
            self._hosts.start(instance)

    def _publish(self, status: dict[str, Any]) -> None:
        self._published = time.monotonic()
        unfinished = self._settings.status.with_suffix(".new")
        unfinished.write_text(json.dumps(status))
        unfinished.rename(self._settings.status)


def _addresses(view: CloudView) -> list[str]:
    """Those that are this machine's besides its routers': where proxies listen and come from."""
    found = [address for balancer in view.load_balancers for address in balancer.addresses]
    sites = [distribution.address for distribution in view.distributions]
    return [*found, *sites, *([EDGE_SOURCE] if sites else [])]


def _without_host(view: CloudView, hosts: Mapping[str, Phase]) -> set[str]:
    return {i.id for i in view.instances if hosts.get(i.id) != "running"}


def _words(action: Action) -> str:
    """``Start host i-0123`` for ``StartHost``."""
    name = type(action).__name__
    verb = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return f"{verb.capitalize()} {action.key.rpartition('loadbalancer/')[2]}"


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S"
    )
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    go_ahead(os.getpid())
    settings = Settings.from_environment()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    root = base.prepare(settings)
    images = Images(settings, root)
    images.tidy()
    known = [base.image(root), *(image for image in images.saved().values() if image)]
    emulator = server.start(
        SERVICE_ADDRESS,
        API_PORT,
        images=known,
        minute=settings.minute,
        authority=Authority.of(settings.authority),
    )
    metadata = MetadataServer(SERVICE_ADDRESS, METADATA_PORT, emulator.metadata)
    metadata.start()
    buckets = BucketOrigin(settings.bucket_origin, emulator.bucket_origin)
    buckets.start()
    name_server = NameServer(SERVICE_ADDRESS, DNS_PORT)
    name_server.start()
    Daemon(settings, emulator, images, name_server).run(ended)
    name_server.stop()
    metadata.stop()
    buckets.stop()
    emulator.stop()


if __name__ == "__main__":
    main()
