"""The nginx configuration of one CloudFront distribution.

Two layers, as CloudFront has edge locations and origins: the first faces viewers, chooses the
behavior, caches, compresses, replaces errors and adds headers; the second, one server for each
behavior on a socket of its own, sends the origin what the behavior's policies let through.
"""

from __future__ import annotations

from pathlib import Path

from chatlift_rehearsal.controllers.distributions import Site
from chatlift_rehearsal.machine.edge.headers import answer_headers
from chatlift_rehearsal.machine.edge.log_format import log_format, log_maps
from chatlift_rehearsal.machine.edge.origins import origin_server, origin_upstreams
from chatlift_rehearsal.machine.edge.place import ACCESS_LOG, CACHE, STATUS, Place
from chatlift_rehearsal.machine.edge.text import block, indent, lines, server
from chatlift_rehearsal.machine.edge.viewers import behavior_upstreams, viewer_servers

MODULES = Path("/usr/lib/nginx/modules")


def render(site: Site, place: Place, mark: str) -> str:
    """The whole file; ``mark`` is what its status socket answers, so that it can be told apart."""
    behaviors = site.distribution.behaviors
    origins = {origin.id: origin for origin in site.distribution.origins}
    blocks = [
        _common(site, place),
        _maps(site),
        block("upstream bucket", [f"server unix:{place.bucket_socket}"]),
        *(behavior_upstreams(number) for number in range(len(behaviors))),
        *(
            origin_upstreams(number, origin, dict(site.addresses)[origin.id])
            for number, origin in enumerate(site.distribution.origins)
        ),
        *(
            origin_server(site, place, number, behavior, origins[behavior.origin], websocket)
            for number, behavior in enumerate(behaviors)
            for websocket in (False, True)
        ),
        viewer_servers(site, behaviors),
        server([f"listen unix:{STATUS}", "access_log off", f'return 200 "{mark}"']),
    ]
    inner = indent("\n".join(blocks))
    return f"{_head()}\nhttp {{\n{inner}\n}}\n"


def _head() -> str:
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
    return lines(
        *(f"{name}_temp_path {name}" for name in temporary),
        f"js_import edge from {place.script}",
        *(f"js_set ${name} edge.{name}" for name in ("buffering", "target", "ttl")),
        "js_set $kept_cookies edge.cookies",
        f"proxy_cache_path {CACHE} keys_zone=edge:10m max_size=1g inactive=365d use_temp_path=off",
        f"log_format cloudfront escape=none '{log_format(site.distribution)}'",
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
        f"resolver {place.resolver} ipv6=off",
    )


def _maps(site: Site) -> str:
    return "\n".join(
        [
            'geo $dollar { default "$"; }',
            *log_maps(),
            block("map $http_upgrade $websocket", ['default ""', "~*^websocket$ _websocket"]),
            block("map $http_upgrade $hop", ['default ""', "~*^websocket$ upgrade"]),
            block(
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
