"""What must happen to directories so that they are what the API says of its images."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from chatlift_rehearsal.model import CloudView, ImageView, InstanceView


@dataclass(frozen=True)
class CommitImage:
    """Make the image of its source instance, which is stopped for it and started again after.

    Its key is the instance's: nothing else may happen to that meanwhile.
    """

    image: ImageView
    instance: InstanceView

    @property
    def key(self) -> str:
        return self.instance.id


@dataclass(frozen=True)
class ReportImage:
    """Tell the API that the image can be used."""

    key: str


@dataclass(frozen=True)
class SaveImage:
    """Write down what the API says of the image, so that the next session has it again."""

    image: ImageView

    @property
    def key(self) -> str:
        return self.image.id


@dataclass(frozen=True)
class DeleteImage:
    """Remove the image's body."""

    key: str


ImageAction = CommitImage | ReportImage | SaveImage | DeleteImage


def plan_images(
    view: CloudView, saved: Mapping[str, ImageView | None], in_use: Set[str]
) -> list[ImageAction]:
    """``saved`` has every image with a body, and what was last written down of it.

    ``in_use`` are the images that hosts or other images are based on: a deregistered image keeps
    its body until the last of them is gone, as snapshots do on AWS.
    """
    actions: list[ImageAction] = []
    instances = {instance.id: instance for instance in view.instances}
    for image in view.images:
        if image.id not in saved:
            if image.state == "pending" and image.source_instance in instances:
                actions.append(CommitImage(image, instances[image.source_instance]))
        elif image.state == "pending":
            actions.append(ReportImage(image.id))
        elif image != saved[image.id]:
            actions.append(SaveImage(image))
    for image_id in sorted(saved.keys() - {image.id for image in view.images} - in_use):
        actions.append(DeleteImage(image_id))
    return actions
