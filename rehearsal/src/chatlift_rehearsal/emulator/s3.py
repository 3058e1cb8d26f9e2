"""S3 that lets in whom bucket policies, access-control lists and public-access blocks let in.

moto evaluates a bucket's policy without its principals and conditions, so that one which denies
plain HTTP denies everything, and lets anybody read through a public-access block.
"""

from __future__ import annotations

from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3 import models
from moto.s3.exceptions import BucketAccessDeniedError, MissingBucket
from moto.s3.responses import S3Response
from moto.s3.utils import bucket_policy_is_public

from . import state
from .bucket_policy import ANONYMOUS, Principal, Request, evaluate

CLOUDFRONT = Principal("Service", "cloudfront.amazonaws.com")
SOURCE_ARN = "chatlift.source_arn"
"""In a WSGI environment: the distribution on whose behalf CloudFront asks. No client can set it."""

# Clients reach AWS over TLS, and here without.
_TRANSPORT = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
_POLICY_ACTIONS = ("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy")


class Bucket(models.FakeBucket):
    """A bucket as new ones are since April 2023: closed to the public, without lists."""

    __module__ = "moto.s3.models"  # moto derives the service from it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.public_access_block = models.PublicAccessBlock("true", "true", "true", "true")
        self.ownership_rule: Any = "BucketOwnerEnforced"

    def get_permission(self, action: str, resource: str) -> Any:
        """Whatever comes here was admitted before."""
        return PermissionResult.PERMITTED


class S3Responses(S3Response):
    """S3's operations, one at a time."""

    def setup_class(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup_class(request, *args, **kwargs)
        self._environment = request.environ

    def bucket_response(self, *args: Any, **kwargs: Any) -> Any:
        with state.lock:
            return super().bucket_response(*args, **kwargs)

    def key_response(self, *args: Any, **kwargs: Any) -> Any:
        with state.lock:
            return super().key_response(*args, **kwargs)

    def _authenticate_and_authorize_s3_action(
        self, bucket_name: str | None = None, key_name: str | None = None
    ) -> None:
        action = str(self.data["Action"])
        principal = self._principal()
        bucket = self._bucket(bucket_name)
        if bucket is None:
            if principal == ANONYMOUS and bucket_name is None:
                raise BucketAccessDeniedError("")
            return
        if action == "PutBucketPolicy":
            self._require_private_policy(bucket)
        if principal.name.endswith(":root") and action in _POLICY_ACTIONS:
            return
        action = {"HeadObject": "GetObject", "HeadBucket": "ListBucket"}.get(action, action)
        if not self._admits(bucket, principal, action, key_name):
            raise BucketAccessDeniedError(bucket.name)
        # Whoever may not list a bucket is not told what it lacks.
        missing = action == "GetObject" and key_name not in bucket.keys
        if missing and not self._admits(bucket, principal, "ListBucket", None):
            raise BucketAccessDeniedError(bucket.name)

    def _principal(self) -> Principal:
        if SOURCE_ARN in self._environment:
            return CLOUDFRONT
        signed = "Authorization" in self.headers or "Signature=" in self.uri
        return (
            Principal("AWS", f"arn:aws:iam::{self.current_account}:root") if signed else ANONYMOUS
        )

    def _bucket(self, name: str | None) -> Bucket | None:
        try:
            bucket = self.backend.get_bucket(name) if name else None
        except MissingBucket:
            return None
        assert bucket is None or isinstance(bucket, Bucket)
        return bucket

    def _admits(self, bucket: Bucket, principal: Principal, action: str, key: str | None) -> bool:
        context = dict(_TRANSPORT)
        if source := self._environment.get(SOURCE_ARN):
            context |= {"aws:SourceArn": source, "aws:SourceAccount": self.current_account}
        resource = f"arn:aws:s3:::{bucket.name}" + (f"/{key}" if key else "")
        verdict = evaluate(bucket.policy, Request(principal, f"s3:{action}", resource, context))
        if verdict == "deny":
            return False
        if principal == ANONYMOUS:
            return self._admits_anybody(bucket, verdict == "allow", action, key)
        return verdict == "allow" or principal.kind == "AWS"

    def _admits_anybody(
        self, bucket: Bucket, by_policy: bool, action: str, key: str | None
    ) -> bool:
        block = bucket.public_access_block
        if by_policy:
            return not (block and block.restrict_public_buckets)
        if (block and block.ignore_public_acls) or bucket.ownership_rule == "BucketOwnerEnforced":
            return False
        listed = bucket.keys.get(key) if key else bucket
        return action in ("GetObject", "ListBucket") and bool(
            listed and listed.acl and listed.acl.public_read
        )

    def _require_private_policy(self, bucket: Bucket) -> None:
        block = bucket.public_access_block
        if block and block.block_public_policy and bucket_policy_is_public(self.body):
            raise BucketAccessDeniedError(bucket.name)
