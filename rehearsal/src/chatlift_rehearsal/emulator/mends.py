"""Put every mend in the place where moto looks for the part it mends."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from moto.acm import models as acm_models
from moto.acm import urls as acm_urls
from moto.acm.models import acm_backends
from moto.acm.responses import AWSCertificateManagerResponse
from moto.autoscaling import models as autoscaling_models
from moto.autoscaling import urls as autoscaling_urls
from moto.autoscaling.models import autoscaling_backends
from moto.cloudfront import urls as cloudfront_urls
from moto.cloudfront.models import cloudfront_backends
from moto.cloudwatch import models as cloudwatch_models
from moto.cloudwatch import responses as cloudwatch_responses
from moto.cloudwatch import urls as cloudwatch_urls
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.base_backend import BackendDict
from moto.ec2 import urls as ec2_urls
from moto.ec2.models import ec2_backends, instances, launch_templates, nat_gateways, vpcs
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE
from moto.elb import urls as elb_urls
from moto.elbv2 import models as elbv2_models
from moto.elbv2.models import elbv2_backends
from moto.elbv2.responses import ELBV2Response
from moto.moto_server import werkzeug_app
from moto.route53 import urls as route53_urls
from moto.route53.models import route53_backends
from moto.route53.responses import Route53
from moto.s3 import models as s3_models
from moto.s3 import responses as s3_responses
from moto.s3.models import s3_backends
from moto.ssm import urls as ssm_urls
from moto.ssm.responses import SimpleSystemManagerResponse

from ..authority import Authority
from ..model import ImageView
from .acm_certificates import CertBundle
from .addresses import AddressMends, no_address
from .alarms import Alarm, AlarmMends
from .autoscaling import AutoScalingMends, Group
from .cloudfront import CloudFrontMends
from .cloudfront_responses import PATHS as CLOUDFRONT_PATHS
from .cloudfront_responses import CloudFrontResponses
from .cloudwatch import CloudWatchResponses
from .dependencies import DependencyMends
from .ec2_instances import Instance, InstanceMends, InstanceResponses
from .elbv2 import ElbMends, TargetGroup
from .images import ImageMends, ImageResponses
from .launch_templates import LaunchTemplate, LaunchTemplateResponses
from .lifecycle import GroupInstance, LifecycleHook
from .locking import Locked
from .metric_data import Dimension
from .pending import LoadBalancer, NatGateway, VpcEndpoint
from .refresh_operations import RefreshResponses
from .route53 import ZoneMends
from .s3 import Bucket, S3Responses
from .scaling_policies import Policy
from .security_groups import SecurityGroupMends
from .volumes import VolumeMends
from .vpc_endpoints import EndpointMends


class Ec2Backend(
    InstanceMends,
    ImageMends,
    VolumeMends,
    AddressMends,
    DependencyMends,
    EndpointMends,
    SecurityGroupMends,
):
    """EC2 with every mend."""

    __module__ = "moto.ec2.models"  # moto derives the service from it


class Ec2Response(Locked, InstanceResponses, ImageResponses, LaunchTemplateResponses):
    """EC2's operations with every mend."""


class ElbBackend(ElbMends):
    """Elastic Load Balancing with every mend."""

    __module__ = "moto.elbv2.models"  # moto derives the service from it


class ElbResponse(Locked, ELBV2Response):
    """Elastic Load Balancing's operations."""


class GroupBackend(AutoScalingMends):
    """Auto Scaling with every mend."""

    __module__ = "moto.autoscaling.models"  # moto derives the service from it


class GroupResponse(Locked, RefreshResponses):
    """Auto Scaling's operations with every mend."""


class SsmResponse(Locked, SimpleSystemManagerResponse):
    """Systems Manager's operations, one at a time: of two who create a parameter one is refused."""


class AcmResponse(Locked, AWSCertificateManagerResponse):
    """Certificate Manager's operations."""


class CdnBackend(CloudFrontMends):
    """CloudFront with every mend."""

    __module__ = "moto.cloudfront.models"  # moto derives the service from it


class DnsBackend(ZoneMends):
    """Route 53 with every mend."""

    __module__ = "moto.route53.models"  # moto derives the service from it


class DnsResponse(Locked, Route53):
    """Route 53's operations."""


class WatchBackend(AlarmMends):
    """CloudWatch with every mend."""

    __module__ = "moto.cloudwatch.models"  # moto derives the service from it


class WatchResponse(Locked, CloudWatchResponses):
    """CloudWatch's operations with every mend."""


# Classes and functions that moto looks up by name when it needs one.
_REPLACED: tuple[tuple[ModuleType, str, Any], ...] = (
    (acm_models, "CertBundle", CertBundle),
    (autoscaling_models, "FakeAutoScalingGroup", Group),
    (autoscaling_models, "FakeScalingPolicy", Policy),
    (autoscaling_models, "InstanceState", GroupInstance),
    (autoscaling_models, "LifecycleHook", LifecycleHook),
    (cloudwatch_models, "Alarm", Alarm),
    (cloudwatch_models, "Dimension", Dimension),
    (cloudwatch_responses, "Dimension", Dimension),
    (elbv2_models, "FakeLoadBalancer", LoadBalancer),
    (elbv2_models, "FakeTargetGroup", TargetGroup),
    (instances, "Instance", Instance),
    (launch_templates, "LaunchTemplate", LaunchTemplate),
    (nat_gateways, "NatGateway", NatGateway),
    (vpcs, "VPCEndPoint", VpcEndpoint),
    (nat_gateways, "random_private_ip", no_address),
    (vpcs, "random_private_ip", no_address),
    (s3_models, "FakeBucket", Bucket),
    # moto lets the pages of every site read its answers, those of buckets included.
    (werkzeug_app, "DISABLE_GLOBAL_CORS", True),
    (s3_responses, "S3Response", S3Responses),
)


def install(images: tuple[ImageView, ...], region: str, authority: Authority) -> None:
    """Extend moto and begin with an empty account that has these images.

    ``authority`` signs the certificates that the account is issued.
    """
    forget()
    CertBundle.authority = authority
    Ec2Backend.known_images = images
    Ec2Backend.images_region = region
    ec2_backends.backend = Ec2Backend
    ec2_urls.url_paths["{0}/"] = Ec2Response.dispatch
    elbv2_backends.backend = ElbBackend
    # Classic load balancers have the same address, and moto asks their module alone.
    elb_urls.url_paths["{0}/$"] = ElbResponse.dispatch
    autoscaling_backends.backend = GroupBackend
    autoscaling_urls.url_paths["{0}/$"] = GroupResponse.dispatch
    cloudwatch_backends.backend = WatchBackend
    cloudwatch_urls.url_paths["{0}/$"] = WatchResponse.dispatch
    ssm_urls.url_paths["{0}/$"] = SsmResponse.dispatch
    acm_urls.url_paths["{0}/$"] = AcmResponse.dispatch
    route53_backends.backend = DnsBackend
    for path in route53_urls.url_paths:
        route53_urls.url_paths[path] = DnsResponse.dispatch
    cloudfront_backends.backend = CdnBackend
    for path in (*cloudfront_urls.url_paths, *(f"{{0}}/2020-05-31/{p}" for p in CLOUDFRONT_PATHS)):
        cloudfront_urls.url_paths[path] = CloudFrontResponses.dispatch
    EC2_PREFIX_TO_RESOURCE["nat"] = "natgateway"  # the name DescribeTags knows it by
    for module, name, replacement in _REPLACED:
        setattr(module, name, replacement)


def forget() -> None:
    """Drop every backend.

    moto's own reset runs each backend's constructor again; that of Auto Scaling brings EC2's
    back to life, with the images of the session that ends.
    """
    in_use = BackendDict._instances  # type: ignore[misc]
    for backends in in_use:
        backends.clear()
    in_use.clear()
    s3_backends.bucket_accounts.clear()  # names are the whole world's, so they are kept elsewhere


@dataclass(frozen=True)
class Backends:
    """The mended backends of one account and region."""

    account_id: str
    region: str

    @property
    def ec2(self) -> Any:
        return ec2_backends[self.account_id][self.region]

    @property
    def elbv2(self) -> Any:
        return elbv2_backends[self.account_id][self.region]

    @property
    def acm(self) -> list[Any]:
        """Certificate Manager of every region that has been spoken to."""
        return list(acm_backends[self.account_id].values())

    @property
    def route53(self) -> Any:
        return route53_backends[self.account_id]["aws"]

    @property
    def s3(self) -> Any:
        return s3_backends[self.account_id]["aws"]

    @property
    def cloudfront(self) -> Any:
        return cloudfront_backends[self.account_id]["aws"]

    @property
    def autoscaling(self) -> Any:
        return autoscaling_backends[self.account_id][self.region]

    @property
    def cloudwatch(self) -> Any:
        return cloudwatch_backends[self.account_id][self.region]
