# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A private bucket: closed to the public, encrypted, reached over TLS alone."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Callable

with suppress(ImportError):  # AnsibleAWSModule says so when boto3 is missing
    from botocore.exceptions import ClientError

from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.resources import (
    error_code,
    holds,
    tag_dict,
    tag_list,
)

Statement = dict

# AWS answers so when a bucket has no such setting, or does not exist.
UNSET = (
    "NoSuchBucket",
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
)
# As many objects as one request may delete.
DELETED_AT_ONCE = 1000

CLOSED = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}


@dataclass(frozen=True)
class Bucket:
    """What a bucket has to be. AWS's delivery of logs needs another ``ownership``: it makes use of
    access-control lists."""

    name: str
    region: str
    tags: dict[str, str]
    lifecycle: list[dict[str, Any]]
    versioned: bool = True
    ownership: str = "BucketOwnerEnforced"
    statements: list[Statement] = field(default_factory=list)


def ensure(s3: Any, changes: Changes, bucket: Bucket) -> None:
    """Make the bucket, or mend it."""
    if not exists(s3, bucket.name):
        _create(s3, changes, bucket)

    def current(get: Callable[..., dict[str, Any]], key: str) -> Any:
        return _setting(get, bucket.name).get(key)

    for what, found, wanted, put, key in (
        (
            "public access",
            current(s3.get_public_access_block, "PublicAccessBlockConfiguration"),
            CLOSED,
            s3.put_public_access_block,
            "PublicAccessBlockConfiguration",
        ),
        (
            "ownership",
            current(s3.get_bucket_ownership_controls, "OwnershipControls"),
            {"Rules": [{"ObjectOwnership": bucket.ownership}]},
            s3.put_bucket_ownership_controls,
            "OwnershipControls",
        ),
        (
            "encryption",
            current(s3.get_bucket_encryption, "ServerSideEncryptionConfiguration"),
            ENCRYPTED,
            s3.put_bucket_encryption,
            "ServerSideEncryptionConfiguration",
        ),
        (
            "versioning",
            {"Status": current(s3.get_bucket_versioning, "Status")},
            {"Status": "Enabled"} if bucket.versioned else {},
            s3.put_bucket_versioning,
            "VersioningConfiguration",
        ),
        (
            "life cycle",
            {"Rules": current(s3.get_bucket_lifecycle_configuration, "Rules")},
            {"Rules": bucket.lifecycle},
            s3.put_bucket_lifecycle_configuration,
            "LifecycleConfiguration",
        ),
    ):
        if not holds(found, wanted):
            changes.apply(
                f"{what} of {bucket.name}", found, wanted, put, Bucket=bucket.name, **{key: wanted}
            )
    _tag(s3, changes, bucket, tag_dict(current(s3.get_bucket_tagging, "TagSet")))
    ensure_statements(s3, changes, bucket.name, [tls_only(bucket.name), *bucket.statements])


def ensure_statements(s3: Any, changes: Changes, name: str, wanted: list[Statement]) -> None:
    """See that the bucket's policy has these statements; others, by their Sid, stay."""
    text = _setting(s3.get_bucket_policy, name).get("Policy")
    before = json.loads(text)["Statement"] if text else []
    wanted_by_sid = {one["Sid"]: one for one in wanted}
    kept = [wanted_by_sid.pop(one.get("Sid"), one) for one in before]
    after = [*kept, *wanted_by_sid.values()]
    if after != before:
        policy = json.dumps({"Version": "2012-10-17", "Statement": after})
        changes.apply(
            f"policy of {name}", before, after, s3.put_bucket_policy, Bucket=name, Policy=policy
        )


def delete(s3: Any, changes: Changes, name: str) -> None:
    """Delete the bucket with all versions of everything in it."""
    if exists(s3, name):
        changes.apply(f"bucket {name}", "present", None, _delete, s3=s3, name=name)


def exists(s3: Any, name: str) -> bool:
    """Whether there is such a bucket of this account.

    Raises:
        ChatliftError: It is somebody else's.
    """
    try:
        s3.head_bucket(Bucket=name)
    except ClientError as error:
        if error_code(error) in ("404", "NoSuchBucket"):
            return False
        if error_code(error) == "403":
            raise ChatliftError(
                f"The bucket {name} belongs to another account, or your credentials may not list"
                f" it. Allow s3:ListBucket, or choose another chatlift_stack."
            ) from error
        raise
    return True


def tls_only(name: str) -> Statement:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def delete_objects(s3: Any, name: str, objects: list[dict[str, str]]) -> None:
    for start in range(0, len(objects), DELETED_AT_ONCE):
        part = objects[start : start + DELETED_AT_ONCE]
        answer = s3.delete_objects(Bucket=name, Delete={"Objects": part, "Quiet": True})
        for error in answer.get("Errors", []):
            raise ChatliftError(
                f"{error['Key']} of the bucket {name} cannot be deleted: {error['Message']}"
            )


def _create(s3: Any, changes: Changes, bucket: Bucket) -> None:
    # us-east-1 is where a bucket is without a constraint, and cannot be named as one.
    place = (
        {}
        if bucket.region == "us-east-1"
        else {"CreateBucketConfiguration": {"LocationConstraint": bucket.region}}
    )
    changes.apply(
        f"bucket {bucket.name}",
        None,
        "present",
        s3.create_bucket,
        Bucket=bucket.name,
        ObjectOwnership=bucket.ownership,
        **place,
    )


def _tag(s3: Any, changes: Changes, bucket: Bucket, found: dict[str, str]) -> None:
    wanted = {**found, **bucket.tags}
    if wanted != found:
        changes.apply(
            f"tags of {bucket.name}",
            found,
            wanted,
            s3.put_bucket_tagging,
            Bucket=bucket.name,
            Tagging={"TagSet": tag_list(wanted)},
        )


def _setting(get: Callable[..., dict[str, Any]], name: str) -> dict[str, Any]:
    try:
        return get(Bucket=name)
    except ClientError as error:
        if error_code(error) in UNSET:
            return {}
        raise


def _delete(s3: Any, name: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        delete_objects(
            s3, name, [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
        )
    s3.delete_bucket(Bucket=name)
