"""Towards origins: what the behaviors' policies let through."""

from __future__ import annotations

import json

from chatlift_rehearsal.controllers.distributions import Site
from chatlift_rehearsal.edge import BehaviorView, OriginView, Selection
from chatlift_rehearsal.machine.edge.headers import origin_headers
from chatlift_rehearsal.machine.edge.place import Place
from chatlift_rehearsal.machine.edge.text import block, server

WEBSOCKET_SECONDS = 600
"""Without a message for so long, CloudFront closes a WebSocket."""

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
_ALWAYS_CACHED = (404, 414, 500, 501, 502, 503, 504)
_ERROR_SECONDS = 10


def origin_upstreams(number: int, origin: OriginView, addresses: tuple[str, ...]) -> str:
    blocks = []
    for scheme, port in (("http", origin.http_port), ("https", origin.https_port)):
        servers = [f"server {address}:{port} fail_timeout=0" for address in addresses]
        if servers:
            blocks.append(block(f"upstream origin_{number}_{scheme}", [*servers, "keepalive 8"]))
    return "\n".join(blocks)


def origin_server(
    site: Site,
    place: Place,
    number: int,
    behavior: BehaviorView,
    origin: OriginView,
    websocket: bool,
) -> str:
    kind = "_websocket" if websocket else ""
    cache, request = behavior.cache, behavior.request
    errors = dict.fromkeys(_ALWAYS_CACHED, _ERROR_SECONDS)
    errors |= {page.code: page.min_ttl for page in site.distribution.error_pages}
    errors.pop(416, None)  # CloudFront never caches it
    headers = origin_headers(site.distribution, behavior, origin)
    path = "/" + origin.bucket if origin.bucket else ""
    seconds = WEBSOCKET_SECONDS if websocket else origin.read_timeout
    return server(
        [
            f"listen unix:behavior{number}{kind}.sock",
            "access_log off",
            f'set $prefix "{path}{origin.path}"',
            f'set $ttls "{cache.min_ttl} {cache.default_ttl} {cache.max_ttl}"',
            f"set $error_ttls '{json.dumps(errors)}'",
            f'set $queries "{_rule(cache.key.queries, request.queries)}"',
            f'set $cookies "{_rule(cache.key.cookies, request.cookies)}"',
        ],
        block(
            "location /",
            [
                *_upstream(site, place, origin, headers.forwards_host),
                f"proxy_connect_timeout {origin.connect_timeout}s",
                f"proxy_read_timeout {seconds}s",
                f"proxy_send_timeout {seconds}s",
                "proxy_buffering off",
                "proxy_request_buffering off",
                "proxy_next_upstream error timeout",
                f"proxy_pass_request_headers {'on' if headers.passes_all else 'off'}",
                *(f'proxy_set_header {name} "{value}"' for name, value in headers.values),
                "proxy_pass_header Server",
                "proxy_pass_header Date",
                "add_header X-Accel-Expires $ttl always",
                "add_header X-Accel-Buffering $buffering always",
            ],
        ),
    )


def _upstream(site: Site, place: Place, origin: OriginView, forwards_host: bool) -> list[str]:
    if origin.bucket:
        return ["proxy_pass http://bucket$target"]
    number = site.distribution.origins.index(origin)
    scheme = {"https-only": "https", "match-viewer": "$http_cloudfront_forwarded_proto"}.get(
        origin.protocol, "http"
    )
    known = dict(site.addresses)[origin.id]
    where = f"origin_{number}_{scheme}" if known else _by_name(origin, scheme)
    return [
        # Security groups know CloudFront by its addresses.
        f"proxy_bind {place.source}",
        f"proxy_pass {scheme}://{where}$target",
        "proxy_ssl_server_name on",
        f"proxy_ssl_name {'$host' if forwards_host else origin.domain_name}",
        "proxy_ssl_verify on",
        f"proxy_ssl_trusted_certificate {place.trusted}",
        "proxy_ssl_verify_depth 5",
    ]


def _by_name(origin: OriginView, scheme: str) -> str:
    ports = {"http": f":{origin.http_port}", "https": f":{origin.https_port}"}
    return origin.domain_name + ports.get(scheme, "")


def _rule(*selections: Selection) -> str:
    """What either policy lets through, as edge.js reads it."""
    for rule in ("all", "allExcept"):
        for selection in selections:
            if selection.rule == rule:
                return " ".join([rule, *selection.names])
    names = [name for s in selections if s.rule == "whitelist" for name in s.names]
    return " ".join(["whitelist", *names]) if names else "none"
