"""What a load balancer's proxy must be told so that it does what the API says."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

from chatlift_rehearsal.controllers.health import Health
from chatlift_rehearsal.model import (
    CertificateView,
    CloudView,
    LoadBalancerView,
    Target,
    TargetGroupView,
)

ServerState = Literal["ready", "drain", "maint"]
"""HAProxy's words: ``drain`` keeps what is connected, ``maint`` takes nothing."""


@dataclass(frozen=True)
class Server:
    """A target as a proxy knows it. The name is the target's own, so it never means another.

    ``dead``: its host is gone, so what is connected to it would hang until it times out.
    """

    name: str
    address: str
    port: int
    state: ServerState
    dead: bool = False


Backends = Mapping[str, Mapping[str, Server]]
"""Servers by name, by the name of their target group."""


@dataclass(frozen=True)
class AddServer:
    """A target was registered."""

    backend: str
    server: Server


@dataclass(frozen=True)
class ChangeServer:
    """A target's health changed, it began to drain, or its host died."""

    backend: str
    server: Server


@dataclass(frozen=True)
class DropServer:
    """A target has been deregistered and has drained: what is still connected is cut."""

    backend: str
    server: Server


ServerAction = AddServer | ChangeServer | DropServer


@dataclass(frozen=True)
class Backend:
    """A target group as a proxy is configured with it."""

    arn: str
    name: str
    sticky_seconds: int
    algorithm: str = "round_robin"


@dataclass(frozen=True)
class Layout:
    """What a proxy is configured with, in contrast to what it can be told while it runs."""

    balancer: LoadBalancerView
    backends: tuple[Backend, ...]
    certificates: tuple[CertificateView, ...] = ()


@dataclass(frozen=True)
class Proxy:
    """A load balancer's proxy that runs."""

    layout: Layout
    servers: Backends


@dataclass(frozen=True)
class ConfigureProxy:
    """Start the proxy, or change its configuration without losing a connection."""

    layout: Layout
    servers: Backends

    @property
    def key(self) -> str:
        return self.layout.balancer.arn


@dataclass(frozen=True)
class TellProxy:
    """Change servers of a running proxy."""

    key: str
    servers: Backends
    actions: tuple[ServerAction, ...]


@dataclass(frozen=True)
class StopProxy:
    """The load balancer was deleted."""

    key: str


@dataclass(frozen=True)
class DeliverLog:
    """It is time for a load balancer's access log to go to its bucket."""

    key: str


ProxyAction = ConfigureProxy | TellProxy | StopProxy | DeliverLog

HealthByGroup = Mapping[str, Mapping[Target, Health]]
"""What the health checks found, by the ARN of the target group."""


def plan_load_balancers(
    view: CloudView, proxies: Mapping[str, Proxy], health: HealthByGroup, dead: Set[str]
) -> list[ProxyAction]:
    """One action at most a load balancer; ``dead`` are ids of instances whose host is gone."""
    groups = {group.arn: group for group in view.target_groups}
    actions: list[ProxyAction] = []
    for balancer in view.load_balancers:
        used = groups_of(balancer, groups)
        servers = {g.name: servers_of(g, health.get(g.arn, {}), dead) for g in used}
        backends = tuple(_backend(group) for group in used)
        layout = Layout(balancer, backends, _certificates(view, balancer))
        proxy = proxies.get(balancer.arn)
        if proxy is None or proxy.layout != layout:
            actions.append(ConfigureProxy(layout, servers))
        elif told := plan_servers(servers, proxy.servers):
            actions.append(TellProxy(balancer.arn, servers, tuple(told)))
    known = {balancer.arn for balancer in view.load_balancers}
    return [*actions, *(StopProxy(arn) for arn in proxies if arn not in known)]


def _certificates(view: CloudView, balancer: LoadBalancerView) -> tuple[CertificateView, ...]:
    named = {arn for listener in balancer.listeners for arn in listener.certificates}
    return tuple(certificate for certificate in view.certificates if certificate.arn in named)


def groups_of(
    balancer: LoadBalancerView, groups: Mapping[str, TargetGroupView]
) -> list[TargetGroupView]:
    """The target groups a load balancer's rules name, each once; ``groups`` are all, by ARN."""
    rules = (rule for listener in balancer.listeners for rule in listener.rules)
    arns = dict.fromkeys(rule.forward for rule in rules)
    return [groups[arn] for arn in arns if arn in groups]


def _backend(group: TargetGroupView) -> Backend:
    sticky = group.stickiness_seconds if group.stickiness == "lb_cookie" else 0
    return Backend(group.arn, group.name, sticky, group.algorithm)


def servers_of(
    group: TargetGroupView, health: Mapping[Target, Health], dead: Set[str]
) -> dict[str, Server]:
    """The servers of a target group by name, with the state each should have now.

    With no healthy target but unhealthy ones, all of these get traffic: a load balancer fails open
    (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html).
    """
    states = {target: health.get(target, "initial") for target in group.targets}
    serving = "healthy" if "healthy" in states.values() else "unhealthy"
    servers = {}
    for target, found in states.items():
        # An unhealthy target keeps its connections and gets no new ones.
        waiting: ServerState = "maint" if found == "initial" else "drain"
        server = _server(target, "ready" if found == serving else waiting, dead)
        servers[server.name] = server
    for target in group.draining:
        server = _server(target, "drain", dead)
        servers[server.name] = server
    return servers


def _server(target: Target, state: ServerState, dead: Set[str]) -> Server:
    gone = target.instance_id in dead
    return Server(server_name(target), target.address, target.port, state, gone)


def server_name(target: Target) -> str:
    """The name of a target in a proxy."""
    return f"{target.instance_id}_{target.port}"


def plan_servers(wanted: Backends, actual: Backends) -> list[ServerAction]:
    """The difference between two states of a proxy with the same backends."""
    actions: list[ServerAction] = []
    for backend, servers in wanted.items():
        present = actual[backend]
        for name, server in servers.items():
            if name not in present:
                actions.append(AddServer(backend, server))
            elif server != present[name]:
                actions.append(ChangeServer(backend, server))
        for name in present.keys() - servers.keys():
            actions.append(DropServer(backend, present[name]))
    return actions
