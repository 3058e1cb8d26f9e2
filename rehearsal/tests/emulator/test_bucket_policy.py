"""What a bucket's policy says of a request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chatlift_rehearsal.emulator.bucket_policy import ANONYMOUS, Principal, Request, evaluate

ACCOUNT = Principal("AWS", "arn:aws:iam::123456789012:root")
CLOUDFRONT = Principal("Service", "cloudfront.amazonaws.com")
OBJECT = "arn:aws:s3:::pages/index.html"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(principal: Any, **more: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::pages/*",
        **more,
    }


def ask(principal: Principal, action: str = "s3:GetObject", **context: str) -> Request:
    return Request(principal, action, OBJECT, {k.replace("_", ":"): v for k, v in context.items()})


def test_no_policy_says_nothing() -> None:
    assert evaluate(None, ask(ANONYMOUS)) == "silent"


@pytest.mark.parametrize(
    ("principal", "asks", "verdict"),
    [
        ("*", ANONYMOUS, "allow"),
        ({"AWS": "*"}, ANONYMOUS, "allow"),
        ({"AWS": "*"}, CLOUDFRONT, "silent"),
        ({"AWS": "123456789012"}, ACCOUNT, "allow"),
        ({"AWS": "123456789012"}, ANONYMOUS, "silent"),
        ({"Service": "cloudfront.amazonaws.com"}, CLOUDFRONT, "allow"),
        ({"Service": ["logs.amazonaws.com"]}, CLOUDFRONT, "silent"),
    ],
)
def test_principals(principal: Any, asks: Principal, verdict: str) -> None:
    assert evaluate(policy(allow(principal)), ask(asks)) == verdict


def test_denial_wins() -> None:
    both = policy(allow("*"), {**allow("*"), "Effect": "Deny", "Action": "s3:*"})
    assert evaluate(both, ask(ANONYMOUS)) == "deny"


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:get*", "*"])
def test_actions_have_wildcards_and_no_case(action: str) -> None:
    assert evaluate(policy(allow("*", Action=action)), ask(ANONYMOUS)) == "allow"


def test_what_a_statement_does_not_name() -> None:
    other = allow("*", Resource="arn:aws:s3:::other/*")
    assert evaluate(policy(other), ask(ANONYMOUS)) == "silent"
    everything_else = {k: v for k, v in other.items() if k != "Resource"}
    everything_else["NotResource"] = "arn:aws:s3:::other/*"
    assert evaluate(policy(everything_else), ask(ANONYMOUS)) == "allow"


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ({"Bool": {"aws:SecureTransport": "true"}}, "allow"),
        ({"Bool": {"AWS:SECURETRANSPORT": False}}, "silent"),
        ({"StringEquals": {"AWS:SourceArn": ["arn:1", "arn:2"]}}, "allow"),
        ({"ArnLike": {"aws:SourceArn": "arn:*"}}, "allow"),
        ({"StringNotEquals": {"aws:SourceArn": "arn:1"}}, "silent"),
        ({"StringEquals": {"aws:Absent": "x"}}, "silent"),
        ({"StringEqualsIfExists": {"aws:Absent": "x"}}, "allow"),
        ({"StringNotEquals": {"aws:Absent": "x"}}, "allow"),
        ({"Null": {"aws:Absent": "true"}}, "allow"),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, "silent"),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, "silent"),
    ],
)
def test_conditions(condition: Any, verdict: str) -> None:
    context = {"aws_SecureTransport": "true", "aws_SourceArn": "arn:1", "s3_TlsVersion": "1.3"}
    request = ask(ANONYMOUS, **context)
    assert evaluate(policy(allow("*", Condition=condition)), request) == verdict


def test_condition_that_is_not_known_makes_a_denial_stricter() -> None:
    statement = {**allow("*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})}
    assert evaluate(policy({**statement, "Effect": "Deny"}), ask(ANONYMOUS)) == "deny"
