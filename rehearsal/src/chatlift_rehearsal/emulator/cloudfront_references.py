"""What a distribution's configuration may name: policies, origins, certificates and buckets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.acm.models import acm_backends
from moto.s3.models import s3_backends

from .cloudfront_config import behaviors, items
from .cloudfront_distributions import Distribution
from .errors import cloudfront_error

if TYPE_CHECKING:
    from .cloudfront import CloudFrontMends

CERTIFICATE_REGION = "us-east-1"
"""The one whose certificates CloudFront takes."""


def check_references(
    backend: CloudFrontMends, config: dict[str, Any], own: Distribution | None
) -> None:
    """Refuse what names something that is not there, or belongs to another distribution."""
    for behavior in behaviors(config):
        _check_policies(backend, behavior)
    for origin in items(config["Origins"]):
        _check_origin(backend, origin)
    _check_aliases(backend, config, own)
    _check_logging(backend, config["Logging"])


def _check_policies(backend: CloudFrontMends, behavior: dict[str, Any]) -> None:
    for name, policies in backend.policies.items():
        if policy_id := behavior.get(f"{name}Id"):
            policies.get(policy_id)
    for association in items(behavior["FunctionAssociations"]):
        if not backend.site_functions.is_live(association["FunctionARN"]):
            raise cloudfront_error(
                "InvalidFunctionAssociation",
                f"The function {association['FunctionARN']} is not published.",
            )


def _check_origin(backend: CloudFrontMends, origin: dict[str, Any]) -> None:
    control = origin["OriginAccessControlId"]
    if control and control not in backend.access_controls:
        raise cloudfront_error(
            "InvalidOriginAccessControl", "The origin access control is not valid."
        )
    if private := origin.get("VpcOriginConfig"):
        found = backend.vpc_origins.get(private["VpcOriginId"])
        if found.status != "Deployed":
            raise cloudfront_error(
                "InvalidArgument",
                f"The VPC origin {found.id} is {found.status}: it must be Deployed.",
            )


def _check_aliases(
    backend: CloudFrontMends, config: dict[str, Any], own: Distribution | None
) -> None:
    aliases = items(config["Aliases"])
    taken = {
        alias
        for other in backend.distributions.values()
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
        _check_certificate(backend, arn, aliases)


def _check_certificate(backend: CloudFrontMends, arn: str, aliases: list[str]) -> None:
    certificates = acm_backends[backend.account_id][CERTIFICATE_REGION]._certificates
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


def _check_logging(backend: CloudFrontMends, logging: dict[str, Any]) -> None:
    if not logging.get("Enabled"):
        return
    name = logging["Bucket"].removesuffix(".s3.amazonaws.com")
    bucket: Any = s3_backends[backend.account_id]["aws"].buckets.get(name)
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
