"""The HAProxy configuration of one application load balancer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from chatlift_rehearsal.controllers.load_balancers import Backend, Backends, Layout, Server
from chatlift_rehearsal.machine import request_log
from chatlift_rehearsal.model import (
    FixedResponse,
    ListenerView,
    LoadBalancerView,
    Redirect,
    RuleView,
)

CONNECT_SECONDS = 10
"""An Application Load Balancer's own limit, which cannot be changed."""

ALGORITHMS = {
    "round_robin": "roundrobin",
    "least_outstanding_requests": "leastconn",
    "weighted_random": "random",
}

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


def certificate_file(directory: Path, number: int) -> Path:
    """Where a proxy in ``directory`` has the certificate of that number, with its key."""
    return directory / f"certificate-{number}.pem"


def render(layout: Layout, servers: Backends, connections: int, directory: Path) -> str:
    """The whole file; ``connections`` is the most it takes at once."""
    balancer = layout.balancer
    parts = [
        HEAD.format(connections=connections, connect=CONNECT_SECONDS, idle=balancer.idle_timeout),
        *(_frontend(layout, listener, directory) for listener in balancer.listeners),
        *(_backend(balancer, backend, servers[backend.name]) for backend in layout.backends),
    ]
    return "\n".join(parts)


def _frontend(layout: Layout, listener: ListenerView, directory: Path) -> str:
    secure = listener.protocol == "HTTPS"
    tls = _tls(layout, listener, directory)
    if secure and not tls:
        return ""  # Its certificate is not issued any more: nobody could speak to it.
    names = {backend.arn: backend.name for backend in layout.backends}
    binds = ",".join(f"{address}:{listener.port}" for address in layout.balancer.addresses)
    lines = [
        f"frontend port_{listener.port}",
        f"  bind {binds}{tls}",
        f"  http-request set-header X-Forwarded-Proto {'https' if secure else 'http'}",
        f"  http-request set-header X-Forwarded-Port {listener.port}",
    ]
    logged = bool(layout.balancer.log_bucket)
    if logged:
        lines += [f"  {line}" for line in request_log.logging_lines()]
    for number, rule in enumerate(listener.rules):
        # Every request has one rule, the first that fits: HAProxy would answer before it forwards.
        free = "!{ var(txn.rule) -m found }"
        fits = " ".join([free, *_conditions(rule)])
        lines.append(f"  http-request set-var(txn.rule) int({number}) if {fits}")
    for number, rule in enumerate(listener.rules):
        chosen = f"{{ var(txn.rule) -m int {number} }}"
        if logged:
            location = _location(rule.answer) if isinstance(rule.answer, Redirect) else ""
            lines += [f"  {line}" for line in request_log.rule_lines(rule, location, chosen)]
        if rule.answer:
            lines.append(f"  http-request {_answer(rule.answer)} if {chosen}")
        elif rule.forward in names:
            lines.append(f"  use_backend {names[rule.forward]} if {chosen}")
    return "\n".join([*lines, ""])


def _tls(layout: Layout, listener: ListenerView, directory: Path) -> str:
    """What a listener needs to speak TLS; clients without SNI get the first certificate."""
    numbers = {certificate.arn: n for n, certificate in enumerate(layout.certificates)}
    known = [numbers[arn] for arn in listener.certificates if arn in numbers]
    if not known:
        return ""
    files = " ".join(f"crt {certificate_file(directory, number)}" for number in known)
    return f" ssl {files} alpn h2,http/1.1 ssl-min-ver TLSv1.2"


def _conditions(rule: RuleView) -> list[str]:
    wanted = [("path_reg", rule.paths)] if rule.paths else []
    # AWS compares values whatever their case.
    wanted += [(f"req.hdr({name}) -i -m reg", values) for name, values in rule.headers]
    return [f"{{ {what} {' '.join(map(expression, patterns))} }}" for what, patterns in wanted]


def _answer(answer: FixedResponse | Redirect) -> str:
    if isinstance(answer, Redirect):
        return f"redirect code {answer.status} location {_location(answer)}"
    reply = f"return status {answer.status}"
    if answer.body:
        reply += f" content-type {answer.content_type} string {_quoted(answer.body)}"
    return reply


def _location(redirect: Redirect) -> str:
    host = "%[req.hdr(host),field(1,:)]"
    return f"{redirect.protocol}://{host}:{redirect.port}%[pathq]"


def _backend(balancer: LoadBalancerView, backend: Backend, servers: Mapping[str, Server]) -> str:
    lines = [
        f"backend {backend.name}",
        f"  balance {ALGORITHMS[backend.algorithm]}",
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


def expression(pattern: str) -> str:
    """A regular expression for a pattern of AWS, in which ``*`` and ``?`` are wildcards."""
    wildcards = {"*": ".*", "?": "."}
    escaped = "".join(wildcards.get(character) or re.escape(character) for character in pattern)
    return _quoted(f"^{escaped}$")


def _quoted(text: str) -> str:
    """HAProxy reads blanks, quotes and backslashes itself, except between single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"
