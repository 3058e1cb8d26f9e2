"""Put every mend in the place where moto looks for the part it mends."""

from __future__ import annotations

from typing import Any

from moto.ec2 import urls as ec2_urls
from moto.ec2.models import ec2_backends
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE

from ..model import ImageView
from . import addresses, ec2_instances, launch_templates
from .addresses import AddressMends
from .ec2_instances import InstanceMends, InstanceResponses
from .images import ImageMends, ImageResponses
from .launch_templates import LaunchTemplateResponses
from .locking import Locked
from .volumes import VolumeMends


class Ec2Backend(InstanceMends, ImageMends, VolumeMends, AddressMends):
    """EC2 with every mend."""

    __module__ = "moto.ec2.models"  # moto derives the service from it


class Ec2Response(Locked, InstanceResponses, ImageResponses, LaunchTemplateResponses):
    """EC2's operations with every mend."""


def install(images: tuple[ImageView, ...], region: str) -> None:
    """Extend moto; must come before its backends are first used. Can be called again."""
    Ec2Backend.known_images = images
    Ec2Backend.images_region = region
    ec2_backends.backend = Ec2Backend
    ec2_urls.url_paths["{0}/"] = Ec2Response.dispatch
    EC2_PREFIX_TO_RESOURCE["nat"] = "natgateway"  # the name DescribeTags knows it by
    for module in (addresses, ec2_instances, launch_templates):
        module.install()


def ec2(account_id: str, region: str) -> Any:
    return ec2_backends[account_id][region]
