"""A distribution's configuration: what AWS adds to it, and what it refuses.

https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from .errors import cloudfront_error

_NONE: dict[str, Any] = {"Quantity": 0}
_READ = {"Quantity": 2, "Items": ["HEAD", "GET"]}
_CONFIG: dict[str, Any] = {
    "Aliases": _NONE,
    "DefaultRootObject": "",
    "OriginGroups": _NONE,
    "CacheBehaviors": _NONE,
    "CustomErrorResponses": _NONE,
    "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
    "PriceClass": "PriceClass_All",
    "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
    "WebACLId": "",
    "HttpVersion": "http2",
    "IsIPV6Enabled": True,
    "ContinuousDeploymentPolicyId": "",
    "Staging": False,
}
_BEHAVIOR: dict[str, Any] = {
    "TrustedSigners": {"Enabled": False, "Quantity": 0},
    "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
    "AllowedMethods": {**_READ, "CachedMethods": _READ},
    "SmoothStreaming": False,
    "Compress": False,
    "LambdaFunctionAssociations": _NONE,
    "FunctionAssociations": _NONE,
    "FieldLevelEncryptionId": "",
    "GrpcConfig": {"Enabled": False},
}
_ORIGIN: dict[str, Any] = {
    "OriginPath": "",
    "CustomHeaders": _NONE,
    "ConnectionAttempts": 3,
    "ConnectionTimeout": 10,
    "OriginShield": {"Enabled": False},
    "OriginAccessControlId": "",
}
_TIMEOUTS = {"OriginReadTimeout": 30, "OriginKeepaliveTimeout": 5}
_TYPES = ("S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig")
_OWN_CERTIFICATE = {
    "CloudFrontDefaultCertificate": True,
    "SSLSupportMethod": "vip",
    "MinimumProtocolVersion": "TLSv1",
    "CertificateSource": "cloudfront",
}
_ERROR_CODES = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}
_METHODS = {
    frozenset({"HEAD", "GET"}),
    frozenset({"HEAD", "GET", "OPTIONS"}),
    frozenset({"HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH"}),
}


def complete(given: dict[str, Any]) -> dict[str, Any]:
    """The configuration with everything that AWS answers though nobody said it."""
    config = deepcopy({**_CONFIG, **given})
    config["DefaultCacheBehavior"] = _behavior(config["DefaultCacheBehavior"])
    for name, complete_one in (("CacheBehaviors", _behavior), ("Origins", _origin)):
        if items := config[name].get("Items"):
            config[name]["Items"] = [complete_one(item) for item in items]
    config["ViewerCertificate"] = _certificate(config.get("ViewerCertificate", {}))
    return config


def _behavior(given: dict[str, Any]) -> dict[str, Any]:
    behavior = deepcopy({**_BEHAVIOR, **given})
    behavior["AllowedMethods"].setdefault("CachedMethods", deepcopy(_READ))
    return behavior


def _origin(given: dict[str, Any]) -> dict[str, Any]:
    origin = deepcopy({**_ORIGIN, **given})
    for name in _TYPES[1:]:
        if name in origin:
            origin[name] = {**_TIMEOUTS, **origin[name]}
    return origin


def _certificate(given: dict[str, Any]) -> dict[str, Any]:
    arn = given.get("ACMCertificateArn")
    if not arn:
        return dict(_OWN_CERTIFICATE)
    return {
        "MinimumProtocolVersion": "TLSv1.2_2021",
        **given,
        "CloudFrontDefaultCertificate": False,
        "Certificate": arn,
        "CertificateSource": "acm",
    }


def items(group: dict[str, Any] | None) -> list[Any]:
    """The items of one of CloudFront's lists, which has none of that name when it is empty."""
    return list((group or {}).get("Items") or [])


def behaviors(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Every behavior, the default one last."""
    return [*items(config.get("CacheBehaviors")), config["DefaultCacheBehavior"]]


def check(config: dict[str, Any]) -> None:
    """Refuse what is wrong in itself, whatever else there is in the account."""
    _check_quantities(config)
    if config["DefaultRootObject"].startswith("/"):
        raise cloudfront_error(
            "InvalidDefaultRootObject", "The default root object must not begin with a slash."
        )
    for origin in items(config["Origins"]):
        _check_origin(origin)
    ids = {origin["Id"] for origin in items(config["Origins"])}
    ids |= {group["Id"] for group in items(config["OriginGroups"])}
    for behavior in behaviors(config):
        _check_behavior(behavior, ids)
    for response in items(config["CustomErrorResponses"]):
        _check_error_response(response)


def _check_quantities(value: Any) -> None:
    for group in _groups(value):
        if group["Quantity"] != len(items(group)):
            raise cloudfront_error(
                "InconsistentQuantities",
                "The value of Quantity and the size of Items don't match.",
            )


def _groups(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "Quantity" in value:
            yield value
        for inner in value.values():
            yield from _groups(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _groups(inner)


def _check_origin(origin: dict[str, Any]) -> None:
    if sum(name in origin for name in _TYPES) != 1:
        raise cloudfront_error(
            "InvalidArgument",
            "The parameter Origin is invalid: it must have exactly one of S3OriginConfig, "
            "CustomOriginConfig and VpcOriginConfig.",
        )
    path = origin["OriginPath"]
    if path and (not path.startswith("/") or path.endswith("/")):
        raise cloudfront_error(
            "InvalidArgument",
            "The parameter OriginPath is invalid: it must begin with a slash and not end with one.",
        )
    if "S3OriginConfig" in origin and not origin["DomainName"].endswith(".amazonaws.com"):
        raise cloudfront_error(
            "InvalidArgument",
            "The parameter Origin DomainName does not refer to a valid S3 bucket.",
        )


def _check_behavior(behavior: dict[str, Any], origins: set[str]) -> None:
    if behavior["TargetOriginId"] not in origins:
        raise cloudfront_error(
            "NoSuchOrigin", "One or more of your origins or origin groups do not exist."
        )
    if "CachePolicyId" not in behavior or "ForwardedValues" in behavior:
        # AWS still takes ForwardedValues, from before there were policies.
        raise cloudfront_error("InvalidArgument", "The parameter CachePolicyId is required.")
    if frozenset(items(behavior["AllowedMethods"])) not in _METHODS:
        raise cloudfront_error("InvalidArgument", "The parameter AllowedMethods is invalid.")


def _check_error_response(response: dict[str, Any]) -> None:
    if response["ErrorCode"] not in _ERROR_CODES:
        raise cloudfront_error("InvalidErrorCode", "The error code specified is not valid.")
    page, code = response.get("ResponsePagePath", ""), response.get("ResponseCode", "")
    if bool(page) != bool(code) or (page and not page.startswith("/")):
        raise cloudfront_error(
            "InvalidResponseCode",
            "A response code and a response page path that begins with a slash belong together.",
        )
