"""CloudFront with versions, policies, VPC origins and distributions that take time to deploy.

moto keeps only a part of a distribution's configuration, never changes an ETag, deploys when it is
looked at, and deletes what is in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.cloudfront.models import CloudFrontBackend as MotoBackend
from moto.core.resource_tagging import TaggedResource
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

from ..settings import EDGE_ADDRESSES
from . import state
from .cloudfront_config import behaviors, check, complete, items
from .cloudfront_distributions import AccessControl, Distribution, Invalidation
from .cloudfront_functions import Functions
from .cloudfront_policies import KINDS, Policies
from .cloudfront_references import check_references
from .cloudfront_resources import ENDPOINT, page
from .cloudfront_vpc_origins import VpcOrigins
from .errors import cloudfront_error
from .pending import is_active


class CloudFrontMends(MotoBackend):
    """Everything a site behind CloudFront needs; key groups and the like stay moto's."""

    distributions: dict[str, Distribution]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.policies = {kind.name: Policies(kind, self._behavior_has) for kind in KINDS}
        self.vpc_origins = VpcOrigins(account_id, self._vpc_origin_used, self._endpoint_is_ready)
        self.site_functions = Functions(account_id, self._function_used)
        self.access_controls: dict[str, AccessControl] = {}

    def step(self) -> None:
        """End what has taken its time."""
        self.vpc_origins.step()
        for distribution in self.distributions.values():
            if distribution.deployed_at <= state.now():
                distribution.status = "Deployed"
            for invalidation in distribution.invalidations.values():
                if invalidation.completed_at <= state.now():
                    invalidation.status = "Completed"

    # Distributions.

    def create(self, given: dict[str, Any], tags: list[dict[str, str]]) -> Distribution:
        """CreateDistribution and CreateDistributionWithTags."""
        config = self._checked(given)
        for other in self.distributions.values():
            if other.config["CallerReference"] == config["CallerReference"]:
                raise cloudfront_error(
                    "DistributionAlreadyExists",
                    "The caller reference that you are using to create a distribution is "
                    f"associated with another distribution. Already exists: {other.id}",
                )
        taken = {other.address for other in self.distributions.values()}
        address = next(address for address in EDGE_ADDRESSES if address not in taken)
        distribution = Distribution(self.account_id, config, address)
        self.distributions[distribution.id] = distribution
        self.tagger.tag_resource(distribution.arn, tags)
        return distribution

    def distribution(self, distribution_id: str) -> Distribution:
        """The distribution of an id."""
        if distribution_id not in self.distributions:
            raise cloudfront_error(
                "NoSuchDistribution", "The specified distribution does not exist."
            )
        return self.distributions[distribution_id]

    def update(
        self, distribution_id: str, given: dict[str, Any], match: str | None
    ) -> Distribution:
        """UpdateDistribution."""
        distribution = self.distribution(distribution_id)
        distribution.expect(match)
        config = self._checked(given, distribution)
        if config["CallerReference"] != distribution.config["CallerReference"]:
            raise cloudfront_error(
                "IllegalUpdate", "The caller reference of a distribution cannot be changed."
            )
        distribution.change(config, match)
        distribution.deploy()
        return distribution

    def delete(self, distribution_id: str, match: str | None) -> None:
        """DeleteDistribution."""
        distribution = self.distribution(distribution_id)
        distribution.expect(match)
        if distribution.config["Enabled"] or distribution.status != "Deployed":
            raise cloudfront_error(
                "DistributionNotDisabled",
                "The distribution you are trying to delete has not been disabled.",
            )
        self.tagger.delete_all_tags_for_resource(distribution.arn)
        del self.distributions[distribution_id]

    def listed(self, marker: str, most: int | None) -> dict[str, Any]:
        """ListDistributions."""
        found = list(self.distributions.values())
        return page([d.summary for d in found], [d.id for d in found], marker, most)

    # Invalidations.

    def invalidate(self, distribution_id: str, paths: list[str], reference: str) -> Invalidation:
        """CreateInvalidation; the same caller reference again is the same invalidation."""
        distribution = self.distribution(distribution_id)
        for earlier in distribution.invalidations.values():
            if earlier.reference == reference and earlier.paths == paths:
                return earlier
        invalidation = Invalidation(paths, reference)
        distribution.invalidations[invalidation.id] = invalidation
        return invalidation

    def invalidation(self, distribution_id: str, invalidation_id: str) -> Invalidation:
        """GetInvalidation."""
        found = self.distribution(distribution_id).invalidations.get(invalidation_id)
        if found is None:
            raise cloudfront_error(
                "NoSuchInvalidation", "The specified invalidation does not exist."
            )
        return found

    # Origin access controls.

    def access_control(self, control_id: str) -> AccessControl:
        """GetOriginAccessControl."""
        if control_id not in self.access_controls:
            raise cloudfront_error(
                "NoSuchOriginAccessControl", "The specified origin access control does not exist."
            )
        return self.access_controls[control_id]

    def create_access_control(self, config: dict[str, Any]) -> AccessControl:
        """CreateOriginAccessControl."""
        self._require_free_name(config["Name"])
        control = AccessControl({"Description": "", **config})
        self.access_controls[control.id] = control
        return control

    def update_access_control(
        self, control_id: str, config: dict[str, Any], match: str | None
    ) -> AccessControl:
        """UpdateOriginAccessControl."""
        control = self.access_control(control_id)
        if config["Name"] != control.config["Name"]:
            self._require_free_name(config["Name"])
        control.change({"Description": "", **config}, match)
        return control

    def delete_access_control(self, control_id: str, match: str | None) -> None:
        """DeleteOriginAccessControl."""
        self.access_control(control_id).expect(match)
        if any(o["OriginAccessControlId"] == control_id for o in self._origins()):
            raise cloudfront_error(
                "OriginAccessControlInUse",
                "Cannot delete the origin access control because it's in use by one or more "
                "distributions.",
            )
        del self.access_controls[control_id]

    def _require_free_name(self, name: str) -> None:
        if any(control.config["Name"] == name for control in self.access_controls.values()):
            raise cloudfront_error(
                "OriginAccessControlAlreadyExists",
                "An origin access control with the specified parameters already exists.",
            )

    # Tags.

    def require_tagged(self, arn: str) -> None:
        """Refuse an ARN that belongs to nothing here."""
        if arn not in {resource.arn for resource in self.iter_tagged_resources()}:
            raise cloudfront_error("NoSuchResource", f"The resource {arn} does not exist.")

    def iter_tagged_resources(self) -> Iterator[TaggedResource]:
        found = [(d.arn, "cloudfront:distribution") for d in self.distributions.values()]
        found += [(f.arn, "cloudfront:function") for f in self.site_functions.by_name.values()]
        found += [(o.arn, "cloudfront:vpcorigin") for o in self.vpc_origins.all()]
        for arn, kind in found:
            tags = self.tagger.get_tag_dict_for_resource(arn)
            yield TaggedResource(arn=arn, tags=tags, resource_type=kind)

    # Who uses what.

    def _origins(self) -> Iterator[dict[str, Any]]:
        for distribution in self.distributions.values():
            yield from items(distribution.config["Origins"])

    def _behavior_has(self, member: str, policy_id: str) -> bool:
        return any(
            behavior.get(member) == policy_id
            for distribution in self.distributions.values()
            for behavior in behaviors(distribution.config)
        )

    def _vpc_origin_used(self, origin_id: str) -> bool:
        return any(
            o.get("VpcOriginConfig", {}).get("VpcOriginId") == origin_id for o in self._origins()
        )

    def _function_used(self, arn: str) -> bool:
        return any(
            association["FunctionARN"] == arn
            for distribution in self.distributions.values()
            for behavior in behaviors(distribution.config)
            for association in items(behavior["FunctionAssociations"])
        )

    def _endpoint_is_ready(self, arn: str) -> bool:
        _, _, service, region, _, resource = arn.split(":", 5)
        if service == "ec2":
            backend = ec2_backends[self.account_id][region]
            instance = backend.get_instance_by_id(resource.rpartition("/")[2])
            return instance is not None and instance.state == "running"
        balancer = elbv2_backends[self.account_id][region].load_balancers.get(arn)
        return balancer is not None and is_active(balancer)

    def _checked(self, given: dict[str, Any], own: Distribution | None = None) -> dict[str, Any]:
        """The complete configuration, after AWS's objections."""
        config = complete(given)
        check(config)
        check_references(self, config, own)
        return config


def location(kind: str, identifier: str) -> str:
    """The Location header of what was created."""
    return f"{ENDPOINT}/{kind}/{identifier}"
