"""VPC origins: private load balancers and instances that distributions reach.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-vpc-origins.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import state
from .cloudfront_resources import Versioned, page
from .delays import delays
from .errors import cloudfront_error

_PROTOCOLS = {"Quantity": 1, "Items": ["TLSv1.2"]}


class VpcOrigin(Versioned):
    """A VPC origin; a change takes its time to reach every edge location."""

    def __init__(self, account_id: str, config: dict[str, Any]) -> None:
        super().__init__(_complete(config))
        self.id = f"vo_{self.id}"
        self.account_id = account_id
        self.arn = f"arn:aws:cloudfront::{account_id}:vpcorigin/{self.id}"
        self.become("Deploying")

    def become(self, status: str) -> None:
        """Begin something that ends after a while."""
        self.status = status
        self.ends = state.now() + delays.vpc_origin

    @property
    def described(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "Id": self.id,
            "Arn": self.arn,
            "AccountId": self.account_id,
            "Status": self.status,
            "CreatedTime": self.created,
            "LastModifiedTime": self.modified,
            "VpcOriginEndpointConfig": self.config,
        }

    @property
    def summary(self) -> dict[str, Any]:
        """As a list shows it."""
        config = {"Name": self.config["Name"], "OriginEndpointArn": self.config["Arn"]}
        return {**self.described, **config}


def _complete(config: dict[str, Any]) -> dict[str, Any]:
    return {"OriginSslProtocols": _PROTOCOLS, "IpAddressType": "ipv4", **config}


class VpcOrigins:
    """Those of an account.

    ``used`` says whether a distribution has the origin of an id, ``is_ready`` whether there is an
    active load balancer or a running instance of an ARN.
    """

    def __init__(
        self, account_id: str, used: Callable[[str], bool], is_ready: Callable[[str], bool]
    ) -> None:
        self._account_id = account_id
        self._used = used
        self._is_ready = is_ready
        self._origins: dict[str, VpcOrigin] = {}

    def all(self) -> list[VpcOrigin]:
        """Every VPC origin."""
        return list(self._origins.values())

    def create(self, config: dict[str, Any]) -> VpcOrigin:
        self._check(config)
        origin = VpcOrigin(self._account_id, config)
        self._origins[origin.id] = origin
        return origin

    def get(self, origin_id: str) -> VpcOrigin:
        if origin_id not in self._origins:
            raise cloudfront_error("EntityNotFound", "The specified VPC origin does not exist.")
        return self._origins[origin_id]

    def update(self, origin_id: str, config: dict[str, Any], if_match: str | None) -> VpcOrigin:
        origin = self.get(origin_id)
        origin.expect(if_match)
        self._require_free_hands(origin)
        if self._used(origin_id):
            raise cloudfront_error(
                "CannotUpdateEntityWhileInUse",
                "The VPC origin cannot be updated while it is in use.",
            )
        self._check(config, origin)
        origin.change(_complete(config), if_match)
        origin.become("Deploying")
        return origin

    def delete(self, origin_id: str, if_match: str | None) -> VpcOrigin:
        origin = self.get(origin_id)
        origin.expect(if_match)
        if self._used(origin_id):
            raise cloudfront_error(
                "CannotDeleteEntityWhileInUse",
                "The VPC origin cannot be deleted while it is in use by a distribution.",
            )
        self._require_free_hands(origin)
        origin.become("Deleting")
        return origin

    def listed(self, marker: str, most: int | None) -> dict[str, Any]:
        return page([o.summary for o in self.all()], list(self._origins), marker, most)

    def step(self) -> None:
        """End what has taken its time."""
        for origin in self.all():
            if origin.status == "Deployed" or origin.ends > state.now():
                continue
            if origin.status == "Deleting":
                del self._origins[origin.id]
            else:
                origin.status = "Deployed"

    def _require_free_hands(self, origin: VpcOrigin) -> None:
        if origin.status != "Deployed":
            raise cloudfront_error(
                "IllegalUpdate" if origin.status == "Deploying" else "EntityNotFound",
                f"The VPC origin {origin.id} is {origin.status}: wait until it is Deployed.",
            )

    def _check(self, config: dict[str, Any], own: VpcOrigin | None = None) -> None:
        if not self._is_ready(config["Arn"]):
            raise cloudfront_error(
                "InvalidArgument",
                f"The parameter Arn is invalid: there is no active load balancer or running "
                f"instance {config['Arn']}.",
            )
        if any(o is not own and o.config["Name"] == config["Name"] for o in self.all()):
            raise cloudfront_error(
                "EntityAlreadyExists", f"A VPC origin named {config['Name']} already exists."
            )
