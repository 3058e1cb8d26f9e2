# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run in check mode would change, by resource, read from its results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

NOTHING = "-"
WIDTH = 96
"""Longest text of a value; user data and policies are longer."""


def failures(report: dict[str, Any]) -> list[str]:
    """What failed tasks said, each with its host."""
    return [
        f"{host}: {result.get('msg', 'failed')}"
        for _task, host, result in _results(report)
        if (result.get("failed") or result.get("unreachable"))
        and not result.get("_ansible_ignore_errors")
    ]


def changes(report: dict[str, Any]) -> list[dict[str, str]]:
    """One entry a resource and value: ``host``, ``resource``, ``change``, ``before``, ``after``.

    ``report`` is what the callback ansible.posix.json writes.
    """
    found = []
    for task, host, result in _results(report):
        if not result.get("changed"):
            continue
        rows = list(_of_result(task, result))
        found += [{"host": host, **row} for row in rows or [_row(task, "change", None, None)]]
    return found


def _results(report: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for play in report["plays"]:
        for task in play["tasks"]:
            name = task["task"]["name"].rpartition(" : ")[2]
            for host, result in task["hosts"].items():
                # A loop's results have what each of its turns would do.
                for one in result.get("results") or [result]:
                    yield name, host, one


def _of_result(task: str, result: dict[str, Any]) -> Iterator[dict[str, str]]:
    diffs = result.get("diff") or []
    for diff in diffs if isinstance(diffs, list) else [diffs]:
        before, after = diff.get("before"), diff.get("after")
        if isinstance(before, dict) and isinstance(after, dict):
            for resource in after:
                yield from _of_resource(resource, before.get(resource), after[resource])
        elif result.get("reasons"):
            yield _row(task, "bake", None, ", ".join(result["reasons"]))
        elif before != after:
            yield _row(diff.get("before_header") or task, "change", before, after)


def _of_resource(resource: str, before: Any, after: Any) -> Iterator[dict[str, str]]:
    if before is None:
        yield _row(resource, "create", None, after)
    elif after is None:
        yield _row(resource, "delete", before, None)
    else:
        for path, old, new in _differences(before, after):
            yield _row(" ".join([resource, *path]), "change", old, new)


def _differences(before: Any, after: Any) -> Iterator[tuple[list[str], Any, Any]]:
    """The values that differ, each with the keys that lead to it; of lists, what goes and comes."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            for path, old, new in _differences(before.get(key), after.get(key)):
                yield [key, *path], old, new
    elif isinstance(before, list) and isinstance(after, list) and before != after:
        gone = [one for one in before if one not in after]
        come = [one for one in after if one not in before]
        yield [], *((gone, come) if gone or come else (before, after))
    elif before != after:
        yield [], before, after


def _row(resource: str, change: str, before: Any, after: Any) -> dict[str, str]:
    return {
        "resource": resource,
        "change": change,
        "before": _text(before),
        "after": _text(after),
    }


def _text(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return NOTHING
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        text = ", ".join(value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    text = " ".join(text.split())
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
