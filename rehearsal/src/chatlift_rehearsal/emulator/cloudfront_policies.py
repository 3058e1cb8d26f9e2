"""Cache, origin-request and response-headers policies, which moto does not know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .cloudfront_managed import (
    CACHE_POLICIES,
    ORIGIN_REQUEST_POLICIES,
    RESPONSE_HEADERS_POLICIES,
)
from .cloudfront_resources import Versioned, page
from .errors import cloudfront_error

# https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CachePolicyConfig.html
_DEFAULT_TTL, _MAX_TTL = 86400, 31536000


@dataclass(frozen=True)
class Kind:
    """A kind of policy: its name in the API (``CachePolicy``), in URLs and in Python."""

    name: str
    path: str
    snake: str
    managed: dict[str, dict[str, Any]]
    complete: Callable[[dict[str, Any]], dict[str, Any]]


def _complete(config: dict[str, Any]) -> dict[str, Any]:
    return {"Comment": "", **config}


def _complete_cache(config: dict[str, Any]) -> dict[str, Any]:
    least = config["MinTTL"]
    default = config.get("DefaultTTL", max(_DEFAULT_TTL, least))
    most = config.get("MaxTTL", max(_MAX_TTL, default))
    if not least <= default <= most:
        raise cloudfront_error(
            "InvalidArgument",
            "The parameter MinTTL, DefaultTTL or MaxTTL is invalid: "
            "MinTTL must not exceed DefaultTTL, and DefaultTTL must not exceed MaxTTL.",
        )
    return _complete({**config, "DefaultTTL": default, "MaxTTL": most})


CACHE = Kind("CachePolicy", "cache-policy", "cache_polic", CACHE_POLICIES, _complete_cache)
ORIGIN_REQUEST = Kind(
    "OriginRequestPolicy",
    "origin-request-policy",
    "origin_request_polic",
    ORIGIN_REQUEST_POLICIES,
    _complete,
)
RESPONSE_HEADERS = Kind(
    "ResponseHeadersPolicy",
    "response-headers-policy",
    "response_headers_polic",
    RESPONSE_HEADERS_POLICIES,
    _complete,
)
KINDS = (CACHE, ORIGIN_REQUEST, RESPONSE_HEADERS)


class Policy(Versioned):
    """A policy; AWS's own cannot be changed."""

    def __init__(self, kind: Kind, config: dict[str, Any], managed_id: str | None = None) -> None:
        super().__init__(kind.complete(config), managed_id)
        self.kind = kind
        self.managed = managed_id is not None

    @property
    def described(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "Id": self.id,
            "LastModifiedTime": self.modified,
            f"{self.kind.name}Config": self.config,
        }


class Policies:
    """The policies of one kind; ``used`` says whether a distribution has the policy of an id."""

    def __init__(self, kind: Kind, used: Callable[[str, str], bool]) -> None:
        self._kind = kind
        self._used = used
        self._policies = {i: Policy(kind, config, i) for i, config in kind.managed.items()}

    def __contains__(self, policy_id: str) -> bool:
        return policy_id in self._policies

    def create(self, config: dict[str, Any]) -> Policy:
        self._require_free(config["Name"])
        policy = Policy(self._kind, config)
        self._policies[policy.id] = policy
        return policy

    def get(self, policy_id: str) -> Policy:
        if policy_id not in self._policies:
            raise cloudfront_error(
                f"NoSuch{self._kind.name}", f"The {self._kind.name} {policy_id} does not exist."
            )
        return self._policies[policy_id]

    def update(self, policy_id: str, config: dict[str, Any], if_match: str | None) -> Policy:
        policy = self.get(policy_id)
        if policy.managed:
            raise cloudfront_error("IllegalUpdate", "A managed policy cannot be updated.")
        if config["Name"] != policy.config["Name"]:
            self._require_free(config["Name"])
        policy.change(self._kind.complete(config), if_match)
        return policy

    def delete(self, policy_id: str, if_match: str | None) -> None:
        policy = self.get(policy_id)
        if policy.managed:
            raise cloudfront_error("IllegalDelete", "You cannot delete a managed policy.")
        policy.expect(if_match)
        if self._used(f"{self._kind.name}Id", policy_id):
            raise cloudfront_error(
                f"{self._kind.name}InUse",
                f"Cannot delete the {self._kind.name} because it is attached to one or more "
                "cache behaviors.",
            )
        del self._policies[policy_id]

    def listed(self, only: str | None, marker: str, most: int | None) -> dict[str, Any]:
        """A page of them; ``only`` is ``managed``, ``custom`` or None."""
        found = [p for p in self._policies.values() if only in (None, _type(p))]
        items = [{"Type": _type(p), self._kind.name: p.described} for p in found]
        return page(items, [p.id for p in found], marker, most)

    def _require_free(self, name: str) -> None:
        if any(policy.config["Name"] == name for policy in self._policies.values()):
            raise cloudfront_error(
                f"{self._kind.name}AlreadyExists",
                f"A {self._kind.name} with the name {name} already exists.",
            )


def _type(policy: Policy) -> str:
    return "managed" if policy.managed else "custom"
