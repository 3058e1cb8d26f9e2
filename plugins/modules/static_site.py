#!/usr/bin/python
# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
module: static_site
short_description: A static front end in a private bucket, release by release
version_added: 0.1.0
description:
  - Keeps the bucket C(chatlift-<stack>-edge-<account>-<region>), which is private, encrypted and
    versioned and is reached over TLS alone, and uploads a directory into it as a release. Only
    CloudFront reads it, once M(chatlift.aws.distribution) has allowed that.
  - A release has the prefix C(releases/<digest>/), and its digest is that of its files. What is
    there is not uploaded again, and what visitors are shown does not change by an upload;
    M(chatlift.aws.distribution) switches to a release at one moment.
  - The files of the release before whose names change with their contents are taken along, so that
    a page which was loaded before the switch finds its parts after it.
  - Names that begin with a dot are left out, but for C(.well-known).
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description:
      - Whether the bucket exists. V(absent) deletes it with everything in it.
      - V(uploaded) uploads the files ahead and makes no release of them. It deletes nothing; the
        next one that is V(present) does, where they became none.
    type: str
    choices: [present, uploaded, absent]
    default: present
  directory:
    description: The front end, a directory with an C(index.html). Required unless O(state=absent).
    type: path
  immutable:
    description: >-
      Regular expression that is found in the path of every file whose name changes with its
      contents. Browsers keep those for a year.
    type: str
    default: '[.-][0-9a-f]{8,}\.[^/]+$'
  browser_seconds:
    description: >-
      For how long browsers may keep other files without asking. CloudFront keeps them for a day, or
      until the next release.
    type: int
    default: 0
  keep:
    description: How many releases to keep, two at least; the one before is still being shown.
    type: int
    default: 5
  noncurrent_days:
    description: Days for which what was deleted or overwritten can be restored.
    type: int
    default: 30
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Says what would be made, uploaded and deleted.
    support: full
  diff_mode:
    description: Shows the bucket's settings before and after, and the files uploaded.
    support: full
author:
  - The chatlift authors (@chatlift)
"""

EXAMPLES = r"""
- name: Upload the front end
  chatlift.aws.static_site:
    stack: demo
    directory: dist
    immutable: ^assets/ # where Vite puts them
"""

RETURN = r"""
bucket:
  description: The bucket's name.
  type: str
  returned: always
release:
  description: The release's digest.
  type: str
  returned: unless absent
files:
  description: The paths of the release's files.
  type: list
  elements: str
  returned: unless absent
invalidate:
  description: >-
    What edge locations that showed the release before have to forget, as paths for CloudFront; of a
    hundred and more, all.
  type: list
  elements: str
  returned: when present
  sample: [/, /index.html]
"""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.chatlift.aws.plugins.module_utils import bucket, layout, site_release
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes
from ansible_collections.chatlift.aws.plugins.module_utils.resources import pages
from ansible_collections.chatlift.aws.plugins.module_utils.stack import run

ARGUMENTS = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "uploaded", "absent"], "default": "present"},
    "directory": {"type": "path"},
    "immutable": {"type": "str", "default": r"[.-][0-9a-f]{8,}\.[^/]+$"},
    "browser_seconds": {"type": "int", "default": 0},
    "keep": {"type": "int", "default": 5},
    "noncurrent_days": {"type": "int", "default": 30},
}

# Which releases there are, the newest last, and which of their files never change. It is no part of
# any release, so that CloudFront cannot show it.
HISTORY = "releases.json"
MOST_PATHS = 100
UPLOADS_AT_ONCE = 8

Release = dict


def present(module: AnsibleAWSModule, changes: Changes) -> dict:
    params = module.params
    files = site_release.read(params["directory"], params["immutable"], params["browser_seconds"])
    digest = site_release.digest(files)
    s3, name = module.client("s3"), _bucket_name(module)
    bucket.ensure(
        s3,
        changes,
        bucket.Bucket(
            name,
            module.region,
            layout.tags(params["stack"], name),
            lifecycle=_lifecycle(params["noncurrent_days"]),
        ),
    )
    site = Site(s3, changes, name)
    if params["state"] == "uploaded":
        site.upload(digest, files, [])
        return {"bucket": name, "release": digest, "files": [file.path for file in files]}
    history = _history(s3, name)
    site.upload(digest, files, [one for one in history if one["digest"] != digest][-1:])
    history = site.remember(digest, files, history, max(params["keep"], 2))
    return {
        "bucket": name,
        "release": digest,
        "files": [file.path for file in files],
        "invalidate": _to_invalidate(history),
    }


def absent(module: AnsibleAWSModule, changes: Changes) -> dict:
    name = _bucket_name(module)
    bucket.delete(module.client("s3"), changes, name)
    return {"bucket": name}


class Site:
    """The releases in a stack's bucket."""

    def __init__(self, s3: Any, changes: Changes, name: str) -> None:
        self.s3 = s3
        self.changes = changes
        self.name = name

    def upload(self, digest: str, files: list[site_release.File], before: list[Release]) -> None:
        there = self._paths(digest)
        missing = [file for file in files if file.path not in there]
        own = {file.path for file in files}
        carried = {
            path: release["digest"]
            for release in before
            for path in release["immutable"]
            if path not in own | there
        }
        if missing or carried:
            self.changes.apply(
                f"release {digest}",
                sorted(there),
                sorted(there | own | set(carried)),
                self._upload,
                digest=digest,
                files=missing,
                carried=carried,
            )

    def remember(
        self,
        digest: str,
        files: list[site_release.File],
        history: list[Release],
        keep: int,
    ) -> list[Release]:
        """Write the release down as the newest, and delete those that are too many."""
        release = {
            "digest": digest,
            "immutable": [file.path for file in files if file.immutable],
            "mutable": [file.path for file in files if not file.immutable],
        }
        wanted = [*(one for one in history if one["digest"] != digest), release][-keep:]
        if wanted == history:
            return wanted
        kept = [one["digest"] for one in wanted]
        self.changes.apply(
            "releases",
            [one["digest"] for one in history],
            kept,
            self._remember,
            wanted=wanted,
            gone=[one for one in self._digests() if one not in kept],
        )
        return wanted

    def _upload(self, digest: str, files: list[site_release.File], carried: dict[str, str]) -> None:
        def put(file: site_release.File) -> None:
            with file.source.open("rb") as body:
                self.s3.put_object(
                    Bucket=self.name,
                    Key=f"releases/{digest}/{file.path}",
                    Body=body,
                    ContentType=file.content_type,
                    CacheControl=file.cache_control,
                )

        def carry(path: str) -> None:
            self.s3.copy_object(
                Bucket=self.name,
                Key=f"releases/{digest}/{path}",
                CopySource={"Bucket": self.name, "Key": f"releases/{carried[path]}/{path}"},
            )

        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
            list(pool.map(put, files))
            list(pool.map(carry, carried))

    def _remember(self, wanted: list[Release], gone: list[str]) -> None:
        self.s3.put_object(
            Bucket=self.name,
            Key=HISTORY,
            Body=json.dumps(wanted).encode(),
            ContentType="application/json",
        )
        for digest in gone:
            keys = [{"Key": f"releases/{digest}/{path}"} for path in sorted(self._paths(digest))]
            bucket.delete_objects(self.s3, self.name, keys)

    def _digests(self) -> list[str]:
        """All that was ever uploaded, and not deleted since."""
        try:
            listed = pages(
                self.s3,
                "list_objects_v2",
                "CommonPrefixes",
                Bucket=self.name,
                Prefix="releases/",
                Delimiter="/",
            )
        except self.s3.exceptions.NoSuchBucket:  # in check mode
            return []
        return [one["Prefix"].split("/")[1] for one in listed]

    def _paths(self, digest: str) -> set[str]:
        """The files that a release has in the bucket."""
        prefix = f"releases/{digest}/"
        try:
            listed = pages(self.s3, "list_objects_v2", "Contents", Bucket=self.name, Prefix=prefix)
        except self.s3.exceptions.NoSuchBucket:  # in check mode
            listed = []
        return {one["Key"].removeprefix(prefix) for one in listed}


def _history(s3: Any, name: str) -> list[Release]:
    try:
        answer = s3.get_object(Bucket=name, Key=HISTORY)
    except (s3.exceptions.NoSuchKey, s3.exceptions.NoSuchBucket):
        return []
    return json.loads(answer["Body"].read())


def _to_invalidate(history: list[Release]) -> list[str]:
    paths = {quote(f"/{path}") for release in history[-2:] for path in release["mutable"]}
    return ["/", *sorted(paths)] if len(paths) < MOST_PATHS else ["/*"]


def _lifecycle(noncurrent_days: int) -> list[dict[str, Any]]:
    """Releases go by number, not by age: the one that is shown may be old."""
    return [
        {
            "ID": "deleted",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": noncurrent_days},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        }
    ]


def _bucket_name(module: AnsibleAWSModule) -> str:
    account = module.client("sts").get_caller_identity()["Account"]
    return layout.bucket_name(module.params["stack"], "edge", account, module.region)


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ["directory"]), ("state", "uploaded", ["directory"])],
    )
    run(module, absent if module.params["state"] == "absent" else present)


if __name__ == "__main__":
    main()
