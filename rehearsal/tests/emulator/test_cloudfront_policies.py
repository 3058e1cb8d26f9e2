"""Cache, origin-request and response-headers policies."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from .sites import CACHING_OPTIMIZED, behavior, config, items

CACHE = {
    "Name": "short",
    "MinTTL": 0,
    "DefaultTTL": 5,
    "MaxTTL": 10,
    "ParametersInCacheKeyAndForwardedToOrigin": {
        "EnableAcceptEncodingGzip": True,
        "EnableAcceptEncodingBrotli": True,
        "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": items("Origin")},
        "CookiesConfig": {"CookieBehavior": "none"},
        "QueryStringsConfig": {"QueryStringBehavior": "all"},
    },
}
REQUEST = {
    "Name": "all",
    "HeadersConfig": {"HeaderBehavior": "allViewer"},
    "CookiesConfig": {"CookieBehavior": "all"},
    "QueryStringsConfig": {"QueryStringBehavior": "all"},
}
HEADERS = {
    "Name": "strict",
    "SecurityHeadersConfig": {
        "ContentTypeOptions": {"Override": True},
        "ContentSecurityPolicy": {"Override": True, "ContentSecurityPolicy": "default-src 'self'"},
    },
    "CustomHeadersConfig": items({"Header": "X-A", "Value": "1", "Override": False}),
    "RemoveHeadersConfig": items({"Header": "Server"}),
}
KINDS = [
    ("cache", "ies", "CachePolicy", CACHE),
    ("origin_request", "ies", "OriginRequestPolicy", REQUEST),
    ("response_headers", "ies", "ResponseHeadersPolicy", HEADERS),
]


@pytest.fixture
def cdn(cloud: Any) -> Any:
    return cloud.client("cloudfront")


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=rf"\({code}\)")


@pytest.mark.parametrize(("snake", "plural", "name", "given"), KINDS)
def test_life_of_a_policy(cdn: Any, snake: str, plural: str, name: str, given: Any) -> None:
    def call(verb: str, end: str = "y", **parameters: Any) -> Any:
        return getattr(cdn, f"{verb}_{snake}_polic{end}")(**parameters)

    own = f"{name}Config"
    made = call("create", **{own: given})
    policy = made[name]["Id"]
    assert made[name][own] == {"Comment": "", **given}
    with refused(f"{name}AlreadyExists"):
        call("create", **{own: given})
    changed = call("update", Id=policy, IfMatch=made["ETag"], **{own: {**given, "Comment": "x"}})
    assert call("get", "y_config", Id=policy)[own]["Comment"] == "x"
    with refused("PreconditionFailed"):
        call("update", Id=policy, IfMatch=made["ETag"], **{own: given})
    listed = call("list", plural, Type="custom")[f"{name}List"]
    assert [item[name]["Id"] for item in listed["Items"]] == [policy]
    call("delete", Id=policy, IfMatch=changed["ETag"])
    with refused(f"NoSuch{name}"):
        call("get", Id=policy)
    assert call("list", plural, Type="custom")[f"{name}List"]["Quantity"] == 0


def test_managed_policies_are_there_and_stay(cdn: Any) -> None:
    listed = cdn.list_cache_policies(Type="managed")["CachePolicyList"]["Items"]
    ids = {
        item["CachePolicy"]["CachePolicyConfig"]["Name"]: item["CachePolicy"]["Id"]
        for item in listed
    }
    assert ids["Managed-CachingOptimized"] == CACHING_OPTIMIZED
    found = cdn.get_cache_policy(Id=CACHING_OPTIMIZED)
    assert found["CachePolicy"]["CachePolicyConfig"]["DefaultTTL"] == 86400
    with refused("IllegalDelete"):
        cdn.delete_cache_policy(Id=CACHING_OPTIMIZED, IfMatch=found["ETag"])
    with refused("IllegalUpdate"):
        cdn.update_cache_policy(
            Id=CACHING_OPTIMIZED, IfMatch=found["ETag"], CachePolicyConfig=CACHE
        )


def test_list_comes_in_pages(cdn: Any) -> None:
    first = cdn.list_origin_request_policies(MaxItems="6")["OriginRequestPolicyList"]
    rest = cdn.list_origin_request_policies(Marker=first["NextMarker"])["OriginRequestPolicyList"]
    assert (first["Quantity"], rest["Quantity"], "NextMarker" in rest) == (6, 2, False)


def test_policy_in_use_is_kept(cdn: Any) -> None:
    made = cdn.create_cache_policy(CachePolicyConfig=CACHE)
    policy = made["CachePolicy"]["Id"]
    cdn.create_distribution(DistributionConfig=config(DefaultCacheBehavior=behavior(cache=policy)))
    with refused("CachePolicyInUse"):
        cdn.delete_cache_policy(Id=policy, IfMatch=made["ETag"])


def test_times_to_live_are_in_order(cdn: Any) -> None:
    with refused("InvalidArgument"):
        cdn.create_cache_policy(CachePolicyConfig={**CACHE, "MinTTL": 7})
