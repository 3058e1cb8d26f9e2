"""The HAProxy configuration of one application load balancer."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chatlift_rehearsal.controllers.load_balancers import Backend, Backends, Layout, Server
from chatlift_rehearsal.model import ListenerView, LoadBalancerView

CONNECT_SECONDS = 10
"""An Application Load Balancer's own limit, which cannot be changed."""

HEAD = """\
global
  nbthread 1
  maxconn {connections}

defaults
  mode http
  # What a target answers is the client's: no second try elsewhere, as with AWS.
  retries 0
  option forwardfor
  timeout connect {connect}s
  timeout client {idle:g}s
  timeout server {idle:g}s
  timeout tunnel {idle:g}s
"""


def render(layout: Layout, servers: Backends, connections: int) -> str:
    """The whole file; ``connections`` is the most it takes at once."""
    balancer = layout.balancer
    parts = [
        HEAD.format(connections=connections, connect=CONNECT_SECONDS, idle=balancer.idle_timeout),
        *(_frontend(layout, listener) for listener in balancer.listeners),
        *(_backend(balancer, backend, servers[backend.name]) for backend in layout.backends),
    ]
    return "\n".join(parts)


def _frontend(layout: Layout, listener: ListenerView) -> str:
    names = {backend.arn: backend.name for backend in layout.backends}
    binds = ",".join(f"{address}:{listener.port}" for address in layout.balancer.addresses)
    lines = [
        f"frontend port_{listener.port}",
        f"  bind {binds}",
        "  http-request set-header X-Forwarded-Proto http",
        f"  http-request set-header X-Forwarded-Port {listener.port}",
    ]
    for patterns, arn in listener.rules:
        if arn in names and patterns:
            expressions = " ".join(path_expression(pattern) for pattern in patterns)
            lines.append(f"  use_backend {names[arn]} if {{ path_reg {expressions} }}")
        elif arn in names:
            lines.append(f"  default_backend {names[arn]}")
    return "\n".join([*lines, ""])


def _backend(balancer: LoadBalancerView, backend: Backend, servers: Mapping[str, Server]) -> str:
    lines = [
        f"backend {backend.name}",
        "  balance roundrobin",
        # Targets see the load balancer's address, one that belongs to the VPC.
        f"  source {balancer.addresses[0]}",
    ]
    if backend.sticky_seconds:
        cookie = f"cookie AWSALB insert indirect nocache dynamic maxlife {backend.sticky_seconds}s"
        lines += [f"  {cookie}", f"  dynamic-cookie-key {backend.name}"]
    for server in servers.values():
        disabled = "" if server.state == "ready" else " disabled"
        lines.append(f"  server {server.name} {server.address}:{server.port}{disabled}")
    return "\n".join([*lines, ""])


def path_expression(pattern: str) -> str:
    """A regular expression for a path pattern, in which ``*`` and ``?`` are wildcards."""
    wildcards = {"*": ".*", "?": "."}
    escaped = "".join(wildcards.get(character) or re.escape(character) for character in pattern)
    # HAProxy reads blanks, quotes and backslashes itself, except between single quotes.
    return f"'^{escaped}$'"
