"""When AWS refuses to delete, it is asked again or not."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def resources() -> Any:
    return import_module("ansible_collections.chatlift.aws.plugins.module_utils.resources")


def _refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Delete")


@pytest.mark.parametrize(
    "refusal",
    [
        _refusal("DependencyViolation"),
        _refusal("VolumeInUse"),
        _refusal("InvalidParameterValue", "Network interface 'eni-1' is currently in use."),
    ],
    ids=str,
)
def test_what_is_still_in_use_is_deleted_later(
    resources: Any, refusal: ClientError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources.time, "sleep", lambda _seconds: None)
    answers: list[Any] = [refusal, "deleted"]

    def delete() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert resources.delete_when_free(delete, what="it") == "deleted"


@pytest.mark.parametrize(
    "refusal",
    [_refusal("UnauthorizedOperation"), _refusal("InvalidParameterValue", "Malformed id")],
    ids=str,
)
def test_other_refusals_end_it_at_once(resources: Any, refusal: ClientError) -> None:
    def delete() -> None:
        raise refusal

    with pytest.raises(ClientError):
        resources.delete_when_free(delete, what="it")
