"""A load balancer's access log: what HAProxy is to write, and what becomes of it in the bucket.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
"""

from __future__ import annotations

import gzip
import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from chatlift_rehearsal.controllers.load_balancers import Layout
from chatlift_rehearsal.machine.edge.access_log import Store
from chatlift_rehearsal.model import FixedResponse, LoadBalancerView, Redirect, RuleView, arn_suffix

_MARK = "request"
"""The first field of a request's line, for HAProxy also logs what becomes of itself."""

_FORMAT = {
    "mark": _MARK,
    "end": "%[date(0,us)]",
    "milliseconds": "%Ta",
    "node": "%fi",
    "port": "%fp",
    "client": "%ci:%cp",
    "target": "%si:%sp",
    "backend": "%b",
    "queued": "%Tw",
    "connecting": "%Tc",
    "answering": "%Tr",
    "status": "%ST",
    "received": "%U",
    "sent": "%B",
    "method": "%HM",
    "version": "%HV",
    "cipher": "%sslc",
    "protocol": "%sslv",
    "certificate": "%[ssl_f_der,sha2(256),hex]",
    "domain": "%[ssl_fc_sni]",
    **{
        name: f"%[var(txn.{name})]"
        for name in ("priority", "action", "upgrade", "location", "trace", "host", "path", "agent")
    },
}
"""What HAProxy knows of a request that has ended, with tabs between; the last may have its own."""

_REQUEST_VARIABLES = {
    "upgrade": "req.hdr(upgrade)",
    "trace": "req.hdr(x-amzn-trace-id)",
    "host": "req.hdr(host)",
    "path": "pathq",
    "agent": "req.fhdr(user-agent)",
}


def logging_lines() -> list[str]:
    """What a frontend needs to write a line for each request on HAProxy's standard output."""
    line = r"\t".join(_FORMAT.values())
    return [
        "log stdout len 16384 format raw local0",
        "option dontlognull",
        f'log-format "{line}"',
        *(f"http-request set-var(txn.{name}) {of}" for name, of in _REQUEST_VARIABLES.items()),
    ]


def rule_lines(rule: RuleView, location: str, condition: str) -> list[str]:
    """What a frontend needs to know which rule a request had."""
    match rule.answer:
        case None:
            action = "forward"
        case FixedResponse():
            action = "fixed-response"
        case Redirect():
            action = "redirect"
    lines = [
        f"http-request set-var(txn.priority) int({rule.priority}) if {condition}",
        f"http-request set-var(txn.action) str({action}) if {condition}",
    ]
    if location:
        lines.append(f"http-request set-var-fmt(txn.location) {location} if {condition}")
    return lines


def deliver(lines: Iterable[str], layout: Layout, store: Store) -> None:
    """Put what HAProxy has written into the load balancer's bucket, an object for each node."""
    balancer = layout.balancer
    of_nodes: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith(f"{_MARK}\t"):
            continue
        seen = dict(zip(_FORMAT, line.split("\t", len(_FORMAT) - 1), strict=True))
        of_nodes.setdefault(seen["node"], []).append(" ".join(_entry(seen, layout)))
    for node, entries in of_nodes.items():
        content = gzip.compress("".join(f"{entry}\n" for entry in entries).encode())
        store(balancer.log_bucket, _key(balancer, node, datetime.now(UTC)), content)


def _key(balancer: LoadBalancerView, node: str, end: datetime) -> str:
    _, _, _, region, account, _ = balancer.arn.split(":", 5)
    name = arn_suffix(balancer.arn).replace("/", ".")
    file = (
        f"{account}_elasticloadbalancing_{region}_{name}_{end:%Y%m%dT%H%MZ}_{node}_"
        f"{secrets.token_hex(4)}.log.gz"
    )
    place = f"AWSLogs/{account}/elasticloadbalancing/{region}/{end:%Y/%m/%d}"
    return str(PurePosixPath(balancer.log_prefix, place, file))


def _entry(seen: Mapping[str, str], layout: Layout) -> Iterator[str]:
    """The fields of one line, in AWS's order."""
    end = datetime.fromtimestamp(int(seen["end"]) / 1e6, UTC)
    begin = end - timedelta(milliseconds=max(int(seen["milliseconds"]), 0))
    answered = seen["answering"] != "-1"
    forwarded = seen["connecting"] != "-1"
    target = seen["target"] if forwarded else "-"
    target_status = seen["status"] if answered else "-"
    yield _type(seen)
    yield _time(end)
    yield arn_suffix(layout.balancer.arn)
    yield seen["client"]
    yield target
    yield _seconds(int(seen["queued"]) + int(seen["connecting"]) if forwarded else -1)
    yield _seconds(int(seen["answering"]))
    yield _seconds(0 if answered else -1)
    yield seen["status"]
    yield target_status
    yield seen["received"]
    yield seen["sent"]
    yield _quoted(_request(seen))
    yield _quoted(seen["agent"])
    yield seen["cipher"]
    yield seen["protocol"]
    yield next((b.arn for b in layout.backends if b.name == seen["backend"]), "-")
    yield _quoted(seen["trace"])
    yield _quoted(seen["domain"])
    yield _quoted(_certificate(seen["certificate"], layout))
    yield "-1" if seen["priority"] == "-" else seen["priority"]
    yield _time(begin)
    yield _quoted(seen["action"])
    yield _quoted(seen["location"])
    yield _quoted("-")  # error_reason
    yield _quoted(target)
    yield _quoted(target_status)
    yield _quoted("-")  # classification
    yield _quoted("-")  # classification_reason
    yield f"TID_{hashlib.sha256(seen['client'].encode()).hexdigest()[:32]}"
    yield from (_quoted("-") for _ in range(3))  # transformed_host, _uri, request_transform_status


def _type(seen: Mapping[str, str]) -> str:
    secure = seen["protocol"] != "-"
    if seen["upgrade"].lower() == "websocket":
        return "wss" if secure else "ws"
    if seen["version"].startswith("HTTP/2"):
        return "h2"
    return "https" if secure else "http"


def _request(seen: Mapping[str, str]) -> str:
    scheme = "https" if seen["protocol"] != "-" else "http"
    if seen["host"] == "-":
        return f"- {scheme}://{seen['node']}:{seen['port']}- -"  # It was none that can be read.
    port = "" if re.search(r":\d+$", seen["host"]) else f":{seen['port']}"
    return f"{seen['method']} {scheme}://{seen['host']}{port}{seen['path']} {seen['version']}"


def _certificate(fingerprint: str, layout: Layout) -> str:
    for known in layout.certificates:
        parsed = x509.load_pem_x509_certificate(known.certificate.encode())
        if parsed.fingerprint(hashes.SHA256()).hex() == fingerprint.lower():
            return known.arn
    return "-"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"


def _seconds(milliseconds: int) -> str:
    return "-1" if milliseconds < 0 else f"{milliseconds / 1000:.3f}"


def _quoted(text: str) -> str:
    r"""What cannot be printed, quotes and backslashes are written as ``\x22``."""
    escaped = re.sub(r"[^ !#-\[\]-~]", lambda found: f"\\x{ord(found[0]):02X}", text)
    return f'"{escaped}"'
