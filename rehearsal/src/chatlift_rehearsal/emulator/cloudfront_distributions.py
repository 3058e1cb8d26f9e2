"""Distributions, their invalidations, and what signs their requests to origins."""

from __future__ import annotations

from typing import Any

from moto.cloudfront.models import random_id
from moto.core.utils import utcnow

from . import state
from .cloudfront_config import items
from .cloudfront_resources import Versioned
from .delays import delays


class Distribution(Versioned):
    """A distribution; a change takes its time to reach every edge location."""

    def __init__(self, account_id: str, config: dict[str, Any], address: str) -> None:
        super().__init__(config, f"E{random_id()}")
        self.arn = f"arn:aws:cloudfront::{account_id}:distribution/{self.id}"
        self.address = address
        self.domain_name = f"d{random_id(uppercase=False)}.cloudfront.net"
        self.invalidations: dict[str, Invalidation] = {}
        self.deploy()

    def deploy(self) -> None:
        """Begin to bring the configuration to the edge locations."""
        self.status = "InProgress"
        self.deployed_at = state.now() + delays.distribution

    @property
    def described(self) -> dict[str, Any]:
        """As the API shows it."""
        running = [i for i in self.invalidations.values() if i.status != "Completed"]
        return {
            "Id": self.id,
            "ARN": self.arn,
            "Status": self.status,
            "LastModifiedTime": self.modified,
            "InProgressInvalidationBatches": len(running),
            "DomainName": self.domain_name,
            "ActiveTrustedSigners": {"Enabled": False, "Quantity": 0},
            "ActiveTrustedKeyGroups": {"Enabled": False, "Quantity": 0},
            "DistributionConfig": self.config,
            "AliasICPRecordals": [
                {"CNAME": alias, "ICPRecordalStatus": "APPROVED"}
                for alias in items(self.config["Aliases"])
            ],
        }

    @property
    def summary(self) -> dict[str, Any]:
        """As a list shows it."""
        return {**self.config, **self.described, "ETag": self.etag}


class Invalidation:
    """Paths that the edge locations are to forget."""

    def __init__(self, paths: list[str], reference: str) -> None:
        self.id = f"I{random_id()}"
        self.created = utcnow()
        self.paths = paths
        self.reference = reference
        self.status = "InProgress"
        self.completed_at = state.now() + delays.invalidation

    @property
    def described(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "Id": self.id,
            "Status": self.status,
            "CreateTime": self.created,
            "InvalidationBatch": {
                "Paths": {"Quantity": len(self.paths), "Items": self.paths},
                "CallerReference": self.reference,
            },
        }


class AccessControl(Versioned):
    """An origin access control: how distributions sign what they ask of an origin."""

    @property
    def described(self) -> dict[str, Any]:
        """As the API shows it."""
        return {"Id": self.id, "OriginAccessControlConfig": self.config}
