"""Headers that a distribution sends to its origins and to its viewers, in nginx's words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chatlift_rehearsal.edge import (
    AnswerHeadersView,
    BehaviorView,
    CorsView,
    DistributionView,
    OriginView,
    Selection,
)

# Those the first layer adds, which an origin gets only when a policy names them.
_FROM_THE_EDGE = (
    "CloudFront-Forwarded-Proto",
    "CloudFront-Viewer-Address",
    "CloudFront-Viewer-Http-Version",
    "CloudFront-Viewer-TLS",
)
# Those an origin gets whatever the policies say.
_ALWAYS = ("X-Forwarded-For", "Range", "If-Range", "If-None-Match", "If-Modified-Since")


@dataclass(frozen=True)
class OriginHeaders:
    """What nginx sends to an origin: all that viewers sent (``passes_all``), changed by values."""

    passes_all: bool
    forwards_host: bool
    values: tuple[tuple[str, str], ...]


def origin_headers(
    distribution: DistributionView, behavior: BehaviorView, origin: OriginView
) -> OriginHeaders:
    """The headers of a request to an origin.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html
    """
    wanted = (behavior.cache.key.headers, behavior.request.headers)
    passes_all = any(selection.rule in ("all", "allExcept") for selection in wanted)
    forwards_host = _forwards(wanted, "Host") and not origin.bucket
    values = {name: _value(name) for name in (*_ALWAYS, "Content-Type")}
    values["Host"] = "$http_host" if forwards_host else origin.domain_name
    values["Upgrade"], values["Connection"] = "$http_upgrade", "$hop"
    values["Cookie"] = "$kept_cookies"
    values["Via"] = f"1.1 {distribution.domain_name} (CloudFront)"
    values["X-Amz-Cf-Id"] = "$http_x_amz_cf_id"
    if not _forwards(wanted, "User-Agent"):
        values["User-Agent"] = "Amazon CloudFront"
    if behavior.cache.gzip or behavior.cache.brotli or not passes_all:
        # The first layer compresses, after the cache.
        values["Accept-Encoding"] = ""
    named = {name for selection in wanted for name in selection.names}
    for name in _FROM_THE_EDGE:
        values[name] = _value(name) if name in named else ""
    for selection in wanted:
        for name in selection.names:
            if selection.rule == "whitelist":
                values.setdefault(name, _value(name))
            elif selection.rule == "allExcept" and name not in values:
                values[name] = ""
    for name, value in origin.headers:
        values = {k: v for k, v in values.items() if k.lower() != name.lower()}
        values[name] = _quoted(value)
    if origin.bucket:
        values["Host"] = "localhost"
        values["X-Distribution"] = distribution.arn if origin.signed else ""
    return OriginHeaders(passes_all, forwards_host, tuple(values.items()))


def _forwards(wanted: tuple[Selection, ...], name: str) -> bool:
    """Whether one of the policies lets a header through."""
    for selection in wanted:
        named = name.lower() in (each.lower() for each in selection.names)
        rules = {"all": True, "none": False, "whitelist": named, "allExcept": not named}
        if rules[selection.rule]:
            return True
    return False


@dataclass(frozen=True)
class AnswerHeaders:
    """Directives of a location, and the maps whose variables they use."""

    maps: str
    directives: tuple[str, ...]


def answer_headers(number: int, policy: AnswerHeadersView) -> AnswerHeaders:
    """What a response-headers policy adds and takes away; ``number`` is the behavior's."""
    maps, directives = [], [f"proxy_hide_header {name}" for name in policy.removed]
    for index, header in enumerate(policy.headers):
        value = f'"{_quoted(header.value)}"'
        if header.override:
            directives.append(f"proxy_hide_header {header.name}")
        else:
            variable = f"$answer_{number}_{index}"
            maps.append(_unless_sent(header.name, variable, value))
            value = variable
        directives.append(f"add_header {header.name} {value} always")
    if policy.cors:
        found = _cors(number, policy.cors)
        maps.append(found.maps)
        directives += found.directives
    return AnswerHeaders("\n".join(maps), tuple(directives))


def _unless_sent(header: str, variable: str, value: str) -> str:
    """An empty header is none: nginx leaves it out."""
    sent = "$upstream_http_" + header.lower().replace("-", "_")
    return f'map {sent} {variable} {{ default ""; "" {value}; }}'


def _cors(number: int, cors: CorsView) -> AnswerHeaders:
    """CORS headers, for requests from the pages of other sites alone."""
    prefix = f"$cors_{number}"
    everybody = "*" in cors.origins and not cors.credentials
    allowed = '"*"' if everybody else "$http_origin"
    expressions = (_origin_expression(origin) for origin in cors.origins)
    # Where the origin's word counts, ours is said only if it says nothing.
    silent = "" if cors.override else "$upstream_http_access_control_allow_origin"
    origin = "".join(f' "~^{expression}$" {allowed};' for expression in expressions)
    maps = [f'map "$http_origin{silent}" {prefix} {{ default ""; "" "";{origin} }}']
    values = {"Expose-Headers": (cors.exposed_headers, "")}
    values["Credentials"] = ("true" if cors.credentials else "", "")
    values["Methods"] = (cors.methods, "OPTIONS")
    values["Headers"] = (cors.allowed_headers, "OPTIONS")
    values["Max-Age"] = ("" if cors.max_age is None else str(cors.max_age), "OPTIONS")
    directives = [f"add_header Access-Control-Allow-Origin {prefix} always"]
    for index, (name, (value, method)) in enumerate(values.items()):
        if not value:
            continue
        variable = f"{prefix}_{index}"
        condition = f"^{method or '[A-Z]+'} .+$"
        maps.append(
            f'map "$request_method {prefix}" {variable} '
            f'{{ default ""; "~{condition}" "{_quoted(value)}"; }}'
        )
        header = name if name in ("Expose-Headers", "Max-Age") else f"Allow-{name}"
        directives.append(f"add_header Access-Control-{header} {variable} always")
    if cors.override:
        hidden = [line.split()[1] for line in directives]
        directives = [*(f"proxy_hide_header {name}" for name in hidden), *directives]
    return AnswerHeaders("\n".join(maps), tuple(directives))


def _origin_expression(origin: str) -> str:
    pattern = ".*".join(re.escape(part) for part in origin.split("*"))
    return pattern if "://" in origin or origin == "*" else f"https?://{pattern}"


def _value(header: str) -> str:
    return "$http_" + header.lower().replace("-", "_")


def _quoted(value: str) -> str:
    """Within double quotes; nginx has no way to write a dollar sign but as a variable."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "${dollar}")
