"""Distributions as plain data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..edge import (
    AnswerHeadersView,
    BehaviorView,
    CacheView,
    CorsView,
    DistributionView,
    ErrorPageView,
    HeaderView,
    OriginView,
    RequestParts,
    Rule,
    Selection,
)
from .cloudfront import CloudFrontMends
from .cloudfront_config import behaviors, items
from .cloudfront_distributions import Distribution

_NAME = "Name"
_RULES: dict[str, Rule] = {"allViewer": "all", "allViewerAndWhitelistCloudFront": "all"}


def distribution_views(backend: CloudFrontMends) -> tuple[DistributionView, ...]:
    """Every distribution; the caller holds the lock."""
    return tuple(_distribution(backend, found) for found in backend.distributions.values())


def _distribution(backend: CloudFrontMends, distribution: Distribution) -> DistributionView:
    config = distribution.config
    tags = backend.tagger.get_tag_dict_for_resource(distribution.arn)
    certificate, logging = config["ViewerCertificate"], config["Logging"]
    return DistributionView(
        id=distribution.id,
        arn=distribution.arn,
        name=tags.get(_NAME) or config["Comment"] or distribution.id,
        address=distribution.address,
        domain_name=distribution.domain_name,
        aliases=tuple(items(config["Aliases"])),
        enabled=config["Enabled"],
        deployed=distribution.status == "Deployed",
        default_root=config["DefaultRootObject"],
        origins=tuple(_origin(backend, origin) for origin in items(config["Origins"])),
        behaviors=tuple(_behavior(backend, behavior) for behavior in behaviors(config)),
        error_pages=tuple(_error_page(page) for page in items(config["CustomErrorResponses"])),
        certificate=certificate.get("ACMCertificateArn", ""),
        minimum_protocol=certificate["MinimumProtocolVersion"],
        http_version=config["HttpVersion"],
        log_bucket=logging["Bucket"].removesuffix(".s3.amazonaws.com"),
        log_prefix=logging["Prefix"],
        log_cookies=logging["IncludeCookies"],
        invalidations=tuple(
            (found.id, tuple(found.paths)) for found in distribution.invalidations.values()
        ),
    )


def _origin(backend: CloudFrontMends, origin: dict[str, Any]) -> OriginView:
    common: dict[str, Any] = {
        "id": origin["Id"],
        "domain_name": origin["DomainName"],
        "path": origin["OriginPath"],
        "headers": tuple(
            (header["HeaderName"], header["HeaderValue"])
            for header in items(origin["CustomHeaders"])
        ),
        "connect_timeout": origin["ConnectionTimeout"],
    }
    if "S3OriginConfig" in origin:
        control = backend.access_controls.get(origin["OriginAccessControlId"])
        return OriginView(
            **common,
            bucket=origin["DomainName"].partition(".s3.")[0],
            signed=control is not None and control.config["SigningBehavior"] != "never",
        )
    endpoint = ""
    config = ports = origin.get("CustomOriginConfig", {})
    if private := origin.get("VpcOriginConfig"):
        config, ports = private, backend.vpc_origins.get(private["VpcOriginId"]).config
        endpoint = ports["Arn"]
    return OriginView(
        **common,
        endpoint=endpoint,
        protocol=ports["OriginProtocolPolicy"],
        http_port=ports["HTTPPort"],
        https_port=ports["HTTPSPort"],
        read_timeout=config["OriginReadTimeout"],
    )


def _behavior(backend: CloudFrontMends, behavior: dict[str, Any]) -> BehaviorView:
    policies = {
        name: kind.get(behavior[f"{name}Id"]).config
        for name, kind in backend.policies.items()
        if behavior.get(f"{name}Id")
    }
    request = policies.get("OriginRequestPolicy")
    answer = policies.get("ResponseHeadersPolicy")
    return BehaviorView(
        pattern=behavior.get("PathPattern", "*"),
        origin=behavior["TargetOriginId"],
        viewer_protocol=behavior["ViewerProtocolPolicy"],
        methods=tuple(items(behavior["AllowedMethods"])),
        compress=behavior["Compress"],
        cache=_cache(policies["CachePolicy"]),
        request=_parts(request) if request else RequestParts(),
        answer=_answer(answer) if answer else AnswerHeadersView(),
    )


def _cache(policy: dict[str, Any]) -> CacheView:
    key = policy.get("ParametersInCacheKeyAndForwardedToOrigin", {})
    return CacheView(
        key=_parts(key),
        min_ttl=policy["MinTTL"],
        default_ttl=policy["DefaultTTL"],
        max_ttl=policy["MaxTTL"],
        gzip=key.get("EnableAcceptEncodingGzip", False),
        brotli=key.get("EnableAcceptEncodingBrotli", False),
    )


def _parts(policy: dict[str, Any]) -> RequestParts:
    return RequestParts(
        _selection(policy, "Header", "Headers"),
        _selection(policy, "Cookie", "Cookies"),
        _selection(policy, "QueryString", "QueryStrings"),
    )


def _selection(policy: dict[str, Any], one: str, several: str) -> Selection:
    config = policy.get(f"{several}Config", {})
    rule = config.get(f"{one}Behavior", "none")
    return Selection(_RULES.get(rule, rule), tuple(items(config.get(several))))


def _answer(policy: dict[str, Any]) -> AnswerHeadersView:
    custom = items(policy.get("CustomHeadersConfig"))
    return AnswerHeadersView(
        headers=(
            *_security(policy.get("SecurityHeadersConfig", {})),
            *(HeaderView(one["Header"], one["Value"], one["Override"]) for one in custom),
        ),
        removed=tuple(one["Header"] for one in items(policy.get("RemoveHeadersConfig"))),
        cors=_cors(policy["CorsConfig"]) if "CorsConfig" in policy else None,
    )


def _security(config: dict[str, Any]) -> list[HeaderView]:
    values: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
        "ContentTypeOptions": ("X-Content-Type-Options", lambda _: "nosniff"),
        "FrameOptions": ("X-Frame-Options", lambda given: given["FrameOption"]),
        "ReferrerPolicy": ("Referrer-Policy", lambda given: given["ReferrerPolicy"]),
        "ContentSecurityPolicy": (
            "Content-Security-Policy",
            lambda given: given["ContentSecurityPolicy"],
        ),
        "StrictTransportSecurity": ("Strict-Transport-Security", _transport_security),
        "XSSProtection": ("X-XSS-Protection", _xss_protection),
    }
    return [
        HeaderView(header, value(config[name]), config[name]["Override"])
        for name, (header, value) in values.items()
        if name in config
    ]


def _transport_security(given: dict[str, Any]) -> str:
    parts = [f"max-age={given['AccessControlMaxAgeSec']}"]
    parts += ["includeSubDomains"] if given.get("IncludeSubdomains") else []
    parts += ["preload"] if given.get("Preload") else []
    return "; ".join(parts)


def _xss_protection(given: dict[str, Any]) -> str:
    parts = ["1" if given["Protection"] else "0"]
    parts += ["mode=block"] if given.get("ModeBlock") else []
    parts += [f"report={given['ReportUri']}"] if given.get("ReportUri") else []
    return "; ".join(parts)


def _cors(config: dict[str, Any]) -> CorsView:
    methods = items(config["AccessControlAllowMethods"])
    if methods == ["ALL"]:
        methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    return CorsView(
        origins=tuple(items(config["AccessControlAllowOrigins"])),
        methods=", ".join(methods),
        allowed_headers=", ".join(items(config["AccessControlAllowHeaders"])),
        exposed_headers=", ".join(items(config.get("AccessControlExposeHeaders"))),
        credentials=config["AccessControlAllowCredentials"],
        max_age=config.get("AccessControlMaxAgeSec"),
        override=config["OriginOverride"],
    )


def _error_page(response: dict[str, Any]) -> ErrorPageView:
    return ErrorPageView(
        code=response["ErrorCode"],
        page=response.get("ResponsePagePath", ""),
        answer_code=int(response.get("ResponseCode") or 0),
        min_ttl=response.get("ErrorCachingMinTTL", 10),
    )
