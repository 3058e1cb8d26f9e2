# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an image has to be baked, and what its bake is told."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping

from ansible_collections.chatlift.aws.plugins.module_utils import fingerprint, resources
from ansible_collections.chatlift.aws.plugins.module_utils.changes import ChatliftError

# Longest value of an EC2 tag, in characters.
TAG_LENGTH = 256


@dataclass(frozen=True)
class Decision:
    """``current`` is the image that makes a bake needless; ``previous`` the newest of that name."""

    current: dict[str, Any] | None
    previous: dict[str, Any] | None
    reasons: list[str]


def source_image(ec2: Any, *, owner: str, name: str) -> str:
    """Id of the newest available AMI of ``owner`` whose name matches ``name``.

    Raises:
        ChatliftError: There is none.
    """
    found = ec2.describe_images(Owners=[owner], Filters=resources.filters(name=name))["Images"]
    available = [image for image in found if image["State"] == "available"]
    if not available:
        raise ChatliftError(
            f"Account {owner} has no available AMI named {name} in {ec2.meta.region_name}:"
            " mend source_ami, or choose a region that has it."
        )
    return str(max(available, key=lambda image: image["CreationDate"])["ImageId"])


def decide(ec2: Any, image: str, inputs: Mapping[str, str]) -> Decision:
    """Compare ``inputs`` with the images of that name which this account has."""
    of_image = resources.filters(**{"tag_chatlift:image": image, "state": "available"})
    images = ec2.describe_images(Owners=["self"], Filters=of_image)["Images"]
    images.sort(key=lambda found: found["CreationDate"], reverse=True)
    wanted = fingerprint.digest(dict(inputs))

    def tags(found: dict[str, Any]) -> dict[str, str]:
        return resources.tag_dict(found.get("Tags"))

    current = next((i for i in images if tags(i).get("chatlift:fingerprint") == wanted), None)
    previous = images[0] if images else None
    if current:
        return Decision(current, previous, [])
    if previous is None:
        return Decision(None, None, [f"there is no image {image} yet"])
    recorded = tags(previous).get("chatlift:inputs")
    if recorded is None:
        reason = f"{previous['ImageId']} does not say what it was made of"
        return Decision(None, previous, [reason])
    return Decision(None, previous, fingerprint.differences(recorded, inputs))


def versions_tag(versions: Mapping[str, str]) -> str:
    """``name=version …``, as many of them as a tag's value has room for."""
    value = ""
    for name, version in sorted(versions.items()):
        longer = f"{value} {name}={version}".strip()
        if len(longer) > TAG_LENGTH:
            break
        value = longer
    return value


def keep_record(directory: Path, work: Path, about: Mapping[str, Any]) -> dict[str, str]:
    """Keep what is known of an image under its id, with the bill of materials in ``work``.

    Returns the files, by what they are: ``record`` and ``sbom``.
    """
    directory.mkdir(parents=True, exist_ok=True)
    record = directory / f"{about['image_id']}.json"
    sbom = directory / f"{about['image_id']}.cdx.json"
    record.write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")
    shutil.copyfile(work / f"{about['image']}.cdx.json", sbom)
    return {"record": str(record), "sbom": str(sbom)}


def as_text(value: Any) -> Any:
    """Variables for a file of Ansible's ``--extra-vars``, none of which is templated again.

    They are values already. What still looks like a template is meant for another reader, such as
    the member agent, and Ansible has a mark for that.
    """
    if isinstance(value, Mapping):
        return {str(key): as_text(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_text(item) for item in value]
    if isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#")):
        return {"__ansible_unsafe": str(value)}
    return value
