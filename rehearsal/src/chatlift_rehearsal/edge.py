"""What CloudFront says, as plain data; part of ``model.CloudView``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Rule = Literal["none", "whitelist", "allExcept", "all"]
"""Which of a request's headers, cookies or query strings go on to the origin."""


@dataclass(frozen=True)
class Selection:
    """Some names of a request: those of ``whitelist``, or all but those of ``allExcept``."""

    rule: Rule = "none"
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class RequestParts:
    """What a policy takes of a viewer's request."""

    headers: Selection = Selection()
    cookies: Selection = Selection()
    queries: Selection = Selection()


@dataclass(frozen=True)
class CacheView:
    """A cache policy: what is part of the key, and times to live in seconds."""

    key: RequestParts
    min_ttl: int
    default_ttl: int
    max_ttl: int
    gzip: bool = False
    brotli: bool = False


@dataclass(frozen=True)
class HeaderView:
    """A header that viewers get; what the origin says wins unless ``override``."""

    name: str
    value: str
    override: bool = False


@dataclass(frozen=True)
class CorsView:
    """Headers for pages of other sites; lists are values of headers as they are sent."""

    origins: tuple[str, ...]
    methods: str
    allowed_headers: str
    exposed_headers: str
    credentials: bool
    max_age: int | None
    override: bool


@dataclass(frozen=True)
class AnswerHeadersView:
    """A response-headers policy."""

    headers: tuple[HeaderView, ...] = ()
    removed: tuple[str, ...] = ()
    cors: CorsView | None = None


@dataclass(frozen=True)
class BehaviorView:
    """What becomes of requests whose path matches ``pattern``; the last one's is ``*``."""

    pattern: str
    origin: str
    viewer_protocol: Literal["allow-all", "https-only", "redirect-to-https"]
    methods: tuple[str, ...]
    compress: bool
    cache: CacheView
    request: RequestParts = RequestParts()
    answer: AnswerHeadersView = AnswerHeadersView()


@dataclass(frozen=True)
class OriginView:
    """Where content comes from: a bucket, or a server that speaks HTTP.

    ``signed``: the bucket is asked as CloudFront, with origin access control. ``endpoint`` is the
    ARN of a VPC origin's load balancer or instance. Times are in seconds.
    """

    id: str
    domain_name: str
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    bucket: str = ""
    signed: bool = False
    endpoint: str = ""
    protocol: Literal["http-only", "https-only", "match-viewer"] = "http-only"
    http_port: int = 80
    https_port: int = 443
    connect_timeout: int = 10
    read_timeout: int = 30


@dataclass(frozen=True)
class ErrorPageView:
    """What viewers get in place of an error; ``page`` is empty where they get the error itself."""

    code: int
    page: str = ""
    answer_code: int = 0
    min_ttl: int = 10


@dataclass(frozen=True)
class DistributionView:
    """A distribution; ``address`` is the one of this machine that all its names lead to.

    ``certificate`` is an ARN, empty for the name below cloudfront.net alone. ``invalidations`` are
    ids and paths, the oldest first.
    """

    id: str
    arn: str
    name: str
    address: str
    domain_name: str
    enabled: bool
    deployed: bool = field(compare=False)
    origins: tuple[OriginView, ...]
    behaviors: tuple[BehaviorView, ...]
    aliases: tuple[str, ...] = ()
    default_root: str = ""
    error_pages: tuple[ErrorPageView, ...] = ()
    certificate: str = ""
    minimum_protocol: str = "TLSv1"
    http_version: str = "http2"
    log_bucket: str = ""
    log_prefix: str = ""
    log_cookies: bool = False
    invalidations: tuple[tuple[str, tuple[str, ...]], ...] = field(default=(), compare=False)
