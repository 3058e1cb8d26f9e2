"""CloudFront with versions, policies, VPC origins and distributions that take time to deploy.

moto keeps only a part of a distribution's configuration, never changes an ETag, deploys when it is
looked at, and deletes what is in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.acm.models import acm_backends
from moto.cloudfront.models import CloudFrontBackend as MotoBackend
from moto.cloudfront.models import random_id
from moto.core.resource_tagging import TaggedResource
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends
from moto.s3.models import s3_backends

from ..settings import EDGE_ADDRESSES
from . import state
from .cloudfront_config import behaviors, check, complete, items
from .cloudfront_functions import Functions
from .cloudfront_policies import KINDS, Policies
from .cloudfront_resources import ENDPOINT, Versioned, page
from .cloudfront_vpc_origins import VpcOrigins
from .delays import delays
from .errors import cloudfront_error

CERTIFICATE_REGION = "us-east-1"
"""The one whose certificates CloudFront takes."""


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


class CloudFrontMends(MotoBackend):
    """Everything a site behind CloudFront needs; key groups and the like stay moto's."""

    distributions: dict[str, Distribution]  # type: ignore[assignment]

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.policies = {kind.name: Policies(kind, self._behavior_has) for kind in KINDS}
        self.vpc_origins = VpcOrigins(account_id, self._vpc_origin_used, self._endpoint_exists)
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

    def _endpoint_exists(self, arn: str) -> bool:
        _, _, service, region, _, resource = arn.split(":", 5)
        if service == "ec2":
            backend = ec2_backends[self.account_id][region]
            return backend.get_instance_by_id(resource.rpartition("/")[2]) is not None
        return arn in elbv2_backends[self.account_id][region].load_balancers

    # What a distribution may name.

    def _checked(self, given: dict[str, Any], own: Distribution | None = None) -> dict[str, Any]:
        """The complete configuration, after AWS's objections."""
        config = complete(given)
        check(config)
        for behavior in behaviors(config):
            self._check_policies(behavior)
        for origin in items(config["Origins"]):
            self._check_origin(origin)
        self._check_aliases(config, own)
        self._check_logging(config["Logging"])
        return config

    def _check_policies(self, behavior: dict[str, Any]) -> None:
        for name, policies in self.policies.items():
            if policy_id := behavior.get(f"{name}Id"):
                policies.get(policy_id)
        for association in items(behavior["FunctionAssociations"]):
            if not self.site_functions.is_live(association["FunctionARN"]):
                raise cloudfront_error(
                    "InvalidFunctionAssociation",
                    f"The function {association['FunctionARN']} is not published.",
                )

    def _check_origin(self, origin: dict[str, Any]) -> None:
        control = origin["OriginAccessControlId"]
        if control and control not in self.access_controls:
            raise cloudfront_error(
                "InvalidOriginAccessControl", "The origin access control is not valid."
            )
        if private := origin.get("VpcOriginConfig"):
            found = self.vpc_origins.get(private["VpcOriginId"])
            if found.status != "Deployed":
                raise cloudfront_error(
                    "InvalidArgument",
                    f"The VPC origin {found.id} is {found.status}: it must be Deployed.",
                )

    def _check_aliases(self, config: dict[str, Any], own: Distribution | None) -> None:
        aliases = items(config["Aliases"])
        taken = {
            alias
            for other in self.distributions.values()
            if other is not own
            for alias in items(other.config["Aliases"])
        }
        if any(alias in taken for alias in aliases):
            raise cloudfront_error(
                "CNAMEAlreadyExists",
                "One or more of the CNAMEs you provided are already associated with a different "
                "resource.",
            )
        arn = config["ViewerCertificate"].get("ACMCertificateArn")
        if aliases and not arn:
            raise cloudfront_error(
                "InvalidViewerCertificate",
                "To add an alternate domain name (CNAME) to a CloudFront distribution, you must "
                "attach a trusted certificate that validates your authorization to use the domain "
                "name.",
            )
        if arn:
            self._check_certificate(arn, aliases)

    def _check_certificate(self, arn: str, aliases: list[str]) -> None:
        certificates = acm_backends[self.account_id][CERTIFICATE_REGION]._certificates
        certificate = certificates.get(arn)
        if certificate is None or certificate.status != "ISSUED":
            raise cloudfront_error(
                "InvalidViewerCertificate",
                "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't "
                "valid, or doesn't include a valid certificate chain.",
            )
        names = {certificate.common_name, *certificate.sans}
        if not all(_covered(alias, names) for alias in aliases):
            raise cloudfront_error(
                "InvalidViewerCertificate",
                "The certificate that is attached to your distribution doesn't cover the alternate "
                "domain name (CNAME) that you're trying to add.",
            )

    def _check_logging(self, logging: dict[str, Any]) -> None:
        if not logging.get("Enabled"):
            return
        name = logging["Bucket"].removesuffix(".s3.amazonaws.com")
        bucket: Any = s3_backends[self.account_id]["aws"].buckets.get(name)
        if bucket is None or name == logging["Bucket"]:
            raise cloudfront_error(
                "InvalidArgument",
                f"The parameter Logging Bucket does not refer to a valid S3 bucket: "
                f"{logging['Bucket']}",
            )
        if bucket.ownership_rule == "BucketOwnerEnforced":
            raise cloudfront_error(
                "InvalidArgument",
                "The S3 bucket that you specified for CloudFront logs does not enable ACL access: "
                f"{logging['Bucket']}",
            )


def _covered(alias: str, names: set[str]) -> bool:
    wildcard = f"*.{alias.partition('.')[2]}"
    return alias in names or wildcard in names


def location(kind: str, identifier: str) -> str:
    """The Location header of what was created."""
    return f"{ENDPOINT}/{kind}/{identifier}"
