"""A request is obeyed once, whatever happens on the way, and a changed standing is told."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from chatlift_member.errors import AgentError, Refused
from chatlift_member.health import Status
from chatlift_member.imds import ImdsError
from chatlift_member.mailbox import PAUSE_SECONDS, Hooks, Mailbox
from chatlift_member.wait import Deadline
from member_factory import Clock

REPLICA = Status(True, False, "replica", "ok", leader="redis-b1")
PRIMARY = Status(True, True, "primary", "ok", leader="redis-a1")
NOW = 1_790_000_000.0


@dataclass
class World:
    """The instance's tags, and a member that is told to lead."""

    tags: dict[str, str] = field(default_factory=dict)
    status: Status = REPLICA
    reports: list[str] = field(default_factory=list)
    led: int = 0
    error: Exception | None = None
    api: Exception | None = None
    clock: Clock = field(default_factory=Clock)

    def get(self, path: str) -> str | None:
        if isinstance(self.error, ImdsError):
            raise self.error
        return self.tags.get(path.removeprefix("tags/instance/"))

    def lead(self, deadline: Deadline) -> None:
        self.led += 1
        if self.error:
            raise self.error
        self.status = PRIMARY

    def tell(self, report: str) -> None:
        if self.api:
            raise self.api
        self.reports.append(report)
        self.tags["chatlift:report"] = report

    def mailbox(self) -> Mailbox:
        hooks = Hooks(lambda: self.status, lambda: self.status, self.lead, self.tell)
        imds: Any = self
        return Mailbox(imds, hooks, self.clock, lambda: NOW)

    def ask(self, id: str, do: str, seconds: float = 30) -> None:
        self.tags["chatlift:request"] = f"id={id} do={do} until={NOW + seconds}"


@pytest.fixture
def world() -> World:
    return World()


def test_the_standing_is_told_once_and_when_it_changes(world: World) -> None:
    mailbox = world.mailbox()
    for _ in range(3):
        mailbox.attend()
        world.clock.sleep(PAUSE_SECONDS)
    assert world.reports == ["role=replica healthy=yes leader=redis-b1"]
    world.status = replace(REPLICA, leader="redis-c1")
    mailbox.attend()
    assert world.reports[1:] == ["role=replica healthy=yes leader=redis-c1"]


def test_a_standing_that_comes_and_goes_is_not_told_each_time(world: World) -> None:
    mailbox = world.mailbox()
    for turn in range(10):
        world.status = replace(REPLICA, healthy=bool(turn % 2))
        mailbox.attend()
        world.clock.sleep(1)
    assert len(world.reports) == 2


def test_a_question_is_answered_once_and_at_once(world: World) -> None:
    mailbox = world.mailbox()
    mailbox.attend()
    world.ask("1", "report")
    mailbox.attend()
    mailbox.attend()
    assert world.reports[1:] == ["id=1 answer=done role=replica healthy=yes leader=redis-b1"]


def test_a_member_leads_once(world: World) -> None:
    mailbox = world.mailbox()
    world.ask("1", "lead")
    for _ in range(3):
        mailbox.attend()
    assert world.led == 1
    assert world.reports == ["id=1 answer=done role=primary healthy=yes leader=redis-a1"]


def test_a_restarted_agent_does_not_do_it_again(world: World) -> None:
    world.ask("1", "lead")
    world.mailbox().attend()
    world.status = REPLICA
    world.mailbox().attend()
    assert world.led == 1


@pytest.mark.parametrize(
    ("error", "answer"),
    [(Refused("It is not in sync."), "refused"), (AgentError("Waited in vain."), "failed")],
)
def test_why_it_does_not_lead_is_told_and_logged(
    world: World, error: Exception, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.error = error
    world.ask("1", "lead")
    mailbox = world.mailbox()
    mailbox.attend()
    mailbox.attend()
    assert world.led == 1
    assert f"id=1 answer={answer} role=replica" in world.reports[-1]
    assert world.reports[-1].endswith(f"said={error}")
    assert str(error) in caplog.text


def test_a_request_that_nobody_waits_for_is_refused(world: World) -> None:
    world.ask("1", "lead", seconds=-1)
    world.mailbox().attend()
    assert world.led == 0
    assert "answer=refused" in world.reports[-1]
    assert "came too late" in world.reports[-1]


def test_what_could_not_be_told_is_told_later_and_not_done_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.ask("1", "lead")
    world.api = AgentError("CreateTags answered RequestLimitExceeded.")
    mailbox = world.mailbox()
    mailbox.attend()
    world.clock.sleep(1)
    mailbox.attend()
    assert caplog.text.count("RequestLimitExceeded") == 1
    world.api = None
    mailbox.attend()
    assert (world.led, len(world.reports)) == (1, 1)


@pytest.mark.usefixtures("caplog")
def test_a_tag_that_is_no_request_is_named_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.tags["chatlift:request"] = "please lead"
    mailbox = world.mailbox()
    with caplog.at_level(logging.WARNING):
        mailbox.attend()
        mailbox.attend()
    assert caplog.text.count("The tag chatlift:request of this instance is no request") == 1


def test_without_metadata_nothing_is_done(world: World) -> None:
    world.ask("1", "lead")
    world.error = ImdsError("It does not answer.")
    world.mailbox().attend()
    assert (world.led, world.reports) == (0, [])
