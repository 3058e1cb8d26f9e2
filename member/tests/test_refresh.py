"""A running member takes new certificates, and nothing else, from its secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from authority import NOW, Authority
from chatlift_member.certificates import fingerprint
from chatlift_member.errors import AgentError
from chatlift_member.health import Status
from chatlift_member.refresh import Hooks, Refresh
from chatlift_member.secrets import Secret

AUTHORITY = Authority()
OLD = Secret("v1", {**AUTHORITY.issue(), "app_password": "first"})
NEW = Secret("v2", {**AUTHORITY.issue(), "app_password": "first"})
GOOD = Status(True, False, "replica", "ok", metrics={"keys": 1})


@dataclass
class Member:
    """What there is around a `Refresh`; writes down what it does."""

    latest: Secret = OLD
    fails: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)
    arn = "arn:secret"

    def fetch(self) -> Secret:
        self._do("fetch")
        return self.latest

    def _do(self, what: str, shown: str = "") -> None:
        if what in self.fails:
            raise AgentError(f"{what} failed.")
        if what != "fetch":
            self.done.append(f"{what} {shown}".rstrip())

    def refresh(self) -> Refresh:
        hooks = Hooks(
            install=lambda secret: self._do("install", secret.version),
            reload=lambda: self._do("reload"),
            keep=lambda secret: self._do("keep", secret.version),
            tell=lambda said: self._do("tell", said),
        )
        return Refresh(self, OLD, hooks)  # type: ignore[arg-type]


TOLD_OLD, TOLD_NEW = (f"tell {fingerprint(secret.values)}" for secret in (OLD, NEW))


def test_an_unchanged_secret_is_told_once_and_nothing_else_happens() -> None:
    member = Member()
    refresh = member.refresh()
    for _ in range(3):
        refresh.look()
    assert member.done == [TOLD_OLD]


def test_new_certificates_are_told_only_once_they_are_in_use() -> None:
    member = Member(latest=NEW)
    refresh = member.refresh()
    refresh.look()
    refresh.look()
    assert member.done == ["install v2", "reload", "keep v2", TOLD_NEW]


@pytest.mark.parametrize("step", ["install", "reload", "keep", "tell"])
def test_what_failed_is_done_by_a_later_look(step: str) -> None:
    member = Member(latest=NEW, fails={step})
    refresh = member.refresh()
    with pytest.raises(AgentError):
        refresh.look()
    assert TOLD_NEW not in member.done
    member.fails.clear()
    refresh.look()
    assert member.done[-1] == TOLD_NEW
    assert {"install v2", "reload", "keep v2"} <= set(member.done)


def test_a_secret_that_cannot_be_read_changes_nothing() -> None:
    member = Member(latest=NEW, fails={"fetch"})
    refresh = member.refresh()
    with pytest.raises(AgentError):
        refresh.look()
    assert member.done == []
    assert refresh.used is OLD


def test_another_password_is_not_taken_and_the_journal_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = {**OLD.values, "app_password": "hunter2", "coordinator_password": "later"}
    member = Member(latest=Secret("v2", other))
    refresh = member.refresh()
    refresh.look()
    refresh.look()
    assert refresh.used.values == OLD.values
    assert member.done == ["keep v2", TOLD_OLD]
    [line] = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "arn:secret" in line
    assert "app_password" in line
    assert "coordinator" not in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        (40, ""),
        (10, "Its certificates end in 9 days: run playbooks/rotate_certificates.yml."),
        (-1, "Its certificates have ended: run playbooks/rotate_certificates.yml."),
    ],
)
def test_the_status_says_how_long_the_certificates_last(days: int, sentence: str) -> None:
    ending = Secret("v1", AUTHORITY.issue(end=NOW + timedelta(days=days)))
    refresh = Refresh(None, ending, None)  # type: ignore[arg-type]
    status = refresh.describe(GOOD, now=NOW + timedelta(hours=1))
    assert status.metrics["certificate_expiry_seconds"] == days * 86400 - 3600
    assert status.metrics["keys"] == 1
    assert status.detail == sentence
    assert status.healthy
