"""The policies that AWS manages, by their ids and names.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html
"""

from __future__ import annotations

from typing import Any

_YEAR, _DAY = 31536000, 86400
_ORIGIN_CACHE_HEADERS = (
    "Host",
    "Origin",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
)
_CORS_REQUEST = ("Origin", "Access-Control-Request-Headers", "Access-Control-Request-Method")
_CLOUDFRONT_HEADERS = tuple(
    f"CloudFront-{name}"
    for name in (
        "Forwarded-Proto",
        "Is-Android-Viewer",
        "Is-Desktop-Viewer",
        "Is-IOS-Viewer",
        "Is-Mobile-Viewer",
        "Is-SmartTV-Viewer",
        "Is-Tablet-Viewer",
        "Viewer-ASN",
        "Viewer-Address",
        "Viewer-City",
        "Viewer-Country",
        "Viewer-Country-Name",
        "Viewer-Country-Region",
        "Viewer-Country-Region-Name",
        "Viewer-Http-Version",
        "Viewer-Latitude",
        "Viewer-Longitude",
        "Viewer-Metro-Code",
        "Viewer-Postal-Code",
        "Viewer-TLS",
        "Viewer-Time-Zone",
    )
)


def _items(*names: str) -> dict[str, Any]:
    return {"Quantity": len(names), "Items": list(names)}


def _cache(
    name: str,
    ttl: tuple[int, int, int],
    headers: tuple[str, ...] = (),
    cookies: str = "none",
    queries: str = "none",
    query_names: tuple[str, ...] = (),
    compress: tuple[bool, bool] = (True, True),
) -> dict[str, Any]:
    """``ttl`` is minimum, default and maximum; ``compress`` gzip and Brotli."""
    headers_config: dict[str, Any] = {"HeaderBehavior": "whitelist" if headers else "none"}
    if headers:
        headers_config["Headers"] = _items(*headers)
    queries_config: dict[str, Any] = {"QueryStringBehavior": queries}
    if query_names:
        queries_config["QueryStrings"] = _items(*query_names)
    return {
        "Name": name,
        "MinTTL": ttl[0],
        "DefaultTTL": ttl[1],
        "MaxTTL": ttl[2],
        "ParametersInCacheKeyAndForwardedToOrigin": {
            "EnableAcceptEncodingGzip": compress[0],
            "EnableAcceptEncodingBrotli": compress[1],
            "HeadersConfig": headers_config,
            "CookiesConfig": {"CookieBehavior": cookies},
            "QueryStringsConfig": queries_config,
        },
    }


def _request(
    name: str,
    headers: str,
    names: tuple[str, ...] = (),
    cookies: str = "none",
    queries: str = "none",
) -> dict[str, Any]:
    headers_config: dict[str, Any] = {"HeaderBehavior": headers}
    if names:
        headers_config["Headers"] = _items(*names)
    return {
        "Name": name,
        "HeadersConfig": headers_config,
        "CookiesConfig": {"CookieBehavior": cookies},
        "QueryStringsConfig": {"QueryStringBehavior": queries},
    }


_SIMPLE_CORS = {
    "AccessControlAllowOrigins": _items("*"),
    "AccessControlAllowHeaders": {"Quantity": 0},
    "AccessControlAllowMethods": _items("GET", "HEAD"),
    "AccessControlAllowCredentials": False,
    "AccessControlExposeHeaders": {"Quantity": 0},
    "OriginOverride": False,
}
_PREFLIGHT_CORS = {
    "AccessControlAllowOrigins": _items("*"),
    "AccessControlAllowHeaders": _items("*"),
    "AccessControlAllowMethods": _items("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"),
    "AccessControlAllowCredentials": False,
    "AccessControlExposeHeaders": _items("*"),
    "OriginOverride": False,
}
_SECURITY = {
    "XSSProtection": {"Override": False, "Protection": True, "ModeBlock": True},
    "FrameOptions": {"Override": False, "FrameOption": "SAMEORIGIN"},
    "ReferrerPolicy": {"Override": False, "ReferrerPolicy": "strict-origin-when-cross-origin"},
    "ContentTypeOptions": {"Override": True},
    "StrictTransportSecurity": {"Override": False, "AccessControlMaxAgeSec": _YEAR},
}


CACHE_POLICIES = {
    "2e54312d-136d-493c-8eb9-b001f22f67d2": _cache(
        "Managed-Amplify",
        (2, 2, 600),
        ("Authorization", "CloudFront-Viewer-Country", "Host"),
        cookies="all",
        queries="all",
    ),
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": _cache(
        "Managed-CachingDisabled", (0, 0, 0), compress=(False, False)
    ),
    "658327ea-f89d-4fab-a63d-7e88639e58f6": _cache("Managed-CachingOptimized", (1, _DAY, _YEAR)),
    "b2884449-e4de-46a7-ac36-70bc7f1ddd6d": _cache(
        "Managed-CachingOptimizedForUncompressedObjects", (1, _DAY, _YEAR), compress=(False, False)
    ),
    "08627262-05a9-4f76-9ded-b50ca2e3a84f": _cache(
        "Managed-Elemental-MediaPackage",
        (0, _DAY, _YEAR),
        ("Origin",),
        queries="whitelist",
        query_names=("aws.manifestfilter", "start", "end", "m"),
        compress=(True, False),
    ),
    "83da9c7e-98b4-4e11-a168-04f0df8e2c65": _cache(
        "UseOriginCacheControlHeaders", (0, 0, _YEAR), _ORIGIN_CACHE_HEADERS, cookies="all"
    ),
    "4cc15a8a-d715-48a4-82b8-cc0b614638fe": _cache(
        "UseOriginCacheControlHeaders-QueryStrings",
        (0, 0, _YEAR),
        _ORIGIN_CACHE_HEADERS,
        cookies="all",
        queries="all",
    ),
}

ORIGIN_REQUEST_POLICIES = {
    "216adef6-5c7f-47e4-b989-5492eafa07d3": _request(
        "Managed-AllViewer", "allViewer", cookies="all", queries="all"
    ),
    "33f36d7e-f396-46d9-90e0-52428a34d9dc": _request(
        "Managed-AllViewerAndCloudFrontHeaders-2022-06",
        "allViewerAndWhitelistCloudFront",
        _CLOUDFRONT_HEADERS,
        cookies="all",
        queries="all",
    ),
    "b689b0a8-53d0-40ab-baf2-68738e2966ac": _request(
        "Managed-AllViewerExceptHostHeader", "allExcept", ("Host",), cookies="all", queries="all"
    ),
    "59781a5b-3903-41f3-afcb-af62929ccde1": _request(
        "Managed-CORS-CustomOrigin", "whitelist", ("Origin",)
    ),
    "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf": _request(
        "Managed-CORS-S3Origin", "whitelist", _CORS_REQUEST
    ),
    "775133bc-15f2-49f9-abea-afb2e0bf67d2": _request(
        "Managed-Elemental-MediaTailor-PersonalizedManifests",
        "whitelist",
        (*_CORS_REQUEST, "User-Agent", "X-Forwarded-For"),
        queries="all",
    ),
    "bf0718e1-ba1e-49d1-88b1-f726733018ae": _request(
        "Managed-HostHeaderOnly", "whitelist", ("Host",)
    ),
    "acba4595-bd28-49b8-b9fe-13317c0390fa": _request(
        "Managed-UserAgentRefererHeaders", "whitelist", ("User-Agent", "Referer")
    ),
}

RESPONSE_HEADERS_POLICIES: dict[str, dict[str, Any]] = {
    "60669652-455b-4ae9-85a4-c4c02393f86c": {
        "Name": "Managed-SimpleCORS",
        "CorsConfig": _SIMPLE_CORS,
    },
    "5cc3b908-e619-4b99-88e5-2cf7f45965bd": {
        "Name": "Managed-CORS-With-Preflight",
        "CorsConfig": _PREFLIGHT_CORS,
    },
    "67f7725c-6f97-4210-82d7-5512b31e9d03": {
        "Name": "Managed-SecurityHeadersPolicy",
        "SecurityHeadersConfig": _SECURITY,
    },
    "e61eb60c-9c35-4d20-a928-2b84e02af89c": {
        "Name": "Managed-CORS-and-SecurityHeadersPolicy",
        "CorsConfig": _SIMPLE_CORS,
        "SecurityHeadersConfig": _SECURITY,
    },
    "eaab4381-ed33-4a86-88ca-d9558dc6cd63": {
        "Name": "Managed-CORS-with-preflight-and-SecurityHeadersPolicy",
        "CorsConfig": _PREFLIGHT_CORS,
        "SecurityHeadersConfig": _SECURITY,
    },
}
