"""The app tier trusts HAProxy's own checks, and leaves without cutting anybody off."""

from __future__ import annotations

import pytest
from chatlift_member import app as module
from chatlift_member.app import App, count_up
from chatlift_member.errors import NotInTime
from chatlift_member.tier import Context
from chatlift_member.wait import Deadline
from member_factory import facts

STATS = """# pxname,svname,qcur,status,check_status
clients,FRONTEND,,OPEN,
application,app1,0,UP,L7OK
application,app2,0,DOWN,L4CON
application,app3,0,UP 1/2,* L7OK
application,app4,0,UP,INI
application,BACKEND,0,UP,
mysql,mysql-a1,0,UP,L7OK

"""


def test_only_servers_of_the_application_that_passed_a_check_count() -> None:
    assert count_up(STATS) == 2
    assert count_up(STATS, "mysql") == 1
    assert count_up(STATS, "nonesuch") == 0


class Host:
    """Stands in for systemd and for HAProxy, which answers one question after the other."""

    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.done: list[str] = []

    def start(self, unit: str, timeout: float) -> None:
        self.done.append(f"start {unit}")

    def stop(self, *units: str, timeout: float) -> None:
        self.done.append(f"stop {' '.join(units)}")

    def restart(self, unit: str, timeout: float) -> None:
        self.done.append(f"restart {unit}")

    def is_active(self, unit: str) -> bool:
        return unit.startswith("chatlift-app@")

    def ask(self, command: str) -> str:
        if command.startswith("set server"):
            self.done.append(command)
            return ""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


DOWN = STATS.replace("app1,0,UP,L7OK", "app1,0,DOWN,L7STS").replace("app3,0,UP", "app3,0,DOWN")


def app(host: Host, monkeypatch: pytest.MonkeyPatch) -> App:
    monkeypatch.setattr(module, "_ask_haproxy", host.ask)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return App(Context(facts(tier="app", member=None, volume_id=None), {}, host))  # type: ignore[arg-type]


def test_haproxy_starts_before_the_processes_that_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(STATS)
    app(host, monkeypatch).start(Deadline(5))
    assert host.done == [
        "start haproxy.service",
        "start chatlift-app@1.service",
        "start chatlift-app@2.service",
    ]


def test_joining_waits_for_the_first_process_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(ConnectionRefusedError("refused"), DOWN, STATS)
    tier = app(host, monkeypatch)
    tier.join(Deadline(5))
    assert host.answers == [STATS]
    status = tier.status()
    assert (status.healthy, status.state, status.leads) == (True, "serving", False)
    assert status.metrics == {"app_processes_up": 2, "app_processes": 2}


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (DOWN, "last seen: 0 of 2 processes answer"),
        (FileNotFoundError("no socket"), "last seen: HAProxy does not answer: no socket"),
    ],
)
def test_joining_in_vain_says_what_was_seen(
    monkeypatch: pytest.MonkeyPatch, answer: str | Exception, says: str
) -> None:
    with pytest.raises(NotInTime, match=says):
        app(Host(answer), monkeypatch).join(Deadline(0))


def test_handing_over_fails_the_health_check_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Host(STATS)
    tier = app(host, monkeypatch)
    tier.hand_over(Deadline(5))
    status = tier.status()
    assert (status.healthy, status.state) == (False, "leaving")
    assert host.done == []


def test_the_processes_end_all_at_once_and_haproxy_after_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Host(STATS)
    app(host, monkeypatch).stop(Deadline(5))
    assert host.done == [
        "stop chatlift-app@1.service chatlift-app@2.service",
        "stop haproxy.service",
    ]


def test_a_new_authority_restarts_one_process_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Host(STATS, DOWN, STATS)
    app(host, monkeypatch).reload()
    assert host.done == [
        "restart chatlift-app@1.service",
        "set server application/app1 health down",
        "restart chatlift-app@2.service",
        "set server application/app2 health down",
    ]


def test_no_second_process_is_restarted_before_the_first_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "RESTART_SECONDS", 0.01)
    host = Host(STATS, DOWN)
    with pytest.raises(NotInTime, match="the restarted process to answer; last seen: 0 of 2"):
        app(host, monkeypatch).reload()
    assert "restart chatlift-app@2.service" not in host.done


def test_who_leaves_restarts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(STATS)
    leaving = app(host, monkeypatch)
    leaving.hand_over(Deadline(1))
    leaving.reload()
    assert host.done == []
