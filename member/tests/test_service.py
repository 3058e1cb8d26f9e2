"""Units are started and stopped through systemctl, and a failure is a sentence."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest
from chatlift_member.errors import AgentError
from chatlift_member.service import Services


class Systemctl:
    """Stands in for `subprocess.run`."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.calls: list[list[str]] = []

    def __call__(self, command: list[str], **_: Any) -> None:
        self.calls.append(command)
        if self.failure:
            raise self.failure


def test_several_units_are_stopped_by_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    systemctl = Systemctl()
    monkeypatch.setattr(subprocess, "run", systemctl)
    Services().stop("a.service", "b.service")
    assert systemctl.calls == [["systemctl", "stop", "a.service", "b.service"]]


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (
            subprocess.CalledProcessError(5, "systemctl", stderr=b"Unit a not loaded.\nmore"),
            "systemctl stop a b failed (Unit a not loaded.); see journalctl -u a -u b.",
        ),
        (
            subprocess.CalledProcessError(5, "systemctl", stderr=b""),
            "systemctl stop a b failed (5); see journalctl -u a -u b.",
        ),
        (
            subprocess.TimeoutExpired("systemctl", 3),
            "systemctl stop a b did not end within 3 s.",
        ),
    ],
)
def test_a_failure_names_the_units_and_the_reason(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, says: str
) -> None:
    monkeypatch.setattr(subprocess, "run", Systemctl(failure))
    with pytest.raises(AgentError) as raised:
        Services().stop("a", "b", timeout=3)
    assert str(raised.value) == says
