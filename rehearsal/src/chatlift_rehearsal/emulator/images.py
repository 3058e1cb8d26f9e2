"""AMIs that are pending until their files are, and that outlive a session.

moto refuses snapshot tags, accepts a name twice, and drops the tags of RegisterImage. Its sample
images are replaced by the ones this cloud really has.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.ec2.models import EC2Backend
from moto.ec2.models.amis import Ami
from moto.ec2.responses import EC2Response
from moto.ec2.utils import convert_tag_spec, random_ami_id

from ..model import ImageView
from . import state
from .delays import delays
from .errors import ec2_error


class ImageMends(EC2Backend):
    """Images known from the start, CreateImage and RegisterImage."""

    known_images: ClassVar[tuple[ImageView, ...]] = ()
    images_region: ClassVar[str] = ""

    def _load_amis(self) -> None:
        self._ready_at: dict[str, float] = {}
        if self.region_name == self.images_region:
            for image in self.known_images:
                self._restore(image)

    def create_image(
        self,
        instance_id: str,
        name: str,
        description: str,
        tag_specifications: list[dict[str, Any]],
    ) -> Ami:
        instance = self.get_instance(instance_id)
        self._check_name(name)
        ami_id = random_ami_id()
        ami = Ami(
            self,
            ami_id,
            instance=instance,
            name=name,
            description=description,
            state="pending",
            root_device_type="ebs",
            root_device_name=instance.root_device_name or "/dev/xvda",
            region_name=str(instance.placement.zone),
            snapshot_description=f"Created by CreateImage({instance_id}) for {ami_id}",
        )
        ami.source_image_id = instance.image_id  # type: ignore[attr-defined]
        self.amis[ami_id] = ami
        self._tag(ami, tag_specifications)
        return ami

    def image_ready(self, image_id: str) -> None:
        """The body of CreateImage is done. An image deregistered meanwhile stays gone."""
        ami = self.amis.get(image_id)
        if ami and ami.state == "pending" and self._has_waited(image_id):
            ami.state = "available"

    def _has_waited(self, image_id: str) -> bool:
        """The controller says that an image is ready until it is available."""
        ready = self._ready_at.setdefault(image_id, state.now() + delays.image)
        return state.now() >= ready

    def _check_name(self, name: str) -> None:
        for ami in self.amis.values():
            if ami.name == name and ami.owner_id == self.account_id:
                raise ec2_error(
                    "InvalidAMIName.Duplicate",
                    f"AMI name {name} is already in use by AMI {ami.id}",
                )

    def _tag(self, ami: Ami, tag_specifications: list[dict[str, Any]]) -> None:
        tags = convert_tag_spec(tag_specifications)
        ami.add_tags(tags.get("image", {}))
        ami.ebs_snapshot.add_tags(tags.get("snapshot", {}))

    def _restore(self, image: ImageView) -> None:
        ami = Ami(
            self,
            image.id,
            name=image.name,
            description=image.description,
            owner_id=image.owner or None,
            public=bool(image.owner),
            architecture=image.architecture,
            virtualization_type="hvm",
            root_device_type="ebs",
            root_device_name=image.root_device,
            state=image.state,
            creation_date=_time(image.created),
            region_name=f"{self.region_name}a",
            tags=image.tags,
        )
        ami.instance_id = image.source_instance
        ami.source_image_id = image.source_image  # type: ignore[attr-defined]
        if image.snapshot_id:
            self.snapshots[image.snapshot_id] = self.snapshots.pop(ami.ebs_snapshot.id)
            ami.ebs_snapshot.id = image.snapshot_id
        ami.ebs_snapshot.add_tags(image.snapshot_tags)
        self.amis[image.id] = ami


class ImageResponses(EC2Response):
    """RegisterImage keeps its name to itself and its tags."""

    def register_image(self) -> ActionResult:
        self.error_on_dryrun()
        name = self._get_param("Name")
        self.ec2_backend._check_name(name)
        ami = self.ec2_backend.register_image(name, self._get_param("Description", ""))
        self.ec2_backend._tag(ami, self._get_param("TagSpecifications", []))
        return ActionResult({"ImageId": ami.id})


def image_view(ami: Ami, account_id: str) -> ImageView:
    """An image as the controllers see it and as a later session restores it."""
    return ImageView(
        id=ami.id,
        name=ami.name or "",
        state=ami.state,
        source_instance=ami.instance_id,
        source_image=getattr(ami, "source_image_id", None),
        owner="" if ami.owner_id == account_id else ami.owner_id,
        description=ami.description or "",
        architecture=ami.architecture or "x86_64",
        root_device=ami.root_device_name,
        created=ami.creation_date.replace(tzinfo=UTC).isoformat(),
        tags=_tags(ami),
        snapshot_id=ami.ebs_snapshot.id,
        snapshot_tags=_tags(ami.ebs_snapshot),
    )


def _tags(resource: Any) -> dict[str, str]:
    return dict(resource.ec2_backend.tags.get(resource.id, {}))


def _time(text: str) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None) if text else None
