"""What a bucket's policy says of one request.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

Verdict = Literal["allow", "deny", "silent"]


@dataclass(frozen=True)
class Principal:
    """Who asks: ``kind`` is ``AWS`` or ``Service``; nobody in particular has no name."""

    kind: Literal["AWS", "Service"] = "AWS"
    name: str = ""


ANONYMOUS = Principal()


@dataclass(frozen=True)
class Request:
    """One action on one resource, with the condition keys of its context."""

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)


def evaluate(policy: str | bytes | None, request: Request) -> Verdict:
    """An explicit denial wins over every permission."""
    verdict: Verdict = "silent"
    for statement in _list(json.loads(policy or "{}").get("Statement")):
        if not _applies(statement, request):
            continue
        if statement["Effect"] == "Deny":
            return "deny"
        verdict = "allow"
    return verdict


def _applies(statement: dict[str, Any], request: Request) -> bool:
    return (
        _either(statement, "Principal", lambda value: _is_principal(value, request.principal))
        and _either(statement, "Action", lambda value: _matches(request.action, value, fold=True))
        and _either(statement, "Resource", lambda value: _matches(request.resource, value))
        and all(
            _holds(test, key, _list(values), request.context, statement["Effect"] == "Deny")
            for test, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _either(statement: dict[str, Any], element: str, holds: Callable[[Any], bool]) -> bool:
    if element in statement:
        return holds(statement[element])
    return f"Not{element}" in statement and not holds(statement[f"Not{element}"])


def _is_principal(given: Any, principal: Principal) -> bool:
    if given == "*":
        return True
    names = _list(given.get(principal.kind))
    if principal.kind == "AWS" and "*" in names:
        return True
    # An account's number and its root both mean everybody in the account.
    account = principal.name.split(":")[4] if principal.name.startswith("arn:") else ""
    known = {principal.name, account, f"arn:aws:iam::{account}:root"} if principal.name else set()
    return any(name in known for name in names)


def _matches(value: str, patterns: Any, fold: bool = False) -> bool:
    if fold:
        return any(_like(value.lower(), pattern.lower()) for pattern in _list(patterns))
    return any(_like(value, pattern) for pattern in _list(patterns))


def _like(value: str, pattern: str) -> bool:
    """``*`` and ``?`` are wildcards; brackets, which fnmatch knows too, are not."""
    return fnmatchcase(value, pattern.replace("[", "[[]"))


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "StringEquals": operator.eq,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "NumericEquals": lambda value, wanted: float(value) == float(wanted),
    "NumericLessThan": lambda value, wanted: float(value) < float(wanted),
    "NumericLessThanEquals": lambda value, wanted: float(value) <= float(wanted),
    "NumericGreaterThan": lambda value, wanted: float(value) > float(wanted),
    "NumericGreaterThanEquals": lambda value, wanted: float(value) >= float(wanted),
}


def _holds(
    test: str, key: str, values: list[str], context: Mapping[str, str], denies: bool
) -> bool:
    """Whether a condition is met; one that is not known here makes a statement stricter."""
    name = test.removesuffix("IfExists")
    present = {known.lower(): value for known, value in context.items()}.get(key.lower())
    wanted = [str(value) for value in values]
    if name == "Null":
        return wanted == [str(present is None).lower()]
    negated = "Not" in name
    known_test = _TESTS.get(name.replace("Not", ""))
    if known_test is None:
        return denies
    if present is None:
        return negated or test != name
    return any(known_test(present, value) for value in wanted) != negated


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
