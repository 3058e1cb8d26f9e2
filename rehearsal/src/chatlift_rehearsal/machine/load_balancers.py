"""The proxies of a rehearsal's load balancers."""

from __future__ import annotations

import logging
import resource
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from chatlift_rehearsal.controllers.load_balancers import (
    AddServer,
    ChangeServer,
    ConfigureProxy,
    DeliverLog,
    DropServer,
    Proxy,
    ServerAction,
    TellProxy,
    server_name,
)
from chatlift_rehearsal.controllers.traffic import Traffic
from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine import request_log
from chatlift_rehearsal.machine.edge.access_log import Store
from chatlift_rehearsal.machine.haproxy import HAProxy
from chatlift_rehearsal.machine.haproxy_config import certificate_file, render
from chatlift_rehearsal.machine.rhythm import Rhythm
from chatlift_rehearsal.model import (
    CertificateView,
    CloudView,
    MetricFigure,
    Target,
    TargetGroupView,
)
from chatlift_rehearsal.settings import LOG_SECONDS, Settings

MOST_CONNECTIONS = 20000

_log = logging.getLogger(__name__)


class LoadBalancers:
    """Each method that changes one must not run twice at a time for the same load balancer."""

    def __init__(self, settings: Settings) -> None:
        self._directory = settings.run / "load-balancers"
        self._haproxies: dict[str, HAProxy] = {}
        self._proxies: dict[str, Proxy] = {}
        self._traffic: dict[str, Traffic] = {}
        self._logs = Rhythm(LOG_SECONDS)

    def proxies(self) -> dict[str, Proxy]:
        """The proxies that run, by the ARN of their load balancer."""
        running = dict(self._proxies)
        return {arn: proxy for arn, proxy in running.items() if self._haproxies[arn].alive}

    def configure(self, action: ConfigureProxy) -> None:
        """Start a proxy or change its configuration."""
        balancer = action.layout.balancer
        directory = self._directory / balancer.name
        haproxy = self._haproxies.setdefault(action.key, HAProxy(directory))
        _write_certificates(directory, action.layout.certificates)
        # A connection through the proxy has two ends; a few files are its own.
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2 - 100
        most = min(MOST_CONNECTIONS, limit)
        haproxy.configure(render(action.layout, action.servers, most, directory))
        for backend, servers in action.servers.items():
            for server in servers.values():
                _change(haproxy, ChangeServer(backend, server))
        self._proxies[action.key] = Proxy(action.layout, action.servers)

    def tell(self, action: TellProxy) -> None:
        """Change the servers of a proxy."""
        haproxy = self._haproxies[action.key]
        for step in action.actions:
            _change(haproxy, step)
        self._proxies[action.key] = replace(self._proxies[action.key], servers=action.servers)

    def logs_due(self, now: float) -> list[DeliverLog]:
        """The load balancers whose access log is to be delivered at the time ``now``."""
        return [DeliverLog(arn) for arn in self._logs.due(self.proxies(), now)]

    def deliver_log(self, arn: str, store: Store) -> None:
        """Deliver what a load balancer has logged since the last time."""
        request_log.deliver(self._haproxies[arn].logged(), self._proxies[arn].layout, store)

    def stop(self, arn: str, store: Store) -> None:
        """Stop the proxy of a load balancer, and deliver the rest of its log."""
        self._haproxies[arn].stop()
        self.deliver_log(arn, store)
        del self._proxies[arn]
        del self._haproxies[arn]
        self._traffic.pop(arn, None)

    def stop_all(self) -> None:
        """Stop every proxy."""
        for haproxy in self._haproxies.values():
            haproxy.stop()

    def traffic(self) -> list[MetricFigure]:
        """What the proxies counted since the last look."""
        found = []
        for arn, proxy in self.proxies().items():
            counts = self._traffic.setdefault(arn, Traffic())
            found += counts.look(proxy.layout, self._haproxies[arn].stats())
        return found

    def drained(self, view: CloudView) -> list[tuple[TargetGroupView, Target]]:
        """Draining targets to which no proxy has a connection any more."""
        running = self.proxies()
        found = []
        for group in view.target_groups:
            using = [arn for arn, proxy in running.items() if group.name in proxy.servers]
            for target in group.draining:
                name = server_name(target)
                if not any(self._haproxies[arn].connections(group.name, name) for arn in using):
                    found.append((group, target))
        return found


def _write_certificates(directory: Path, certificates: Iterable[CertificateView]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for number, certificate in enumerate(certificates):
        file = certificate_file(directory, number)
        file.touch(mode=0o600)
        file.write_text(certificate.certificate + certificate.chain + certificate.private_key)


def _change(haproxy: HAProxy, action: ServerAction) -> None:
    server = f"{action.backend}/{action.server.name}"
    match action:
        case AddServer(_, new):
            answer = haproxy.tell(f"add server {server} {new.address}:{new.port}")
            # One that could not be deleted for its idle connections is still there.
            if "registered" not in answer and "lready exists" not in answer:
                raise RehearsalError(f"HAProxy did not add {server}: {answer.strip()}")
            haproxy.tell(f"set server {server} state {new.state}")
        case ChangeServer(_, new):
            haproxy.tell(f"set server {server} state {new.state}")
            if new.dead:
                haproxy.cut(action.backend, action.server.name)
        case DropServer():
            haproxy.tell(f"set server {server} state maint")
            haproxy.cut(action.backend, action.server.name)
            haproxy.tell(f"del server {server}")
