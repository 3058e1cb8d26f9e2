"""Towards viewers: behaviors by path, the cache, compression, error pages and headers."""

from __future__ import annotations

import re

from chatlift_rehearsal.controllers.distributions import Site
from chatlift_rehearsal.edge import BehaviorView
from chatlift_rehearsal.machine.edge.headers import answer_headers
from chatlift_rehearsal.machine.edge.origins import WEBSOCKET_SECONDS
from chatlift_rehearsal.machine.edge.place import CERTIFICATE, KEY, POP
from chatlift_rehearsal.machine.edge.text import block, inline, server

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
_COMPRESSED = (
    "application/javascript application/json application/manifest+json application/wasm "
    "application/xhtml+xml application/xml font/otf font/ttf image/bmp image/svg+xml "
    "image/x-icon text/css text/csv text/javascript text/markdown text/plain text/xml"
)


def behavior_upstreams(number: int) -> str:
    return "\n".join(
        block(f"upstream behavior_{number}{kind}", [f"server unix:behavior{number}{kind}.sock"])
        for kind in ("", "_websocket")
    )


def viewer_servers(site: Site, behaviors: tuple[BehaviorView, ...]) -> str:
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
            server(
                [
                    f"listen {address}:80 default_server",
                    f"listen {address}:443 ssl{http2} default_server",
                    *tls,
                    "return 403",
                ]
            ),
            server(
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
    return block(
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
        *([inline('if ($scheme = "http")', refusal)] if refusal else []),
        inline(f'if ($request_method !~ "^({methods})$")', "return 403"),
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
