# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a stack has in CloudFront: an origin access control, a response-headers policy, a VPC origin
and a distribution."""

from __future__ import annotations

import re
import time
from typing import Any, Callable

from ansible_collections.chatlift.aws.plugins.module_utils import layout
from ansible_collections.chatlift.aws.plugins.module_utils.changes import UNKNOWN, Changes
from ansible_collections.chatlift.aws.plugins.module_utils.distribution_config import (
    Config,
    comparable,
    readable,
    security_headers,
    shows,
)
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    at_most_one,
    error_code,
    holds,
    retry_while,
    tag_dict,
    tag_list,
    wait_until,
)

# The release that every edge location shows: that of the configuration, once it is deployed and
# what was kept of the one before is forgotten.
RELEASE_TAG = "chatlift:release"

IN_USE = (
    "CannotDeleteEntityWhileInUse",
    "OriginAccessControlInUse",
    "ResponseHeadersPolicyInUse",
)


class Cdn:
    """The resources of a stack in CloudFront, found by their names."""

    def __init__(self, cloudfront: Any, changes: Changes, stack: str, timeout: float) -> None:
        self.client = cloudfront
        self.changes = changes
        self.stack = stack
        self.timeout = timeout
        self.name = f"chatlift-{stack}"

    # The origin access control, by which CloudFront reads the bucket.

    def ensure_access_control(self) -> str:
        wanted = {
            "Name": self.name,
            "Description": f"The front end of the stack {self.stack}",
            "OriginAccessControlOriginType": "s3",
            "SigningBehavior": "always",
            "SigningProtocol": "sigv4",
        }
        found = self._access_control()
        if found is None:
            made = self.changes.apply(
                "origin access control",
                None,
                wanted,
                self.client.create_origin_access_control,
                OriginAccessControlConfig=wanted,
            )
            return str(made.get("OriginAccessControl", {}).get("Id", UNKNOWN))
        if not holds(found, wanted):
            self.changes.apply(
                "origin access control",
                {key: found.get(key) for key in wanted},
                wanted,
                self.client.update_origin_access_control,
                Id=found["Id"],
                OriginAccessControlConfig=wanted,
                IfMatch=self.client.get_origin_access_control(Id=found["Id"])["ETag"],
            )
        return str(found["Id"])

    def delete_access_control(self) -> None:
        found = self._access_control()
        if found is not None:
            self.changes.apply(
                "origin access control",
                "present",
                None,
                self._delete_when_unused,
                delete=self.client.delete_origin_access_control,
                what="the origin access control",
                Id=found["Id"],
                IfMatch=self.client.get_origin_access_control(Id=found["Id"])["ETag"],
            )

    def _access_control(self) -> dict[str, Any] | None:
        listed = self._list("list_origin_access_controls", "OriginAccessControlList")
        return at_most_one(
            [one for one in listed if one["Name"] == self.name],
            f"the origin access control {self.name}",
        )

    # The response-headers policy: what browsers are told to be strict about.

    def ensure_headers_policy(self, content_security_policy: str) -> str:
        wanted: Config = {
            "Name": self.name,
            "Comment": f"The pages of the stack {self.stack}",
            "SecurityHeadersConfig": security_headers(content_security_policy),
        }
        found = self._headers_policy()
        if found is None:
            made = self.changes.apply(
                "response-headers policy",
                None,
                wanted,
                self.client.create_response_headers_policy,
                ResponseHeadersPolicyConfig=wanted,
            )
            return str(made.get("ResponseHeadersPolicy", {}).get("Id", UNKNOWN))
        config = found["ResponseHeadersPolicyConfig"]
        # A header that is wanted no longer is a difference, too.
        headers = config.get("SecurityHeadersConfig", {}).keys()
        if headers != wanted["SecurityHeadersConfig"].keys() or not holds(config, wanted):
            self.changes.apply(
                "response-headers policy",
                {key: config.get(key) for key in wanted},
                wanted,
                self.client.update_response_headers_policy,
                Id=found["Id"],
                ResponseHeadersPolicyConfig=wanted,
                IfMatch=self.client.get_response_headers_policy(Id=found["Id"])["ETag"],
            )
        return str(found["Id"])

    def delete_headers_policy(self) -> None:
        found = self._headers_policy()
        if found is not None:
            self.changes.apply(
                "response-headers policy",
                "present",
                None,
                self._delete_when_unused,
                delete=self.client.delete_response_headers_policy,
                what="the response-headers policy",
                Id=found["Id"],
                IfMatch=self.client.get_response_headers_policy(Id=found["Id"])["ETag"],
            )

    def _headers_policy(self) -> dict[str, Any] | None:
        listed = [
            one["ResponseHeadersPolicy"]
            for one in self._list(
                "list_response_headers_policies", "ResponseHeadersPolicyList", Type="custom"
            )
        ]
        return at_most_one(
            [one for one in listed if one["ResponseHeadersPolicyConfig"]["Name"] == self.name],
            f"the response-headers policy {self.name}",
        )

    # The VPC origin, by which CloudFront reaches an internal load balancer. One that is in use
    # cannot change, so another load balancer gets another VPC origin.

    def ensure_vpc_origin(self, load_balancer_arn: str) -> str:
        """The id of the load balancer's VPC origin, which is deployed: only then may a distribution
        name it."""
        found = next(
            (one for one in self._vpc_origins() if one["OriginEndpointArn"] == load_balancer_arn),
            None,
        )
        if found is None:
            wanted = {
                "Name": layout.resource_name(self.stack, load_balancer_arn.rpartition("/")[2]),
                "Arn": load_balancer_arn,
                "HTTPPort": 80,
                "HTTPSPort": 443,
                "OriginProtocolPolicy": "https-only",
                "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
            }
            made = self.changes.apply(
                "VPC origin",
                None,
                wanted,
                self.client.create_vpc_origin,
                VpcOriginEndpointConfig=wanted,
                Tags={"Items": tag_list(layout.tags(self.stack, self.name))},
            )
            found = made.get("VpcOrigin", {"Id": UNKNOWN, "Status": "Deployed"})
        origin_id = str(found["Id"])
        if found["Status"] != "Deployed" and not self.changes.check_mode:
            wait_until(
                lambda: self.client.get_vpc_origin(Id=origin_id)["VpcOrigin"],
                lambda seen: seen["Status"] == "Deployed",
                what=f"the VPC origin {origin_id} to be deployed",
                timeout=self.timeout,
                describe=lambda seen: seen["Status"],
                link="VPC origin",
                began=lambda seen: seen["CreatedTime"],
            )
        return origin_id

    def delete_vpc_origins(self, kept: list[str]) -> None:
        """Delete the stack's other VPC origins, with their interfaces in the VPC."""
        origins = [one for one in self._vpc_origins() if one["Id"] not in kept]
        for origin in origins:
            self.changes.apply(
                f"VPC origin {origin['Name']}",
                "present",
                None,
                self._delete_vpc_origin,
                origin=origin,
            )

    def _delete_vpc_origin(self, origin: dict[str, Any]) -> None:
        if origin["Status"] != "Deleting":
            self._delete_when_unused(
                self.client.delete_vpc_origin,
                f"the VPC origin {origin['Name']}",
                Id=origin["Id"],
                IfMatch=self.client.get_vpc_origin(Id=origin["Id"])["ETag"],
            )
        wait_until(
            lambda: [one["Status"] for one in self._vpc_origins() if one["Id"] == origin["Id"]],
            lambda statuses: not statuses,
            what=f"the VPC origin {origin['Name']} to be gone",
            timeout=self.timeout,
        )

    def _vpc_origins(self) -> list[dict[str, Any]]:
        # The last part is that of a load balancer's ARN.
        name = re.compile(rf"{re.escape(self.name)}-[0-9a-f]{{16}}")
        listed = self._list("list_vpc_origins", "VpcOriginList")
        return [one for one in listed if name.fullmatch(one["Name"])]

    # The distribution.

    def find(self) -> dict[str, Any] | None:
        """The distribution as GetDistribution describes it, with its ``ETag`` and ``Tags``."""
        listed = self._list("list_distributions", "DistributionList")
        summary = at_most_one(
            [one for one in listed if one["Comment"] == self.name],
            f"the distribution with the comment {self.name}",
        )
        if summary is None:
            return None
        answer = self.client.get_distribution(Id=summary["Id"])
        tags = self.client.list_tags_for_resource(Resource=summary["ARN"])["Tags"]["Items"]
        return {**answer["Distribution"], "ETag": answer["ETag"], "Tags": tag_dict(tags)}

    def ensure_distribution(self, wanted: Config, release: str) -> dict[str, Any]:
        """Make the distribution or update it; not all edge locations know of it at once."""
        found = self.find()
        if found is None:
            # Nothing of an earlier release is kept anywhere.
            tags = {**layout.tags(self.stack, self.name), RELEASE_TAG: release}
            made = self.changes.apply(
                "distribution",
                None,
                readable(wanted),
                self.client.create_distribution_with_tags,
                DistributionConfigWithTags={
                    # At most one of these ever succeeds.
                    "DistributionConfig": {
                        "CallerReference": f"{self.name}-{time.time_ns()}",
                        **wanted,
                    },
                    "Tags": {"Items": tag_list(tags)},
                },
            )
            unknown = {"Id": UNKNOWN, "ARN": UNKNOWN, "DomainName": UNKNOWN, "Status": UNKNOWN}
            return {**made.get("Distribution", unknown), "Tags": tags}
        self._tag(found, layout.tags(self.stack, self.name))
        current = found["DistributionConfig"]
        differing = [
            key
            for key, value in wanted.items()
            if not holds(comparable(current.get(key)), comparable(value))
        ]
        if not differing:
            return found
        made = self.changes.apply(
            "distribution",
            readable({key: current.get(key) for key in differing}),
            readable({key: wanted[key] for key in differing}),
            self.client.update_distribution,
            Id=found["Id"],
            IfMatch=found["ETag"],
            DistributionConfig={**current, **wanted},
        )
        return {**found, **made.get("Distribution", {"Status": "InProgress"})}

    def is_shown(self, distribution: dict[str, Any], release: str) -> bool:
        """Whether every edge location shows this release."""
        tagged = distribution["Tags"].get(RELEASE_TAG)
        return distribution["Status"] == "Deployed" and tagged == release

    def show(self, distribution: dict[str, Any], release: str, paths: list[str]) -> dict[str, Any]:
        """Wait until the configuration is everywhere; then let what was kept be forgotten.

        Before, an edge location could fetch the old release once more and keep that.
        """
        if self.is_shown(distribution, release):
            return distribution
        if not self.changes.check_mode:
            seen = self._await_deployed(distribution["Id"], lambda one: shows(one, release))
            distribution = {**distribution, **seen}
        if distribution["Tags"].get(RELEASE_TAG) != release:
            self.changes.apply(
                "invalidation",
                None,
                paths,
                self._invalidate,
                distribution_id=distribution["Id"],
                paths=paths,
            )
            self._tag(distribution, {RELEASE_TAG: release})
        return distribution

    def disable(self) -> None:
        found = self.find()
        if found is not None and found["DistributionConfig"]["Enabled"]:
            self.changes.apply(
                "distribution",
                "enabled",
                "disabled",
                self.client.update_distribution,
                Id=found["Id"],
                IfMatch=found["ETag"],
                DistributionConfig={**found["DistributionConfig"], "Enabled": False},
            )

    def delete(self) -> None:
        """Delete the distribution, which has to be disabled at every edge location before."""
        found = self.find()
        if found is not None:
            self.changes.apply(
                "distribution", "present", None, self._delete, distribution_id=found["Id"]
            )

    def _delete(self, distribution_id: str) -> None:
        self._await_deployed(distribution_id, lambda config: not config["Enabled"])
        etag = self.client.get_distribution(Id=distribution_id)["ETag"]
        self.client.delete_distribution(Id=distribution_id, IfMatch=etag)

    def _await_deployed(
        self, distribution_id: str, is_new: Callable[[Config], bool]
    ) -> dict[str, Any]:
        """Wait until every edge location has a configuration, which for a moment after a change may
        still be described as the one before."""
        return wait_until(
            lambda: self.client.get_distribution(Id=distribution_id)["Distribution"],
            lambda seen: seen["Status"] == "Deployed" and is_new(seen["DistributionConfig"]),
            what=f"the distribution {distribution_id} to be deployed",
            timeout=self.timeout,
            describe=lambda seen: seen["Status"],
            link="distribution",
            began=lambda seen: seen["LastModifiedTime"],
        )

    def _invalidate(self, distribution_id: str, paths: list[str]) -> None:
        made = self.client.create_invalidation(
            DistributionId=distribution_id,
            InvalidationBatch={
                "Paths": {"Quantity": len(paths), "Items": paths},
                "CallerReference": f"{self.name}-{time.time_ns()}",
            },
        )["Invalidation"]
        wait_until(
            lambda: self.client.get_invalidation(DistributionId=distribution_id, Id=made["Id"])[
                "Invalidation"
            ]["Status"],
            lambda status: status == "Completed",
            what=f"the invalidation {made['Id']} to be completed",
            timeout=self.timeout,
        )

    def _tag(self, distribution: dict[str, Any], wanted: dict[str, str]) -> None:
        if not holds(distribution["Tags"], wanted):
            self.changes.apply(
                "tags of the distribution",
                {key: distribution["Tags"].get(key) for key in wanted},
                wanted,
                self.client.tag_resource,
                Resource=distribution["ARN"],
                Tags={"Items": tag_list(wanted)},
            )
            distribution["Tags"] |= wanted

    def _delete_when_unused(self, delete: Any, what: str, **arguments: Any) -> None:
        retry_while(
            lambda error: error_code(error) in IN_USE,
            delete,
            what=f"{what} to be free of distributions",
            timeout=self.timeout,
            **arguments,
        )

    def _list(self, operation: str, key: str, **arguments: str) -> list[dict[str, Any]]:
        """Everything of a kind; boto3 has no paginators for some of them."""
        found: list[dict[str, Any]] = []
        while True:
            page = getattr(self.client, operation)(**arguments)[key]
            found += page.get("Items", [])
            if not page.get("NextMarker"):
                return found
            arguments["Marker"] = page["NextMarker"]
