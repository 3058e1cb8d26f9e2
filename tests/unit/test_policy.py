"""The evaluator of policies answers as the documentation of IAM says."""

from __future__ import annotations

from typing import Any

import pytest

from .policy import Context, allows

VOLUME = "arn:aws:ec2:eu-central-1:123456789012:volume/vol-1"


def _statement(condition: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    allowed = {"Effect": "Allow", "Action": "ec2:AttachVolume", "Resource": "*"}
    return {**allowed, **({"Condition": condition} if condition else {}), **changed}


def _allows(statements: list[dict[str, Any]], context: Context | None = None) -> bool:
    return allows(statements, "ec2:AttachVolume", VOLUME, context or {})


def test_what_nothing_allows_is_denied() -> None:
    assert not _allows([])


def test_a_denial_outweighs_what_is_allowed() -> None:
    assert _allows([_statement()])
    assert not _allows([_statement(), _statement(Effect="Deny")])


@pytest.mark.parametrize(
    ("action", "matches"),
    [
        ("ec2:AttachVolume", True),
        ("EC2:attachvolume", True),
        ("ec2:Attach*", True),
        (["ec2:Detach*", "ec2:*"], True),
        ("ec2:Attach", False),
        ("ec2:AttachVolum?", True),
        ("ec2.AttachVolume", False),
    ],
)
def test_actions_match_without_case_and_with_wildcards(action: Any, matches: bool) -> None:
    assert _allows([_statement(Action=action)]) is matches


@pytest.mark.parametrize(
    ("resource", "matches"),
    [
        ("arn:aws:ec2:*:*:volume/*", True),
        ("arn:aws:ec2:*:*:instance/*", False),
        ("arn:aws:ec2:*:*:volume/vol-??", False),
        ("arn:aws:ec2:*:*:VOLUME/*", False),
        (["arn:aws:ec2:*:*:instance/*", VOLUME], True),
    ],
)
def test_resources_match_with_case(resource: Any, matches: bool) -> None:
    assert _allows([_statement(Resource=resource)]) is matches


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"aws:ResourceTag/a": "x"}}, {"aws:ResourceTag/a": "x"}, True),
        ({"StringEquals": {"aws:ResourceTag/a": "x"}}, {"aws:resourcetag/a": "x"}, True),
        ({"StringEquals": {"aws:ResourceTag/a": "x"}}, {"aws:ResourceTag/a": "X"}, False),
        ({"StringEquals": {"aws:ResourceTag/a": "x*"}}, {"aws:ResourceTag/a": "xy"}, False),
        ({"StringEquals": {"aws:ResourceTag/a": "x"}}, {}, False),
        ({"StringEquals": {"k": ["x", "y"]}}, {"k": "y"}, True),
        ({"StringEquals": {"k": "x", "l": "y"}}, {"k": "x"}, False),
        ({"StringEquals": {"k": "x"}, "Bool": {"l": True}}, {"k": "x", "l": "true"}, True),
        ({"StringEquals": {"k": "x"}, "Bool": {"l": True}}, {"k": "x", "l": "false"}, False),
        ({"StringLike": {"k": "x*"}}, {"k": "xyz"}, True),
        ({"ArnEquals": {"k": "arn:*:volume/*"}}, {"k": VOLUME}, True),
        ({"ForAllValues:StringEquals": {"k": ["x", "y"]}}, {"k": ["x"]}, True),
        ({"ForAllValues:StringEquals": {"k": ["x", "y"]}}, {"k": ["x", "z"]}, False),
        ({"ForAllValues:StringEquals": {"k": "x"}}, {}, True),
        ({"ForAnyValue:StringEquals": {"k": "x"}}, {"k": ["z", "x"]}, True),
        ({"ForAnyValue:StringEquals": {"k": "x"}}, {}, False),
        ({"Null": {"k": "false"}}, {"k": "x"}, True),
        ({"Null": {"k": "false"}}, {}, False),
        ({"Null": {"k": "true"}}, {}, True),
        ({"StringEquals": {"k": "${l}"}}, {"k": "x", "l": "x"}, True),
        ({"StringEquals": {"k": "${l}"}}, {"k": "x", "l": "y"}, False),
        ({"StringEquals": {"k": "${l}"}}, {"k": "x"}, False),
        ({"StringLike": {"k": "${l}"}}, {"k": "xyz", "l": "*"}, False),
    ],
)
def test_conditions(condition: dict[str, Any], context: Context, holds: bool) -> None:
    assert _allows([_statement(condition)], context) is holds


@pytest.mark.parametrize(
    "statement",
    [
        _statement({"DateGreaterThan": {"k": "2026-01-01"}}),
        _statement({"ForSomeValues:StringEquals": {"k": "x"}}),
        _statement(NotResource="*"),
    ],
)
def test_what_it_does_not_know_is_refused_rather_than_guessed(statement: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError, match="does not know"):
        _allows([statement], {"k": "x"})
