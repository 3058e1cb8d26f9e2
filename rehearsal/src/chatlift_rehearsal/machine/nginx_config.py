"""The nginx configuration of one CloudFront distribution.

Two layers, as CloudFront has edge locations and origins: the first faces viewers, chooses the
behavior, caches, compresses, replaces errors and adds headers; the second, one server for each
behavior on a socket of its own, sends the origin what the behavior's policies let through.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from chatlift_rehearsal.controllers.distributions import Site
from chatlift_rehearsal.edge import BehaviorView, OriginView, Selection
from chatlift_rehearsal.machine.nginx_headers import answer_headers, origin_headers

CACHE, ACCESS_LOG, STATUS = "cache", "access.log", "status.sock"
CERTIFICATE, KEY = "certificate.pem", "certificate.key"
MODULES = Path("/usr/lib/nginx/modules")
POP = "LAB50-P1"
"""The edge location, in answers and logs."""

WEBSOCKET_SECONDS = 600
"""Without a message for so long, CloudFront closes a WebSocket."""

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/HTTPStatusCodes.html
_ALWAYS_CACHED = (404, 414, 500, 501, 502, 503, 504)
_ERROR_SECONDS = 10
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
_COMPRESSED = (
    "application/javascript application/json application/manifest+json application/wasm "
    "application/xhtml+xml application/xml font/otf font/ttf image/bmp image/svg+xml "
    "image/x-icon text/css text/csv text/javascript text/markdown text/plain text/xml"
)
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
LOG_FIELDS = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header "
    "cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher "
    "x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port "
    "time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start "
    "sc-range-end"
)
_LOG = (
    "$log_date $log_time {pop} $bytes_sent $remote_addr $request_method {domain} $log_stem $status "
    "$log_referer $log_agent $log_query {cookie} $result $request_id $host $scheme "
    "$request_length $request_time $log_forwarded $log_tls $log_cipher $result "
    "$server_protocol - - $remote_port $log_first $result $log_type $log_length - -"
)
_LOGGED = {
    "referer": "$http_referer",
    "agent": "$http_user_agent",
    "cookie": "$http_cookie",
    "forwarded": "$http_x_forwarded_for",
    "tls": "$ssl_protocol",
    "cipher": "$ssl_cipher",
    "first": "$upstream_header_time",
    "type": "$sent_http_content_type",
    "length": "$sent_http_content_length",
}


@dataclass(frozen=True)
class Place:
    """What a distribution's proxy finds outside of its own directory."""

    bucket_socket: Path
    source: str
    trusted: Path
    script: Path
    resolvers: tuple[str, ...]


def render(site: Site, place: Place, mark: str) -> str:
    """The whole file; ``mark`` is what its status socket answers, so that it can be told apart."""
    behaviors = site.distribution.behaviors
    origins = {origin.id: origin for origin in site.distribution.origins}
    blocks = [
        _common(site, place),
        _maps(site),
        _block("upstream bucket", [f"server unix:{place.bucket_socket}"]),
        *(_behavior_upstreams(number) for number in range(len(behaviors))),
        *(
            _origin_upstream(number, origin, dict(site.addresses)[origin.id])
            for number, origin in enumerate(site.distribution.origins)
        ),
        *(
            _origin_server(site, place, number, behavior, origins[behavior.origin], websocket)
            for number, behavior in enumerate(behaviors)
            for websocket in (False, True)
        ),
        _viewer_servers(site, behaviors),
        _server([f"listen unix:{STATUS}", "access_log off", f'return 200 "{mark}"']),
    ]
    inner = _indent("\n".join(blocks))
    return f"{_head(place)}\nhttp {{\n{inner}\n}}\n"


def _head(place: Place) -> str:
    modules = ("ngx_http_js_module", "ngx_http_brotli_filter_module")
    return "\n".join(
        [
            *(f"load_module {MODULES / name}.so;" for name in modules),
            "user root;",
            "daemon off;",
            "worker_processes 1;",
            "pid nginx.pid;",
            "error_log error.log warn;",
            "events { worker_connections 10000; }",
        ]
    )


def _common(site: Site, place: Place) -> str:
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    log = _LOG.format(
        pop=POP,
        domain=site.distribution.domain_name,
        cookie="$log_cookie" if site.distribution.log_cookies else "-",
    )
    separated = log.replace(" ", "\t")
    return _lines(
        *(f"{name}_temp_path {name}" for name in temporary),
        f"js_import edge from {place.script}",
        *(f"js_set ${name} edge.{name}" for name in ("buffering", "target", "ttl")),
        "js_set $kept_cookies edge.cookies",
        f"proxy_cache_path {CACHE} keys_zone=edge:10m max_size=1g inactive=365d use_temp_path=off",
        f"log_format cloudfront escape=none '{separated}'",
        f"access_log {ACCESS_LOG} cloudfront",
        "types { }",
        "default_type application/octet-stream",
        "server_tokens off",
        "underscores_in_headers on",
        "merge_slashes off",
        "client_max_body_size 0",
        "large_client_header_buffers 4 32k",
        "proxy_buffer_size 32k",
        "proxy_buffers 8 32k",
        "proxy_http_version 1.1",
        *([f"resolver {' '.join(place.resolvers)} ipv6=off"] if place.resolvers else []),
    )


def _maps(site: Site) -> str:
    empty = [
        _block(f"map {source} $log_{name}", ["default " + source, '"" "-"'])
        for name, source in _LOGGED.items()
    ]
    return "\n".join(
        [
            'geo $dollar { default "$"; }',
            *empty,
            _block("map $request_uri $log_stem", ['"~^(?<stem>[^?]*)" $stem']),
            _block("map $request_uri $log_query", ["default -", '"~[?](?<search>.+)$" $search']),
            _block("map $time_iso8601 $log_date", ["default -", '"~^(?<day>[^T]+)T" $day']),
            _block("map $time_iso8601 $log_time", ["default -", '"~T(?<clock>[0-9:]+)" $clock']),
            _block("map $http_upgrade $websocket", ['default ""', "~*^websocket$ _websocket"]),
            _block("map $http_upgrade $hop", ['default ""', "~*^websocket$ upgrade"]),
            _block(
                'map "$status $upstream_cache_status" $result',
                [
                    "default Miss",
                    '"~^30[12] $" Redirect',
                    "~^[45] Error",
                    "~HIT$ Hit",
                    "~REVALIDATED$ RefreshHit",
                ],
            ),
            *(
                answer_headers(number, behavior.answer).maps
                for number, behavior in enumerate(site.distribution.behaviors)
            ),
        ]
    )


def _behavior_upstreams(number: int) -> str:
    return "\n".join(
        _block(f"upstream behavior_{number}{kind}", [f"server unix:behavior{number}{kind}.sock"])
        for kind in ("", "_websocket")
    )


def _origin_upstream(number: int, origin: OriginView, addresses: tuple[str, ...]) -> str:
    blocks = []
    for scheme, port in (("http", origin.http_port), ("https", origin.https_port)):
        servers = [f"server {address}:{port} fail_timeout=0" for address in addresses]
        if servers:
            blocks.append(_block(f"upstream origin_{number}_{scheme}", [*servers, "keepalive 8"]))
    return "\n".join(blocks)


# Towards the origin.


def _origin_server(
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
    return _server(
        [
            f"listen unix:behavior{number}{kind}.sock",
            "access_log off",
            f'set $prefix "{path}{origin.path}"',
            f'set $ttls "{cache.min_ttl} {cache.default_ttl} {cache.max_ttl}"',
            f"set $error_ttls '{json.dumps(errors)}'",
            f'set $queries "{_rule(cache.key.queries, request.queries)}"',
            f'set $cookies "{_rule(cache.key.cookies, request.cookies)}"',
        ],
        _block(
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
    """What either policy lets through, in the words of ``edge.js``."""
    for rule in ("all", "allExcept"):
        for selection in selections:
            if selection.rule == rule:
                return " ".join([rule, *selection.names])
    names = [name for s in selections if s.rule == "whitelist" for name in s.names]
    return " ".join(["whitelist", *names]) if names else "none"


# Towards viewers.


def _viewer_servers(site: Site, behaviors: tuple[BehaviorView, ...]) -> str:
    distribution = site.distribution
    http2 = " http2" if distribution.http_version.startswith("http2") else ""
    address = distribution.address
    tls = [
        f"ssl_certificate {CERTIFICATE}",
        f"ssl_certificate_key {KEY}",
        f"ssl_protocols {_protocols(distribution.minimum_protocol)}",
    ]
    names = " ".join((distribution.domain_name, *distribution.aliases))
    root = [f"rewrite ^/$ /{distribution.default_root}"] if distribution.default_root else []
    return "\n".join(
        [
            _server(
                [
                    f"listen {address}:80 default_server",
                    f"listen {address}:443 ssl{http2} default_server",
                    *tls,
                    "return 403",
                ]
            ),
            _server(
                [
                    f"listen {address}:80",
                    f"listen {address}:443 ssl{http2}",
                    f"server_name {names}",
                    *tls,
                    *root,
                ],
                *(_location(site, number, behavior) for number, behavior in enumerate(behaviors)),
            ),
        ]
    )


def _location(site: Site, number: int, behavior: BehaviorView) -> str:
    domain = site.distribution.domain_name
    answer = answer_headers(number, behavior.answer)
    pages = [page for page in site.distribution.error_pages if page.page]
    # nginx takes these out of requests whose answers it might cache.
    conditions = ("If-None-Match", "If-Modified-Since", "Range", "If-Range")
    passed = conditions if behavior.cache.max_ttl == 0 else ()
    return _block(
        f'location ~ "{path_expression(behavior.pattern)}"',
        [
            *_viewer_protocol(behavior),
            f"proxy_pass http://behavior_{number}$websocket",
            "proxy_cache edge",
            f'proxy_cache_key "{_cache_key(behavior)}"',
            "proxy_cache_revalidate on",
            "proxy_cache_use_stale error timeout http_500 http_502 http_503 http_504",
            "proxy_cache_bypass $http_upgrade",
            "proxy_no_cache $http_upgrade",
            "proxy_ignore_headers Cache-Control Expires Set-Cookie Vary",
            f"proxy_read_timeout {WEBSOCKET_SECONDS + 10}s",
            f"proxy_send_timeout {WEBSOCKET_SECONDS + 10}s",
            "proxy_request_buffering off",
            "proxy_set_header Host $http_host",
            "proxy_set_header Upgrade $http_upgrade",
            "proxy_set_header Connection $hop",
            "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for",
            "proxy_set_header X-Amz-Cf-Id $request_id",
            "proxy_set_header CloudFront-Forwarded-Proto $scheme",
            "proxy_set_header CloudFront-Viewer-Address $remote_addr:$remote_port",
            "proxy_set_header CloudFront-Viewer-Http-Version $server_protocol",
            "proxy_set_header CloudFront-Viewer-TLS $ssl_protocol:$ssl_cipher",
            *(f"proxy_set_header {name} ${_variable(name)}" for name in passed),
            *(f"error_page {page.code} ={page.answer_code} {page.page}" for page in pages),
            *(["proxy_intercept_errors on"] if pages else []),
            *_compression(behavior),
            "proxy_pass_header Server",
            "proxy_pass_header Date",
            'add_header X-Cache "$result from cloudfront" always',
            f'add_header Via "1.1 {domain} (CloudFront)" always',
            f"add_header X-Amz-Cf-Pop {POP} always",
            "add_header X-Amz-Cf-Id $request_id always",
            *answer.directives,
        ],
    )


def _viewer_protocol(behavior: BehaviorView) -> list[str]:
    refusal = {
        "redirect-to-https": "return 301 https://$host$request_uri",
        "https-only": "return 403",
    }.get(behavior.viewer_protocol)
    methods = "|".join(behavior.methods)
    return [
        *([_inline('if ($scheme = "http")', refusal)] if refusal else []),
        _inline(f'if ($request_method !~ "^({methods})$")', "return 403"),
    ]


def _compression(behavior: BehaviorView) -> list[str]:
    if not behavior.compress:
        return []
    found = []
    for name, wanted in (("gzip", behavior.cache.gzip), ("brotli", behavior.cache.brotli)):
        if wanted:
            found += [f"{name} on", f"{name}_types {_COMPRESSED}", f"{name}_min_length 1000"]
    return [*found, "gzip_proxied any", "gzip_vary on"] if found else []


def _cache_key(behavior: BehaviorView) -> str:
    """The path comes first: it is how an invalidation finds what it means."""
    key = behavior.cache.key
    parts = ["$uri", *(f"${_variable(name)}" for name in key.headers.names)]
    for selection, all_of_them, one in (
        (key.queries, "$args", "$arg_"),
        (key.cookies, "$http_cookie", "$cookie_"),
    ):
        if selection.rule in ("all", "allExcept"):
            parts.append(all_of_them)
        parts += [one + name for name in selection.names if selection.rule == "whitelist"]
    return " ".join(parts)


def _variable(header: str) -> str:
    return "http_" + header.lower().replace("-", "_")


def _protocols(minimum: str) -> str:
    """The protocols of a security policy, without what OpenSSL no longer speaks."""
    return "TLSv1.3" if minimum.startswith("TLSv1.3") else "TLSv1.2 TLSv1.3"


def path_expression(pattern: str) -> str:
    """A regular expression for a path pattern, in which ``*`` and ``?`` are wildcards."""
    wildcards = {"*": ".*", "?": "."}
    anchored = "/" + pattern.removeprefix("/") if pattern[:1] not in "*?" else pattern
    escaped = "".join(wildcards.get(character) or re.escape(character) for character in anchored)
    return f"^{escaped}$"


# Text.


def _lines(*directives: str) -> str:
    """Directives, each ended; a block needs no end."""
    return "\n".join(d if d.endswith("}") else f"{d};" for d in directives)


def _block(opening: str, directives: list[str], *blocks: str) -> str:
    inner = "\n".join([_lines(*directives), *blocks])
    return f"{opening} {{\n{_indent(inner)}\n}}"


def _server(directives: list[str], *blocks: str) -> str:
    return _block("server", directives, *blocks)


def _inline(opening: str, directive: str) -> str:
    return f"{opening} {{ {directive}; }}"


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.splitlines())
