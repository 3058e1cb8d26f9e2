"""What IAM answers to a call under one identity policy.

The part of the evaluation logic that the policies of this collection use; the rest is refused.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Context = Mapping[str, str | list[str]]
"""Condition keys of a request; a list is a key with several values, such as ``aws:TagKeys``."""


def allows(statements: list[dict[str, Any]], action: str, resource: str, context: Context) -> bool:
    """Whether a call is allowed: some statement allows it, and none denies it.

    A call on several resources needs each of them to be allowed, with that resource's tags.
    """
    keys = {key.lower(): value for key, value in context.items()}
    effects = {
        statement["Effect"]
        for statement in statements
        if _concerns(statement, action, resource, keys)
    }
    return effects == {"Allow"}


def _concerns(statement: dict[str, Any], action: str, resource: str, keys: Context) -> bool:
    unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
    if unknown:
        raise NotImplementedError(f"This evaluator does not know {', '.join(sorted(unknown))}.")
    return (
        any(_like(action.lower(), one.lower()) for one in several(statement["Action"]))
        and any(_resource_matches(resource, one, keys) for one in several(statement["Resource"]))
        and all(
            _holds(operator, key.lower(), several(wanted), keys)
            for operator, conditions in statement.get("Condition", {}).items()
            for key, wanted in conditions.items()
        )
    )


def _resource_matches(resource: str, pattern: str, keys: Context) -> bool:
    resolved = _resolved(pattern, keys)
    return resolved is not None and _like(resource, resolved)


def _holds(operator: str, key: str, wanted: list[Any], keys: Context) -> bool:
    """Whether one key of a condition block is satisfied; several wanted values are alternatives."""
    quantifier, _colon, comparison = operator.rpartition(":")
    if comparison == "Null":
        return [str(one).lower() for one in wanted] == [str(key not in keys).lower()]
    present = [str(one) for one in several(keys[key])] if key in keys else []
    results = [_compare(comparison, one, wanted, keys) for one in present]
    if quantifier == "ForAllValues":
        return all(results)  # also of no value at all
    if quantifier == "ForAnyValue":
        return any(results)
    if quantifier:
        raise NotImplementedError(f"This evaluator does not know {quantifier}.")
    return len(present) == 1 and results[0]


def _compare(comparison: str, value: str, wanted: list[Any], keys: Context) -> bool:
    texts = [text for one in wanted if (text := _resolved(_text(one), keys)) is not None]
    match comparison:
        case "StringEquals":
            return value in [_without_escapes(text) for text in texts]
        case "StringLike" | "ArnLike" | "ArnEquals":
            return any(_like(value, text) for text in texts)
        case "Bool":
            return value.lower() in [text.lower() for text in texts]
    raise NotImplementedError(f"This evaluator does not know {comparison}.")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _resolved(text: str, keys: Context) -> str | None:
    """The text with its policy variables; None when the request has no such key, or several values.

    A value cannot smuggle in a wildcard: those of a variable mean themselves.
    """
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        found = keys.get(match[1].lower())
        missing = missing or not isinstance(found, str)
        return re.sub(r"([*?])", r"\\\1", str(found))

    resolved = re.sub(r"\$\{([\w:/.-]+)\}", value, text)
    return None if missing else resolved


def _without_escapes(text: str) -> str:
    return re.sub(r"\\([*?])", r"\1", text)


def _like(value: str, pattern: str) -> bool:
    """Whether the pattern, with its wildcards ``*`` and ``?`` unless escaped, fits the value."""
    wildcards = {"*": ".*", "?": "."}
    parts = re.findall(r"\\[*?]|.", pattern, re.DOTALL)
    expression = "".join(wildcards.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(expression, value, re.DOTALL) is not None


def several(value: Any) -> list[Any]:
    """An element of a policy that may be one value or a list of them, as a list."""
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str) else [value]
