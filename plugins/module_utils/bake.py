# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an image has to be baked, on top of what, and what its bake is told."""

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


@dataclass(frozen=True)
class Base:
    """An image to make another one on. ``origin`` is the AMI that its whole bake began with.

    ``inputs`` are those of the image to be made.
    """

    image: dict[str, Any]
    origin: str
    inputs: dict[str, str]


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


def images(ec2: Any, image: str) -> list[dict[str, Any]]:
    """The available images of that name which this account has, the newest first."""
    of_image = resources.filters(**{"tag_chatlift:image": image, "state": "available"})
    found = ec2.describe_images(Owners=["self"], Filters=of_image)["Images"]
    return sorted(found, key=lambda one: str(one["CreationDate"]), reverse=True)


def decide(found: list[dict[str, Any]], image: str, inputs: Mapping[str, str]) -> Decision:
    """Compare ``inputs`` with the ``images`` of that name."""
    wanted = fingerprint.digest(dict(inputs))
    current = next((i for i in found if _tags(i).get("chatlift:fingerprint") == wanted), None)
    previous = found[0] if found else None
    if current:
        return Decision(current, previous, [])
    if previous is None:
        return Decision(None, None, [f"there is no image {image} yet"])
    return Decision(None, previous, _differences(previous, inputs))


def base(
    found: list[dict[str, Any]], image: str, inputs: Mapping[str, str], renewed: list[str]
) -> Base:
    """The image of ``found`` that is to be given new ``renewed`` inputs: the newest that has all
    others.

    One that began with another source AMI will do where none has all of them: newer ones come out
    every few days, and no release should have to wait for a whole bake because of that.

    Raises:
        ChatliftError: There is none.
    """
    older: Base | None = None
    for one in found:
        if "chatlift:fingerprint" not in _tags(one):
            continue
        origin = _origin(one)
        if _fits(one, inputs, renewed):
            return Base(one, origin, dict(inputs))
        own = {**inputs, "source-ami": fingerprint.digest(origin)}
        if older is None and _fits(one, own, renewed):
            older = Base(one, origin, own)
    if older is not None:
        return older
    bake = f"Bake the whole image: ansible-playbook playbooks/bake.yml --limit image-{image}"
    if not found:
        raise ChatliftError(
            f"There is no image that could be given a new {_listed(renewed)}. {bake}"
        )
    others = [
        reason for reason in _differences(found[0], inputs) if reason.split()[0] not in renewed
    ]
    raise ChatliftError(
        f"No image differs from what is wanted in nothing but {_listed(renewed)}; of the newest,"
        f" {found[0]['ImageId']}: {_listed(others) or 'it was not completed'}. {bake}"
    )


def _fits(image: dict[str, Any], inputs: Mapping[str, str], renewed: list[str]) -> bool:
    recorded = _tags(image).get("chatlift:inputs", "")
    changed = {f"{name} changed" for name in renewed}
    return set(fingerprint.differences(recorded, inputs)) <= changed


def _differences(image: dict[str, Any], inputs: Mapping[str, str]) -> list[str]:
    recorded = _tags(image).get("chatlift:inputs")
    if recorded is None:
        return [f"{image['ImageId']} does not say what it was made of"]
    return fingerprint.differences(recorded, inputs)


def _origin(image: dict[str, Any]) -> str:
    """The AMI that a whole bake began with, of the image or of the one that it was made on."""
    tags = _tags(image)
    return tags.get("chatlift:origin-ami") or tags.get("chatlift:source-ami", "")


def _tags(image: dict[str, Any]) -> dict[str, str]:
    return resources.tag_dict(image.get("Tags"))


def _listed(names: list[str]) -> str:
    return ", ".join(names)


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
