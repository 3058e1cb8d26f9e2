# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finding a stack's resources by their tags, and waiting for them."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Callable, TypeVar

from ansible_collections.chatlift.aws.plugins.module_utils import waits
from ansible_collections.chatlift.aws.plugins.module_utils.changes import (
    UNKNOWN,
    Changes,
    ChatliftError,
)

T = TypeVar("T")

# AWS answers so while a load balancer's or an instance's network interface or volume, or what uses
# a certificate, is still going away.
IN_USE = (
    "DependencyViolation",
    "InvalidNetworkInterface.InUse",
    "ResourceInUse",
    "ResourceInUseException",
    "VolumeInUse",
)


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def tag_dict(tags: list[dict[str, str]] | None) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags or []}


def tag_specification(resource_type: str, tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"ResourceType": resource_type, "Tags": tag_list(tags)}]


def mend_tags(
    ec2: Any, changes: Changes, what: str, resource: str, present: Any, wanted: dict[str, str]
) -> None:
    """Give an EC2 resource the tags that it has lost; ``present`` is as AWS describes them."""
    tags = tag_dict(present)
    missing = {key: value for key, value in wanted.items() if tags.get(key) != value}
    if missing:
        changes.apply(
            f"tags of {what}",
            {key: tags.get(key) for key in missing},
            missing,
            ec2.create_tags,
            Resources=[resource],
            Tags=tag_list(missing),
        )


def filters(**values: Any) -> list[dict[str, Any]]:
    """EC2 filters from keyword arguments; ``tag_Name`` stands for ``tag:Name``, ``_`` for ``-``.

    A value may be one string or a list of them.
    """
    result = []
    for key, value in values.items():
        name = f"tag:{key[4:]}" if key.startswith("tag_") else key.replace("_", "-")
        result.append({"Name": name, "Values": [value] if isinstance(value, str) else list(value)})
    return result


def of_stack(stack: str, **more: Any) -> list[dict[str, Any]]:
    """The filters that select a stack's resources."""
    return [{"Name": "tag:chatlift:stack", "Values": [stack]}, *filters(**more)]


def pages(client: Any, operation: str, key: str, **arguments: Any) -> list[dict[str, Any]]:
    """Everything an operation lists, over all its pages."""
    paginator = client.get_paginator(operation)
    return [item for page in paginator.paginate(**arguments) for item in page.get(key) or []]


def at_most_one(found: list[T], what: str) -> T | None:
    """The resource, or None.

    Raises:
        ChatliftError: There are several, and guessing would risk a stack's data.
    """
    if len(found) > 1:
        raise ChatliftError(
            f"There are {len(found)} of {what}, where one is expected. Delete or untag those that"
            f" are not in use, then run this again."
        )
    return found[0] if found else None


def required(changes: Changes, found: str | None, what: str, remedy: str) -> str:
    """The id of a resource that an earlier stage makes, or would have made in check mode."""
    if found is None and not changes.check_mode:
        raise ChatliftError(f"There is no {what}. {remedy}")
    return found or UNKNOWN


def shaped_like(wanted: Any, found: Any) -> Any:
    """The part of what AWS says that ``wanted`` is about: AWS fills in what was left open."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return {key: shaped_like(value, found.get(key)) for key, value in wanted.items()}
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [shaped_like(*pair) for pair in zip(wanted, found, strict=True)]
    return found


def holds(found: Any, wanted: Any) -> bool:
    """Whether what AWS says is what was wanted, whatever else it says."""
    return bool(shaped_like(wanted, found) == wanted)


def error_code(error: Exception) -> str:
    """The code of a botocore ClientError, such as ``InvalidVpcID.NotFound``; else empty."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))


def is_in_use(error: Exception) -> bool:
    """Whether AWS refused because something else still uses the resource."""
    # DeleteNetworkInterface has only its message to say so.
    return error_code(error) in IN_USE or (
        error_code(error) == "InvalidParameterValue" and "currently in use" in str(error)
    )


def wait_until(
    look: Callable[[], T],
    done: Callable[[T], bool],
    *,
    what: str,
    timeout: float,
    interval: float = 2.0,
    describe: Callable[[T], Any] = lambda seen: seen,
    link: str = "",
    began: Callable[[T], datetime] | None = None,
) -> T:
    """Look every ``interval`` seconds until ``done``, for at most ``timeout`` seconds.

    ``link`` is the wait's name in `waits.NEEDS`; ``began`` says when what is waited for was made,
    if that was before this.

    Raises:
        ChatliftError: It did not happen in time; says what was last seen.
    """
    deadline = time.monotonic() + timeout
    start = time.time()
    waited = False
    while True:
        seen = look()
        if done(seen):
            if waited and link:
                waits.note(link, began(seen).timestamp() if began else start)
            return seen
        waited = True
        if time.monotonic() >= deadline:
            raise ChatliftError(f"Waited {timeout:g} s for {what}. Last seen: {describe(seen)}")
        time.sleep(interval)


def retry_while(
    is_temporary: Callable[[Exception], bool],
    call: Callable[..., Any],
    *,
    what: str,
    timeout: float,
    interval: float = 5.0,
    **arguments: Any,
) -> Any:
    """Call until AWS stops refusing for a reason that passes by itself."""

    def attempt() -> tuple[Any, Exception | None]:
        try:
            return call(**arguments), None
        except Exception as error:
            if not is_temporary(error):
                raise
            return None, error

    answer, _refusal = wait_until(
        attempt,
        lambda outcome: outcome[1] is None,
        what=what,
        timeout=timeout,
        interval=interval,
        describe=lambda outcome: outcome[1],
    )
    return answer


def delete_when_free(
    call: Callable[..., Any], *, what: str, timeout: float = 600, **arguments: Any
) -> Any:
    """Delete a resource as soon as nothing depends on it any more."""
    return retry_while(
        is_in_use,
        call,
        what=f"{what} to be free of what uses it",
        timeout=timeout,
        **arguments,
    )
