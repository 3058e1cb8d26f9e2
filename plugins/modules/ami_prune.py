#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: ami_prune
short_description: Delete images that are neither new nor in use, with their snapshots
version_added: 0.1.0
description:
  - Deletes this account's images of a name (tag C(chatlift:image)) that are both older than
    O(min_age_days) and not among the newest O(keep), and the snapshots under them.
  - An image is left that an instance was launched from, stopped ones included, or that a launch
    template names in a version that matters, the newest, the default, or the one that an Auto
    Scaling group has, is being refreshed to, or had before and would be rolled back to. That is
    looked up over the whole region, for stacks share images.
  - An image that AWS does not let go, such as one with deregistration protection, ends the run with
    an error; what was deleted until then stays deleted.
options:
  images:
    description: Names of the images.
    type: list
    elements: str
    default: [node, redis, mysql]
  keep:
    description: How many of each name stay in any case, the newest.
    type: int
    default: 5
  min_age_days:
    description: Days for which an image stays in any case.
    type: float
    default: 30
  max_deleted:
    description: >-
      How many a run deletes at most, the oldest first, so that a mistake in the other options costs
      no more than that. RV(postponed) tells how many the next run would.
    type: int
    default: 10
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says which images would be deleted.
    support: full
  diff_mode:
    description: Shows each image that is deleted.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: See which images would go
  chatlift.aws.ami_prune:
  check_mode: true

- name: Keep the ten newest of the application's images, and all of the last quarter
  chatlift.aws.ami_prune:
    images: [node]
    keep: 10
    min_age_days: 92
"""

RETURN = r"""
deleted:
  description: The images that are, or would be, deleted, the oldest first.
  type: list
  elements: dict
  returned: always
  contains:
    image_id:
      description: Id of the image.
      type: str
      sample: ami-0123456789abcdef0
    image:
      description: Its tag C(chatlift:image).
      type: str
      sample: node
    created:
      description: When it was made.
      type: str
    snapshots:
      description: Ids of the snapshots under it.
      type: list
      elements: str
in_use:
  description: Images that would be deleted if nothing needed them, and what does.
  type: dict
  returned: always
  sample: {ami-0123456789abcdef0: version 7 of the launch template chatlift-demo-app}
postponed:
  description: How many more there are than O(max_deleted) allows.
  type: int
  returned: always
"""

from datetime import datetime, timedelta, timezone

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import images_in_use
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    error_code,
    filters,
    tag_dict,
)
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

ARGUMENTS = {
    "images": {"type": "list", "elements": "str", "default": ["node", "redis", "mysql"]},
    "keep": {"type": "int", "default": 5},
    "min_age_days": {"type": "float", "default": 30},
    "max_deleted": {"type": "int", "default": 10},
}


def prune(module: AnsibleAWSModule, changes: Changes) -> dict:
    for option in ("keep", "min_age_days", "max_deleted"):
        if module.params[option] < 0:
            raise ChatliftError(f"{option} is {module.params[option]}: give it 0 or more.")
    ec2 = module.client("ec2")
    superfluous = sorted(
        (image for name in module.params["images"] for image in _superfluous(module, ec2, name)),
        key=lambda image: image["CreationDate"],
    )
    users = images_in_use.users(ec2, module.client("autoscaling")) if superfluous else {}
    free = [image for image in superfluous if image["ImageId"] not in users]
    now = free[: module.params["max_deleted"]]
    for image in now:
        _delete(ec2, changes, image)
    return {
        "deleted": [_facts(image) for image in now],
        "in_use": {
            image["ImageId"]: users[image["ImageId"]]
            for image in superfluous
            if image["ImageId"] in users
        },
        "postponed": len(free) - len(now),
    }


def _superfluous(module: AnsibleAWSModule, ec2, name: str) -> list:
    """The images of a name that are neither among the newest nor young."""
    found = ec2.describe_images(Owners=["self"], Filters=filters(**{"tag_chatlift:image": name}))
    images = [image for image in found["Images"] if image["State"] == "available"]
    images.sort(key=lambda image: image["CreationDate"], reverse=True)
    oldest = datetime.now(timezone.utc) - timedelta(days=module.params["min_age_days"])
    return [
        image for image in images[module.params["keep"] :] if _time(image["CreationDate"]) < oldest
    ]


def _time(text: str) -> datetime:
    """AWS writes ``2026-11-28T08:31:44.000Z``, which Python reads with an offset for the Z."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _delete(ec2, changes: Changes, image: dict) -> None:
    changes.apply(
        f"image {image['ImageId']}",
        _facts(image),
        None,
        ec2.deregister_image,
        ImageId=image["ImageId"],
        # At once: of an image that is gone nobody finds the snapshots.
        DeleteAssociatedSnapshots=True,
    )
    for snapshot in [] if changes.check_mode else _snapshots(image):
        try:
            ec2.delete_snapshot(SnapshotId=snapshot)
        except ec2.exceptions.ClientError as error:
            # Another image may have it too, or somebody was faster.
            if error_code(error) not in ("InvalidSnapshot.InUse", "InvalidSnapshot.NotFound"):
                raise


def _snapshots(image: dict) -> list:
    devices = [device.get("Ebs", {}) for device in image.get("BlockDeviceMappings", [])]
    return [device["SnapshotId"] for device in devices if "SnapshotId" in device]


def _facts(image: dict) -> dict:
    return {
        "image_id": image["ImageId"],
        "image": tag_dict(image["Tags"])["chatlift:image"],
        "created": image["CreationDate"],
        "snapshots": _snapshots(image),
    }


def main() -> None:
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), prune)


if __name__ == "__main__":
    main()
