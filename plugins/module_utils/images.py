# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which image a group launches, and which one it is to launch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import takewhile
from typing import Any, Callable

from ansible_collections.chatlift.aws.plugins.module_utils import (
    instance_refresh,
    refresh_watch,
    scaling_group,
)
from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)
from ansible_collections.chatlift.aws.plugins.module_utils.launch_template import Image
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    error_code,
    required,
    tag_dict,
)
from ansible_collections.chatlift.aws.plugins.module_utils.scaling_group import VERSION_BEFORE_TAG

# Of an image: whose instances it is for, such as redis.
IMAGE_TAG = "chatlift:image"
# Of an image: when a deployment of it was undone, and when somebody took it all the same, in UTC.
UNDONE_TAG = "chatlift:undone"
NAMED_TAG = "chatlift:named"


@dataclass(frozen=True)
class Choice:
    """Chooses an AMI for a group of the kind ``image``, such as ``redis``.

    ``refreshed`` groups get new instances by instance refreshes, which AWS may have undone.
    """

    ec2: Any
    autoscaling: Any
    changes: Changes
    image: str
    group: str
    warn: Callable[[str], None]
    refreshed: bool = False

    def of(self, image_id: str | None, default_image_id: str | None) -> Image:
        """The AMI that was named, or else the one to take."""
        return self._named(image_id) if image_id else self._unnamed(default_image_id)

    def _named(self, image_id: str) -> Image:
        """The AMI of that id. If it was undone, it is taken like any other from now on."""
        wanted = [{"Name": "image-id", "Values": [image_id]}]
        found = next(iter(self.ec2.describe_images(Filters=wanted)["Images"]), {})
        kind = tag_dict(found.get("Tags")).get(IMAGE_TAG, self.image)
        if kind != self.image:
            raise ChatliftError(
                f"The image {image_id} is one of {kind}, but {self.group} runs {self.image}. Name"
                f" an image of {self.image}; for members of one tier alone, with --limit"
                f" {self.image}."
            )
        if found.get("State", "available") != "available":
            raise ChatliftError(
                f"The image {image_id} cannot be launched: it is {found['State']}. Wait until it is"
                f" available, or name another one."
            )
        if undone := _undone_at(found):
            self._tag(found, NAMED_TAG, _time(datetime.now(timezone.utc)))
            self.changes.apply(
                f"tag {UNDONE_TAG} of image {image_id}",
                undone,
                None,
                self.ec2.delete_tags,
                Resources=[image_id],
                Tags=[{"Key": UNDONE_TAG}],
            )
        remedy = "Name one that this account can see in this region, or none to take the newest."
        return self._image(found, f"image {image_id}", remedy)

    def _unnamed(self, default_image_id: str | None) -> Image:
        """The default, or else this account's newest AMI tagged ``chatlift:image=<image>``.

        One that was undone, here or in another stack, is passed over, unless the group has it:
        nobody who is well served is led to an older one.
        """
        wanted = [
            {"Name": f"tag:{IMAGE_TAG}", "Values": [self.image]},
            {"Name": "state", "Values": ["available"]},
        ]
        found = self.ec2.describe_images(Owners=["self"], Filters=wanted)["Images"]
        found.sort(key=lambda one: str(one["CreationDate"]), reverse=True)
        found.sort(key=lambda one: one["ImageId"] != default_image_id)
        if default_image_id and (not found or found[0]["ImageId"] != default_image_id):
            found = []
        undone = self._undone(found)
        warning = " ".join(
            f"The image {one['ImageId']} is passed over, as it was undone at {_undone_at(one)}."
            f" Name it to roll it out all the same."
            for one in undone
        )
        if warning:
            self.warn(warning)
        of_account = f"available image of this account with the tag chatlift:image={self.image}"
        return self._image(
            next(iter(found[len(undone) :]), {}),
            f"{of_account} and the id {default_image_id}" if default_image_id else of_account,
            f"{warning} Run playbooks/bake.yml, or name an image by its id.".strip(),
        )

    def _undone(self, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those to pass over before the one to take."""
        if not self.refreshed and not any(map(_undone_at, found[:1])):
            return []
        group = scaling_group.find(self.autoscaling, [self.group]).get(self.group, {})
        now = image_of(self.ec2, scaling_group.launch_template_of(group))
        others = list(takewhile(lambda one: one["ImageId"] != now, found))
        before = tag_dict(group.get("Tags")).get(VERSION_BEFORE_TAG)
        if others and before:
            self._note_left(others, before)
        return list(takewhile(_undone_at, others))

    def _note_left(self, others: list[dict[str, Any]], before: str) -> None:
        """Tag the image from which the group was led back, if nobody was there to see the end.

        By AWS itself, or by a refresh to the version ``before``, to which nothing else leads.
        """
        refreshes = instance_refresh.recent(self.autoscaling, self.group, 100)
        wanted = [instance_refresh.wanted(one) for one in refreshes]
        refresh = refreshes[0] if refreshes else {"Status": ""}
        led_back = refresh["Status"] == "Successful" and wanted[0].get("Version") == before
        if not led_back and not self._was_undone(refresh):
            return
        away = (one for one in wanted if one.get("Version") != before)
        left = image_of(self.ec2, next(away, {}))
        moment = refresh.get("EndTime") or refresh["StartTime"]
        for one in others:
            named = tag_dict(one.get("Tags")).get(NAMED_TAG)
            is_known = _undone_at(one) or (named and datetime.fromisoformat(named) > moment)
            if one["ImageId"] == left and not is_known:
                self._tag(one, UNDONE_TAG, _time(moment))

    def _was_undone(self, refresh: dict[str, Any]) -> bool:
        """Whether AWS undid it, for what may be the image's fault."""
        if not refresh["Status"].startswith("Rollback"):
            return False
        history = refresh_watch.activities(self.autoscaling, self.group, refresh["StartTime"])
        return not refresh_watch.spares_image(history)

    def _tag(self, image: dict[str, Any], key: str, value: str) -> None:
        tag = {"Key": key, "Value": value}
        self.changes.apply(
            f"tag {key} of image {image['ImageId']}",
            tag_dict(image.get("Tags")).get(key),
            value,
            self.ec2.create_tags,
            Resources=[image["ImageId"]],
            Tags=[tag],
        )
        image["Tags"] = [*image.get("Tags", []), tag]

    def _image(self, found: dict[str, Any], what: str, remedy: str) -> Image:
        return Image(
            required(self.changes, found.get("ImageId"), what, remedy),
            found.get("RootDeviceName") or UNKNOWN,
        )


def image_of_group(ec2: Any, autoscaling: Any, name: str) -> str:
    """Id of the image that a group launches; empty when there is no group."""
    group = scaling_group.find(autoscaling, [name]).get(name, {})
    return image_of(ec2, scaling_group.launch_template_of(group))


def image_of(ec2: Any, specification: dict[str, Any]) -> str:
    """Id of the image that a LaunchTemplateSpecification launches; empty when nothing tells it."""
    if not specification:
        return ""
    wanted = {key: specification[key] for key in ("LaunchTemplateId",) if key in specification}
    wanted = wanted or {"LaunchTemplateName": specification["LaunchTemplateName"]}
    try:
        found = ec2.describe_launch_template_versions(
            Versions=[specification.get("Version") or "$Default"], **wanted
        )["LaunchTemplateVersions"]
    except ec2.exceptions.ClientError as error:
        if not error_code(error).startswith("InvalidLaunchTemplate"):
            raise
        found = []
    return str(found[0]["LaunchTemplateData"].get("ImageId", "")) if found else ""


def _undone_at(image: dict[str, Any]) -> str:
    return tag_dict(image.get("Tags")).get(UNDONE_TAG, "")


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
