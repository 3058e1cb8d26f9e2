"""The bucket of access logs, against an emulated account."""

from __future__ import annotations

import json
from typing import Any

from ...conftest import REGION, STACK

BUCKET = f"chatlift-{STACK}-logs-123456789012-{REGION}"


def test_the_bucket_is_made_once(aws: Any, run_module: Any) -> None:
    made = run_module("log_bucket", stack=STACK)
    assert made["changed"]
    assert made["bucket"] == BUCKET
    again = run_module("log_bucket", stack=STACK)
    assert not again["changed"], again["diff"]


def test_the_load_balancer_may_write_and_cloudfront_may_add_itself(
    aws: Any, run_module: Any
) -> None:
    run_module("log_bucket", stack=STACK)
    s3 = aws("s3")
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    (allowed,) = [one for one in policy["Statement"] if one["Effect"] == "Allow"]
    assert allowed["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert allowed["Resource"] == f"arn:aws:s3:::{BUCKET}/alb/AWSLogs/123456789012/*"
    ownership = s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]
    assert ownership["Rules"] == [{"ObjectOwnership": "BucketOwnerPreferred"}]


def test_logs_are_kept_for_as_long_as_asked(aws: Any, run_module: Any) -> None:
    run_module("log_bucket", stack=STACK)
    changed = run_module("log_bucket", stack=STACK, retention_days=365)
    assert list(changed["diff"]["after"]) == [f"life cycle of {BUCKET}"]
    (rule,) = aws("s3").get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert rule["Expiration"] == {"Days": 365}


def test_check_mode_makes_nothing(aws: Any, run_module: Any) -> None:
    assert run_module("log_bucket", check=True, stack=STACK)["changed"]
    assert not aws("s3").list_buckets()["Buckets"]


def test_absent_deletes_the_logs_too(aws: Any, run_module: Any) -> None:
    run_module("log_bucket", stack=STACK)
    aws("s3").put_object(Bucket=BUCKET, Key="alb/1", Body=b"1")
    assert run_module("log_bucket", stack=STACK, state="absent")["changed"]
    assert not aws("s3").list_buckets()["Buckets"]
    assert not run_module("log_bucket", stack=STACK, state="absent")["changed"]
