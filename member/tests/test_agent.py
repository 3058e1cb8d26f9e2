"""The order of things: what happens before the hook continues, after it, and when a step fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from authority import Authority
from chatlift_member import agent as module
from chatlift_member.agent import Agent
from chatlift_member.errors import Abandoned, AgentError
from chatlift_member.health import Monitor, Status
from chatlift_member.secrets import Secret
from chatlift_member.service import Services
from chatlift_member.wait import Deadline
from member_factory import facts

SECRET = Secret("v1", {"ca": Authority().pem})


@dataclass
class World:
    """Everything around the agent; writes down what the agent does, in order."""

    done: list[str] = field(default_factory=list)
    fails: str = ""
    pending: bool = True
    given: dict[str, float] = field(default_factory=dict)
    """Seconds that a step was given."""
    launch_seconds: float = 0
    drain_seconds: float = 0
    published: list[list[str]] = field(default_factory=list)
    """What was done when publishing began, and when it ended."""
    leaving: list[bool] = field(default_factory=lambda: [False, False, True])
    warm: list[bool] = field(default_factory=lambda: [False])

    def do(self, what: str, deadline: Deadline | None = None) -> None:
        self.done.append(what)
        if deadline:
            self.given[what] = deadline.seconds
        if what == self.fails:
            raise AgentError(f"{what} failed.")

    # The disk
    def heal(self) -> None:
        self.do("look at the disk")

    # The secret
    recalled: Secret | None = None
    arn = "arn:secret"

    def wait(self, deadline: Deadline) -> Secret:
        self.do("secret", deadline)
        return SECRET

    # The metadata
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def imds(self) -> World:
        return self

    def get(self, path: str) -> str | None:
        return self.tags.get(path.removeprefix("tags/instance/"))

    # The lifecycle
    def complete(self, hook: str, result: str) -> bool:
        self.done.append(f"{hook} {result}")
        return self.pending

    def is_leaving(self) -> bool:
        return self.leaving.pop(0) if len(self.leaving) > 1 else self.leaving[0]

    def is_warm(self) -> bool:
        return self.warm.pop(0) if len(self.warm) > 1 else self.warm[0]

    def enter_pool(self, hook: str) -> bool:
        self.do(f"{hook} into the pool")
        return True

    def heartbeats(self, hook: str) -> World:
        return self

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def tier_of(world: World) -> Any:
    """A tier whose steps are written down."""

    class Tier:
        secret_keys = frozenset(("ca",))
        key_group = "root"
        warm_files = (Path(__file__),)

        variables: ClassVar[dict[str, Any]] = {"active_address": "10.0.0.9"}
        launch_seconds = world.launch_seconds
        drain_seconds = world.drain_seconds

        def __init__(self, context: Any) -> None: ...

        def __getattr__(self, name: str) -> Any:
            return lambda deadline=None: world.do(name, deadline)

        def status(self) -> Status:
            return Status(True, False, "replica", "ok")

    return Tier


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()

    def mount(device: Path, member: str, target: Path) -> None:
        made.do("mount")

    def release(ec2: Any, volume: str, instance: str, target: Path, deadline: Deadline) -> None:
        made.do("release")

    monkeypatch.setattr(module, "TIERS", {"redis": tier_of(made), "app": tier_of(made)})
    monkeypatch.setattr(module, "serve", lambda *_: None)
    monkeypatch.setattr(module, "Source", lambda *_: made)
    monkeypatch.setattr(module, "recall", lambda *_: made.recalled)
    monkeypatch.setattr(module, "remember", lambda *_: None)
    monkeypatch.setattr(module, "write_tls", lambda *_: None)
    monkeypatch.setattr(module.config, "render_all", lambda *_: made.do("render") or [])
    monkeypatch.setattr(module.volume, "attach", lambda *given: made.do("attach", given[-1]))
    monkeypatch.setattr(module.volume, "mount", mount)
    monkeypatch.setattr(module.volume, "release", release)
    monkeypatch.setattr(module.volume, "Disk", lambda *_: made)
    # One look, here: a thread that outlived the test would sleep by the clocks of other tests.
    monkeypatch.setattr(Monitor, "watch", Monitor.refresh)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return made


@dataclass
class Ec2:
    """Takes the tags with which a member tells its certificates and how it is."""

    told: dict[str, str] = field(default_factory=dict)

    def create_tags(self, Resources: list[str], Tags: list[dict[str, str]]) -> None:
        assert Resources == ["i-0123456789abcdef0"]
        self.told |= {tag["Key"]: tag["Value"] for tag in Tags}


@dataclass
class Publisher:
    """Writes down when figures begin and end to go to CloudWatch."""

    world: World

    def start(self) -> None:
        self.world.published.append(list(self.world.done))

    def stop(self) -> None:
        self.world.published.append(list(self.world.done))


def agent(world: World, **changes: Any) -> Agent:
    parts: tuple[Any, ...] = (world, Ec2(), None, Monitor(), Publisher(world), Services())
    return Agent(facts(**changes), *parts)


BECOMING = ["secret", "render", "attach", "mount", "prepare", "start", "join"]
LEAVING = ["hand_over", "stop", "clean_up", "release", "chatlift-terminate CONTINUE"]


def test_the_hook_continues_only_after_the_member_has_joined(world: World) -> None:
    agent(world).run()
    assert world.done == [*BECOMING, "chatlift-launch CONTINUE", *LEAVING]


def test_a_warm_instance_does_nothing_more_until_it_is_called(world: World) -> None:
    world.warm = [True, True, True, False]
    world.leaving = [False, *world.leaving]
    agent(world).run()
    called = [*BECOMING, "chatlift-launch CONTINUE", *LEAVING]
    assert world.done == ["chatlift-launch into the pool", *called]


def test_a_warm_instance_that_is_not_needed_has_nothing_to_let_go_of(world: World) -> None:
    world.warm, world.leaving = [True, False], [True]
    agent(world).run()
    assert world.done == ["chatlift-launch into the pool", "chatlift-terminate CONTINUE"]


def test_a_failed_preparation_is_abandoned(world: World) -> None:
    world.warm, world.fails = [True], "chatlift-launch into the pool"
    with pytest.raises(Abandoned):
        agent(world).run()
    assert world.done[-1] == "chatlift-launch ABANDON"


def test_a_reboot_without_a_pending_hook_is_no_failure(world: World) -> None:
    world.pending = False
    agent(world).run()
    assert world.done[-1] == "chatlift-terminate CONTINUE"


@pytest.mark.parametrize("step", BECOMING)
def test_a_failed_launch_is_abandoned(
    world: World, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.fails = step
    with pytest.raises(Abandoned):
        agent(world).run()
    assert world.done == [*BECOMING[: BECOMING.index(step) + 1], "chatlift-launch ABANDON"]
    [error] = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert error == f"i-0123456789abcdef0 did not become a member: {step} failed."


def test_a_failure_in_service_is_tried_again_by_systemd(world: World) -> None:
    world.fails, world.pending = "start", False
    with pytest.raises(AgentError, match=r"start failed\.") as raised:
        agent(world).run()
    assert not isinstance(raised.value, Abandoned)


def test_the_member_is_mended_while_it_stays(world: World) -> None:
    world.leaving = [False] * (1 + module.HEAL_EVERY * 2) + [True]
    world.fails = "heal"
    agent(world).run()
    assert world.done.count("heal") == world.done.count("look at the disk") == 2


@pytest.mark.parametrize("step", LEAVING[:-1])
def test_no_failed_step_keeps_the_instance_from_leaving(world: World, step: str) -> None:
    world.fails = step
    agent(world).run()
    assert world.done[-len(LEAVING) :] == LEAVING


def test_an_agent_restarted_while_leaving_goes_on_leaving(world: World) -> None:
    world.leaving = [True]
    agent(world).run()
    assert world.done == ["secret", "render", *LEAVING]


def test_a_restarted_agent_asks_nobody_for_its_secret(world: World) -> None:
    world.recalled = SECRET
    agent(world).run()
    assert "secret" not in world.done
    assert world.done[0] == "render"


def test_an_app_instance_has_no_volume(world: World) -> None:
    agent(world, tier="app", member=None, volume_id=None).run()
    assert not {"attach", "mount", "release"} & set(world.done)


def test_only_what_depends_on_the_data_may_take_hours(world: World) -> None:
    agent(world).run()
    shortest_hook = 600
    assert 6 * 3600 <= world.given["join"] <= 100 * shortest_hook
    assert world.given["start"] == world.given["join"]
    assert max(world.given["secret"], world.given["attach"]) <= 1200


def test_an_app_instance_that_does_not_come_up_is_replaced_soon(world: World) -> None:
    agent(world, tier="app", member=None, volume_id=None).run()
    assert world.given["join"] <= 1200


def test_a_tier_may_need_longer_than_usual(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.launch_seconds, world.drain_seconds = 90, 45
    monkeypatch.setattr(module, "TIERS", {"app": tier_of(world)})
    agent(world, tier="app", member=None, volume_id=None).run()
    assert world.given["join"] == module.WAIT_SECONDS + world.launch_seconds
    assert world.given["hand_over"] == module.LEAVE_SECONDS + world.drain_seconds


def test_the_templates_get_what_the_tier_knows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(module.config, "render_all", lambda values, _: seen.append(values))
    agent(world).run()
    assert seen[0]["active_address"] == "10.0.0.9"


def test_figures_are_published_while_the_instance_is_in_service(world: World) -> None:
    agent(world).run()
    begun, ended = world.published
    assert begun == ended == [*BECOMING, "chatlift-launch CONTINUE"]


def test_a_member_does_what_it_is_asked_and_says_so(world: World) -> None:
    world.tags["chatlift:request"] = "id=1f do=lead until=9999999999"
    member = agent(world)
    member.run()
    assert world.done.count("lead") == 1
    assert "id=1f answer=done role=replica healthy=yes" in member.ec2.told["chatlift:report"]


def test_an_app_instance_has_no_mailbox(world: World) -> None:
    world.tags["chatlift:request"] = "id=1f do=lead until=9999999999"
    instance = agent(world, tier="app", member=None, volume_id=None)
    instance.run()
    assert "lead" not in world.done
    assert "chatlift:report" not in instance.ec2.told
