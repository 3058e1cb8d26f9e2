# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration of a site's distribution: static files, and an application on some paths.

UpdateDistribution wants much that CreateDistribution does not, so everything is said here.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-overview-required-fields.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Policies that AWS manages have the same ids in every account.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"

SITE, BACKEND = "site", "backend"
INDEX = "index.html"
ORIGIN_HEADER = "X-Chatlift-Origin"
MINIMUM_TLS = "TLSv1.2_2021"

READ = ["HEAD", "GET"]
EVERY = ["HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH"]

# An application may think for a minute before it answers; connections to it are kept as long.
BACKEND_SECONDS = {"OriginReadTimeout": 60, "OriginKeepaliveTimeout": 60}
# CloudFront keeps an error for 10 s unless told otherwise; the backend may be back in the next.
TEMPORARY_ERRORS = (500, 502, 503, 504)
YEAR_SECONDS = 31536000

Config = dict


@dataclass(frozen=True)
class ErrorPage:
    """What is answered instead of an origin's error ``code``, and kept for ``seconds``."""

    code: int
    page: str
    respond_with: int
    seconds: int


@dataclass(frozen=True)
class Site:
    """A site. ``vpc_origin_id`` is empty for a load balancer that the internet reaches; to that one
    CloudFront shows ``origin_header``."""

    name: str
    domain: str
    certificate_arn: str
    bucket: str
    bucket_region: str
    release: str
    access_control_id: str
    headers_policy_id: str
    load_balancer: str
    vpc_origin_id: str
    origin_header: str
    backend_paths: tuple[str, ...]
    price_class: str
    error_pages: tuple[ErrorPage, ...]
    web_acl_arn: str
    logs_bucket: str
    logs_prefix: str

    def config(self) -> Config:
        return {
            "Comment": self.name,
            "Enabled": True,
            "Aliases": listed([self.domain]),
            "ViewerCertificate": {
                "CloudFrontDefaultCertificate": False,
                "ACMCertificateArn": self.certificate_arn,
                "SSLSupportMethod": "sni-only",
                "MinimumProtocolVersion": MINIMUM_TLS,
            },
            "HttpVersion": "http2and3",
            "IsIPV6Enabled": True,
            "PriceClass": self.price_class,
            "WebACLId": self.web_acl_arn,
            "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}},
            "DefaultRootObject": INDEX,
            "Origins": listed([self._bucket(), self._backend()]),
            "OriginGroups": listed([]),
            "DefaultCacheBehavior": self._behavior(
                SITE, READ, "redirect-to-https", CACHING_OPTIMIZED
            ),
            "CacheBehaviors": listed(
                [
                    {
                        "PathPattern": path,
                        **self._behavior(BACKEND, EVERY, "https-only", CACHING_DISABLED),
                        # Host too: it is the name in the load balancer's certificate.
                        "OriginRequestPolicyId": ALL_VIEWER,
                    }
                    for path in self.backend_paths
                ]
            ),
            "CustomErrorResponses": listed(self._errors()),
            "Logging": {
                "Enabled": bool(self.logs_bucket),
                "IncludeCookies": False,
                "Bucket": f"{self.logs_bucket}.s3.amazonaws.com" if self.logs_bucket else "",
                "Prefix": self.logs_prefix if self.logs_bucket else "",
            },
        }

    def _behavior(
        self, origin: str, methods: list[str], protocol: str, cache_policy: str
    ) -> Config:
        return {
            "TargetOriginId": origin,
            "ViewerProtocolPolicy": protocol,
            "AllowedMethods": {**listed(methods), "CachedMethods": listed(READ)},
            # The application compresses for itself; CloudFront does it only with what it may keep.
            "Compress": cache_policy == CACHING_OPTIMIZED,
            "CachePolicyId": cache_policy,
            "ResponseHeadersPolicyId": self.headers_policy_id,
            "TrustedSigners": {"Enabled": False, "Quantity": 0},
            "TrustedKeyGroups": {"Enabled": False, "Quantity": 0},
            "SmoothStreaming": False,
            "LambdaFunctionAssociations": listed([]),
            "FunctionAssociations": listed([]),
            "FieldLevelEncryptionId": "",
        }

    def _bucket(self) -> Config:
        return {
            **_origin(SITE, f"{self.bucket}.s3.{self.bucket_region}.amazonaws.com"),
            "OriginPath": _origin_path(self.release),
            "S3OriginConfig": {"OriginAccessIdentity": ""},
            "OriginAccessControlId": self.access_control_id,
        }

    def _backend(self) -> Config:
        origin = _origin(BACKEND, self.load_balancer)
        if self.vpc_origin_id:
            origin["VpcOriginConfig"] = {"VpcOriginId": self.vpc_origin_id, **BACKEND_SECONDS}
            return origin
        header = {"HeaderName": ORIGIN_HEADER, "HeaderValue": self.origin_header}
        return {
            **origin,
            "CustomHeaders": listed([header]),
            "CustomOriginConfig": {
                "HTTPPort": 80,
                "HTTPSPort": 443,
                "OriginProtocolPolicy": "https-only",
                "OriginSslProtocols": listed(["TLSv1.2"]),
                **BACKEND_SECONDS,
            },
        }

    def _errors(self) -> list[Config]:
        errors: dict[int, Config] = {
            code: {
                "ErrorCode": code,
                "ResponsePagePath": "",
                "ResponseCode": "",
                "ErrorCachingMinTTL": 0,
            }
            for code in TEMPORARY_ERRORS
        }
        for page in self.error_pages:
            errors[page.code] = {
                "ErrorCode": page.code,
                "ResponsePagePath": page.page,
                "ResponseCode": str(page.respond_with),
                "ErrorCachingMinTTL": page.seconds,
            }
        return [errors[code] for code in sorted(errors)]


def listed(items: list[Any]) -> Config:
    """A list as CloudFront has it."""
    return {"Quantity": len(items), "Items": items} if items else {"Quantity": 0}


def security_headers(content_security_policy: str) -> Config:
    """The part of a response-headers policy that protects those who look at a page.

    It is AWS's own SecurityHeadersPolicy, and beside it what the page may load. What the
    application says of itself goes before.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html
    """
    headers: Config = {
        "ContentTypeOptions": {"Override": True},
        "FrameOptions": {"Override": False, "FrameOption": "SAMEORIGIN"},
        "ReferrerPolicy": {"Override": False, "ReferrerPolicy": "strict-origin-when-cross-origin"},
        "StrictTransportSecurity": {
            "Override": False,
            "AccessControlMaxAgeSec": YEAR_SECONDS,
            "IncludeSubdomains": False,
            "Preload": False,
        },
        "XSSProtection": {"Override": False, "Protection": True, "ModeBlock": True},
    }
    if content_security_policy:
        headers["ContentSecurityPolicy"] = {
            "Override": False,
            "ContentSecurityPolicy": content_security_policy,
        }
    return headers


def shows(config: Config, release: str) -> bool:
    """Whether the configuration leads to this release."""
    paths = [origin["OriginPath"] for origin in config["Origins"]["Items"]]
    return _origin_path(release) in paths


def vpc_origin_ids(config: Config) -> list[str]:
    return [
        origin["VpcOriginConfig"]["VpcOriginId"]
        for origin in config["Origins"]["Items"]
        if "VpcOriginConfig" in origin
    ]


def comparable(value: Any) -> Any:
    """The same whatever the order of names and methods, which CloudFront does not keep."""
    if isinstance(value, dict):
        return {key: comparable(one) for key, one in value.items()}
    if isinstance(value, list):
        strings = all(isinstance(one, str) for one in value)
        return sorted(value) if strings else [comparable(one) for one in value]
    return value


def readable(value: Any) -> Any:
    """The same without the secret that CloudFront shows to the load balancer."""
    if isinstance(value, dict):
        return {
            key: "(secret)" if key == "HeaderValue" else readable(one) for key, one in value.items()
        }
    return [readable(one) for one in value] if isinstance(value, list) else value


def _origin_path(release: str) -> str:
    return f"/releases/{release}"


def _origin(name: str, domain: str) -> Config:
    return {
        "Id": name,
        "DomainName": domain,
        "OriginPath": "",
        "CustomHeaders": listed([]),
        "ConnectionAttempts": 3,
        "ConnectionTimeout": 10,
        "OriginShield": {"Enabled": False},
        "OriginAccessControlId": "",
    }
