"""One process in the whole stack: never none for long, and never two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from app_world import DOWN, Place, Stack
from chatlift_member.app_active import (
    FENCE_SECONDS,
    LEASE_SECONDS,
    NAME,
    Act,
    Active,
    decide,
)
from chatlift_member.coordinator import ANSWER_SECONDS
from chatlift_member.errors import AgentError, NotInTime
from chatlift_member.wait import Deadline
from member_factory import Clock


@pytest.mark.parametrize(
    ("holder", "runs", "since", "act"),
    [
        ("i-1", False, 0, Act.START),
        ("i-1", True, 0, Act.KEEP),
        ("i-2", False, 0, Act.FOLLOW),
        ("i-2", True, 0, Act.FOLLOW),
        (None, True, FENCE_SECONDS - 1, Act.KEEP),
        (None, True, FENCE_SECONDS, Act.FENCE),
        (None, False, 1000, Act.KEEP),
    ],
)
def test_what_follows_from_a_look(holder: str | None, runs: bool, since: float, act: Act) -> None:
    assert decide(holder, "i-1", runs=runs, since_renewal=since) is act


def test_there_is_time_to_stop_before_the_lease_expires() -> None:
    an_attempt = 1 + 1 + ANSWER_SECONDS  # two members that are cut off, then one that is silent
    assert FENCE_SECONDS + an_attempt < LEASE_SECONDS


class Part:
    """A `Role`; remembers whether the process runs and where clients go."""

    def __init__(self, *, running: bool = False) -> None:
        self.running = running
        self.passes_on: str | None = None
        self.done: list[str] = []

    def runs(self) -> bool:
        return self.running

    def start(self) -> None:
        self.running, self.passes_on = True, ""
        self.done.append("start")

    def kill(self) -> None:
        self.running = False
        self.done.append("kill")

    def follow(self, address: str) -> None:
        self.passes_on = address
        self.done.append(f"follow {address}")


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    clock = Clock()
    monkeypatch.setattr("time.sleep", clock.sleep)
    # The beats are taken by hand.
    monkeypatch.setattr("threading.Thread.start", lambda _: None)
    yield Stack(clock)


def instance(stack: Stack, me: str, *, running: bool = False) -> tuple[Active, Part]:
    part = Part(running=running)
    return Active(Place(stack, me), part, stack.clock), part  # type: ignore[arg-type]


def test_the_first_is_active_and_the_second_passes_clients_on(stack: Stack) -> None:
    first, one = instance(stack, "i-1")
    second, two = instance(stack, "i-2")
    first.start(Deadline(5, stack.clock))
    second.start(Deadline(5, stack.clock))
    assert (one.running, one.passes_on) == (True, "")
    assert (two.running, two.passes_on) == (False, "address of i-1")
    assert (first.follows, second.follows) == (None, "address of i-1")


def test_a_standby_takes_over_once_the_lease_has_expired(stack: Stack) -> None:
    first, _ = instance(stack, "i-1")
    second, two = instance(stack, "i-2")
    first.step()
    for _ in range(LEASE_SECONDS):
        second.step()
        assert not two.running
        stack.clock.now += 1
    second.step()
    assert (two.running, two.passes_on, second.since) == (True, "", stack.clock.now)


def test_an_active_instance_without_mysql_stops_before_another_can_start(stack: Stack) -> None:
    first, one = instance(stack, "i-1")
    first.step()
    renewed = stack.clock.now
    stack.down = True
    while one.running:
        stack.clock.now += 1
        first.step()
    assert stack.clock.now - renewed < LEASE_SECONDS
    assert first.since is None
    stack.down = False
    first.step()
    assert one.running


def test_a_short_blink_of_mysql_disturbs_nobody(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    first, one = instance(stack, "i-1")
    first.step()
    stack.down = True
    for _ in range(int(FENCE_SECONDS) - 1):
        stack.clock.now += 1
        first.step()
    stack.down = False
    first.step()
    assert one.done == ["start"]
    assert caplog.text.count(str(DOWN)) == 1


def test_a_lost_lease_ends_the_process_at_once(stack: Stack) -> None:
    first, one = instance(stack, "i-1")
    second, two = instance(stack, "i-2")
    first.step()
    stack.clock.now += LEASE_SECONDS + 1
    second.step()
    first.step()
    assert one.done == ["start", "kill", "follow address of i-2"]
    assert two.running


def test_a_restarted_agent_that_lost_the_lease_finds_its_process_and_ends_it(stack: Stack) -> None:
    instance(stack, "i-2")[0].step()
    _, part = first, one = instance(stack, "i-1", running=True)
    first.start(Deadline(5, stack.clock))
    assert part is one
    assert (one.running, one.passes_on) == (False, "address of i-2")


def test_a_restarted_agent_that_still_holds_it_disturbs_nothing(stack: Stack) -> None:
    instance(stack, "i-1")[0].step()
    again, part = instance(stack, "i-1", running=True)
    again.start(Deadline(5, stack.clock))
    assert part.done == []
    assert again.since is not None


def test_leaving_in_order_hands_over_at_once(stack: Stack) -> None:
    first, one = instance(stack, "i-1")
    second, two = instance(stack, "i-2")
    first.step()
    second.step()

    def end() -> None:
        assert NAME in stack.leases, "nobody may start before the process has ended"
        one.running = False

    stack.clock.sleep = lambda seconds: second.step()  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", stack.clock.sleep)
        first.leave(end)
    assert two.running
    assert one.passes_on == "address of i-2"


def test_leaving_without_a_successor_says_so(stack: Stack) -> None:
    first, _ = instance(stack, "i-1")
    first.step()
    with pytest.raises(NotInTime, match="no other instance has taken the lease"):
        first.leave(lambda: None)
    assert stack.leases == {}


def test_a_standby_leaves_without_ado(stack: Stack) -> None:
    instance(stack, "i-1")[0].step()
    second, _ = instance(stack, "i-2")
    second.step()
    second.leave(lambda: pytest.fail("It runs no process."))
    assert stack.leases[NAME][0].holder == "i-1"


def test_a_start_without_mysql_waits_and_says_why(stack: Stack) -> None:
    stack.down = True
    first, one = instance(stack, "i-1")
    with pytest.raises(NotInTime, match="No MySQL primary answers"):
        first.start(Deadline(30, stack.clock))
    assert one.done == []


def test_a_role_that_fails_is_tried_again(stack: Stack) -> None:
    first, one = instance(stack, "i-1")
    good = one.start

    def bad() -> None:
        raise AgentError("systemctl start failed.")

    one.start = bad  # type: ignore[method-assign]
    with pytest.raises(AgentError):
        first.step()
    one.start = good  # type: ignore[method-assign]
    first.step()
    assert one.running
