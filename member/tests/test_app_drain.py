"""Clients are let go a few at a time, and nobody waits for what does not come."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from chatlift_member.app_drain import (
    NOTICE_SECONDS,
    QUIET_SECONDS,
    REQUEST_SECONDS,
    choose,
    drain,
)
from chatlift_member.errors import NotInTime
from chatlift_member.wait import Deadline
from member_factory import Clock

STREAM = "0x{:x}: proto=tcpv4 fe=clients be=application rq[f=1h,i=0,an={}h,ax=] rp[f=1h,an={}h,ax=]"


@dataclass
class HaProxy:
    """An HAProxy with clients, and a load balancer before it."""

    clock: Clock
    websockets: set[int] = field(default_factory=set)
    requests_end: float = 0
    """When the last request that is under way ends."""
    noticed: float = 0
    """When the load balancer stops sending new requests."""
    closed: list[float] = field(default_factory=list)
    """When each WebSocket was closed."""
    refusing: float | None = None

    def ask(self, command: str) -> str:
        if command == "show stat":
            requests = int(min(self.clock.now, self.noticed) * 4)
            return (
                "# pxname,svname,scur,status,check_status,req_tot\n"
                f"clients,FRONTEND,0,OPEN,,{requests}\n"
                f"application,BACKEND,{len(self.websockets)},UP,,0\n"
            )
        if command == "show sess":
            lines = [STREAM.format(number, "00", "00") for number in self.websockets]
            if self.clock.now < self.requests_end:
                lines.append(STREAM.format(0xFFFF, "8000", "1400000"))
            return "\n".join(lines)
        if command == "disable frontend clients":
            self.refusing = self.clock.now
            return "\n"
        for one in command.split("; "):
            number = int(one.removeprefix("shutdown session "), 16)
            self.websockets.remove(number)
            self.closed.append(self.clock.now)
        return "\n"


def run(haproxy: HaProxy, seconds: float, deadline: float = 600) -> float:
    """Drain, and return how long it took."""
    clock = haproxy.clock
    began = clock.now
    drain(seconds, Deadline(deadline, clock), ask=haproxy.ask, clock=clock, sleep=clock.sleep)
    return clock.now - began


def test_websockets_close_evenly_over_the_time_given() -> None:
    haproxy = HaProxy(Clock(), set(range(6000)))
    took = run(haproxy, 60)
    assert haproxy.refusing is not None
    since = [moment - haproxy.refusing for moment in haproxy.closed]
    assert len(since) == 6000
    for second in range(0, 60, 10):
        assert 900 < sum(second <= moment < second + 10 for moment in since) < 1100
    assert took < 60 + QUIET_SECONDS + 3


def test_a_few_websockets_do_not_all_go_at_once() -> None:
    moments = []
    for _ in range(20):
        haproxy = HaProxy(Clock(), {1, 2, 3})
        run(haproxy, 60)
        moments.append(max(haproxy.closed) - (haproxy.refusing or 0))
    assert sum(moments) / len(moments) > 30


@pytest.mark.parametrize(
    ("left", "chance", "count"),
    [(100, 0.0, 5), (60, 0.0, 8), (60, 0.7, 9), (1, 0.0, 500), (0, 0.0, 500)],
)
def test_the_pace_is_kept(left: float, chance: float, count: int) -> None:
    chosen = choose([f"0x{n:x}" for n in range(500)], left, lambda: chance)
    assert len(set(chosen)) == count


def test_new_clients_are_refused_only_when_the_load_balancer_sends_none() -> None:
    clock = Clock()
    haproxy = HaProxy(clock, noticed=clock.now + 12)
    run(haproxy, 0)
    assert haproxy.refusing is not None
    assert 12 + QUIET_SECONDS <= haproxy.refusing - 100 < NOTICE_SECONDS


def test_clients_that_never_pause_are_not_waited_for() -> None:
    clock = Clock()
    haproxy = HaProxy(clock, noticed=clock.now + 1000)
    assert run(haproxy, 0) < NOTICE_SECONDS + 3


def test_requests_may_end() -> None:
    clock = Clock()
    haproxy = HaProxy(clock, requests_end=clock.now + 15)
    assert 15 <= run(haproxy, 0) < 17


def test_a_request_that_does_not_end_is_reported() -> None:
    haproxy = HaProxy(Clock(), requests_end=10**9)
    with pytest.raises(NotInTime, match=f"{REQUEST_SECONDS:.0f} s .* the last requests"):
        run(haproxy, 0)


def test_the_deadline_is_kept() -> None:
    haproxy = HaProxy(Clock(), set(range(100)))
    assert run(haproxy, 10000, deadline=50) <= 50
    assert len(haproxy.closed) == 100


def test_an_instance_without_clients_leaves_soon() -> None:
    assert run(HaProxy(Clock()), 300) < QUIET_SECONDS + 2
