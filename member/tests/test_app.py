"""The app tier trusts HAProxy's own checks, and leaves without cutting anybody off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import app_world
import pytest
from app_world import Book, Place, Stack
from chatlift_member import app as module
from chatlift_member import config, haproxy
from chatlift_member.app import GRACE_SECONDS, App
from chatlift_member.app_crashes import CRASHES
from chatlift_member.app_settings import AppSettings
from chatlift_member.errors import AgentError, NotInTime
from chatlift_member.tier import Context
from chatlift_member.wait import Deadline
from member_factory import Clock, facts

STATS = """# pxname,svname,scur,status,check_status,req_tot
clients,FRONTEND,9,OPEN,,50
application,app1,2,UP,L7OK,
application,app2,1,UP,L7OK,
application,BACKEND,3,UP,,50
mysql,mysql-a1,1,UP,L7OK,

"""
DOWN = STATS.replace("UP,L7OK", "DOWN,L7STS")


class Host(app_world.Host):
    """An instance whose HAProxy answers one question after the other."""

    def __init__(self, *answers: str | Exception) -> None:
        super().__init__(running={"chatlift-app@1.service", "chatlift-app@2.service"})
        self.answers = list(answers)

    def ask(self, command: str) -> str:
        if command.startswith("set server"):
            self.done.append(command)
            return ""
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No templates yet, nobody to wait for, and clients that go at once."""
    (tmp_path / "templates").mkdir()
    monkeypatch.setattr(config, "TEMPLATES", tmp_path / "templates")
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr(module, "drain", lambda *_, **__: None)
    return tmp_path


def app(host: Host, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> App:
    settings = {"processes": "core", "release_command": "", "release_timeout": 60}
    made = AppSettings(**{**settings, "drain_seconds": 45, **changes})
    monkeypatch.setattr(haproxy, "ask", host.ask)
    monkeypatch.setattr(module, "read_settings", lambda: made)
    secret = {"coordinator_username": "coordinator", "coordinator_password": "x"}
    identity = facts(tier="app", member=None, volume_id=None)
    return App(Context(identity, secret, host), host.clock)  # type: ignore[arg-type]


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
    metrics = dict(status.metrics)
    assert 0 < metrics.pop("memory_used_ratio") < 1
    assert metrics == {
        "app_processes_up": 2,
        "app_processes": 2,
        "app_connections": 3,
        "app_restarts": 0,
    }


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


class Crashing(Host):
    """An instance on which every process has ended once more whenever somebody looks."""

    restarts = 0

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        self.restarts += unit == "chatlift-app@1.service"
        return {"NRestarts": str(self.restarts)}


def test_who_crashes_again_and_again_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Crashing(DOWN.replace("mysql-a1,1,DOWN,L7STS", "mysql-a1,1,UP,L7OK"))
    with pytest.raises(AgentError, match=r"restarted each process 20 times.*chatlift-app@1"):
        app(host, monkeypatch).join(Deadline(3600))
    assert host.restarts == CRASHES + 1


def test_who_crashes_for_want_of_its_data_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Crashing(*[DOWN] * 200, STATS)
    app(host, monkeypatch).join(Deadline(3600))
    assert host.restarts > CRASHES


def test_restarts_are_counted_once_it_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    tier = app(Crashing(STATS), monkeypatch)
    assert "app_restarts" not in tier.status().metrics
    tier.join(Deadline(5))
    first = tier.status().metrics["app_restarts"]
    tier.heal()
    assert tier.status().metrics["app_restarts"] > first


def test_handing_over_fails_the_health_check_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = Host(STATS)
    tier = app(host, monkeypatch)
    monkeypatch.setattr(module, "drain", lambda *given, ask: host.done.append(given[0]))
    tier.hand_over(Deadline(5))
    status = tier.status()
    assert (status.healthy, status.state) == (False, "leaving")
    assert status.detail == "3 connections are still open"
    assert host.done == [tier.drain_seconds] == [45]


def test_without_haproxy_nobody_is_left_to_be_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def drain(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("no socket")

    tier = app(Host(STATS), monkeypatch)
    monkeypatch.setattr(module, "drain", drain)
    with pytest.raises(AgentError, match="HAProxy does not answer: no socket"):
        tier.hand_over(Deadline(5))


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


def test_one_process_an_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(STATS)
    app(host, monkeypatch, processes="instance").start(Deadline(5))
    assert host.done == ["start haproxy.service", "start chatlift-app@1.service"]


def test_without_need_there_is_nothing_to_agree_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "Coordinator", lambda _: pytest.fail("Nobody asked for it."))
    tier = app(Host(STATS), monkeypatch)
    assert (tier.variables, tier.launch_seconds) == ({"active_address": ""}, 0)


def test_the_secret_has_to_let_it_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(STATS)
    app(host, monkeypatch)
    identity = facts(tier="app", member=None, volume_id=None)
    monkeypatch.setattr(module, "read_settings", lambda: AppSettings("stack", "", 60, 0))
    with pytest.raises(AgentError, match="lacks coordinator_username and coordinator_password"):
        App(Context(identity, {}, host))  # type: ignore[arg-type]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose coordination works, and in which no time passes by itself."""
    made = Stack(Clock())
    monkeypatch.setattr("time.sleep", made.clock.sleep)
    monkeypatch.setattr(
        module, "Coordinator", lambda context: Place(made, context.facts.instance_id)
    )
    monkeypatch.setattr(module, "ReleaseBook", lambda place, _: Book(made, place.me))
    monkeypatch.setattr("threading.Thread.start", lambda _: None)
    return made


def test_the_release_command_runs_between_haproxy_and_the_processes(
    monkeypatch: pytest.MonkeyPatch, stack: Stack
) -> None:
    unready = STATS.replace("mysql-a1,1,UP,L7OK", "mysql-a1,1,UP,INI")
    host = Host(OSError("not yet"), unready, STATS)
    tier = app(host, monkeypatch, release_command="node migrate.js")
    tier.start(Deadline(5, stack.clock))
    assert host.answers == [STATS]
    assert host.done == [
        "start haproxy.service",
        "begin chatlift-release.service",
        "start chatlift-app@1.service",
        "start chatlift-app@2.service",
    ]
    assert tier.launch_seconds == 60


def test_after_a_failed_release_command_no_process_starts(
    monkeypatch: pytest.MonkeyPatch, stack: Stack
) -> None:
    host = Host(STATS)
    host.command_code = 1
    with pytest.raises(AgentError, match="release command"):
        app(host, monkeypatch, release_command="x").start(Deadline(5, stack.clock))
    assert not [what for what in host.done if what.startswith("start chatlift-app")]


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The variables of each rendering."""
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(config, "render_all", lambda values, _: seen.append(values))
    return seen


def test_the_number_is_in_the_settings_before_a_process_starts(
    monkeypatch: pytest.MonkeyPatch, stack: Stack, rendered: list[dict[str, Any]], world: Path
) -> None:
    (world / "templates/app.env.j2").write_text("ID={{ worker }}")
    monkeypatch.setattr("chatlift_member.app_worker.write_atomically", lambda *_, **__: None)
    Place(stack, "i-other").hold("worker/0", 600)
    host = Host(STATS)
    tier = app(host, monkeypatch)
    tier.prepare(Deadline(5, stack.clock))
    assert rendered[-1]["worker"] == tier.variables["worker"] == 1
    assert host.done == []
    tier.heal()
    tier.stop(Deadline(5))
    tier.clean_up(Deadline(5))
    assert list(stack.leases) == ["worker/0"]


def test_an_instance_that_lost_its_number_is_replaced(
    monkeypatch: pytest.MonkeyPatch, stack: Stack, rendered: list[dict[str, Any]], world: Path
) -> None:
    (world / "templates/app.env.j2").write_text("ID={{ worker }}")
    monkeypatch.setattr("chatlift_member.app_worker.write_atomically", lambda *_, **__: None)
    tier = app(Host(STATS), monkeypatch)
    tier.prepare(Deadline(5, stack.clock))
    stack.leases.clear()
    Place(stack, "i-other").hold("worker/0", 600)
    with pytest.raises(AgentError):
        tier._worker.confirm(Deadline(5, stack.clock))  # type: ignore[union-attr]
    status = tier.status()
    assert (status.healthy, status.detail) == (
        False,
        "another instance has taken the worker number 0",
    )
    tier.heal()


def test_the_active_instance_runs_the_only_process(
    monkeypatch: pytest.MonkeyPatch, stack: Stack, rendered: list[dict[str, Any]]
) -> None:
    host = Host(STATS)
    host.running.clear()
    tier = app(host, monkeypatch, processes="stack")
    tier.start(Deadline(5, stack.clock))
    assert host.done == ["start haproxy.service", "start chatlift-app@1.service"]
    status = tier.status()
    assert (status.role, status.leads, status.healthy) == ("active", True, True)


def test_a_standby_stays_healthy_and_passes_clients_on(
    monkeypatch: pytest.MonkeyPatch, stack: Stack, rendered: list[dict[str, Any]]
) -> None:
    Place(stack, "i-other").hold("active", 15)
    host = Host(STATS)
    host.running.clear()
    tier = app(host, monkeypatch, processes="stack")
    tier.start(Deadline(5, stack.clock))
    tier.join(Deadline(5, stack.clock))
    assert host.done[-1] == "reload haproxy.service"
    assert "start chatlift-app@1.service" not in host.done
    assert rendered[-1]["active_address"] == "address of i-other"
    host.answers = [DOWN]
    status = tier.status()
    assert (status.role, status.leads, status.healthy) == ("standby", False, True)
    assert status.detail == "the application runs on address of i-other, which does not answer"


def test_a_new_active_instance_gets_time_to_start_the_application(
    monkeypatch: pytest.MonkeyPatch, stack: Stack, rendered: list[dict[str, Any]]
) -> None:
    Place(stack, "i-other").hold("active", 15)
    host = Host(STATS)
    host.clock = stack.clock
    host.running.clear()
    tier = app(host, monkeypatch, processes="stack")
    tier.start(Deadline(5, stack.clock))
    tier.join(Deadline(5, stack.clock))
    stack.leases.clear()
    tier._active.step()  # type: ignore[union-attr]
    assert host.done[-2:] == ["reload haproxy.service", "start chatlift-app@1.service"]
    assert rendered[-1]["active_address"] == ""
    host.answers = [DOWN]
    assert tier.status().healthy
    stack.clock.now += GRACE_SECONDS
    assert not tier.status().healthy


def test_the_active_instance_hands_over_before_it_drains(
    monkeypatch: pytest.MonkeyPatch, stack: Stack, rendered: list[dict[str, Any]]
) -> None:
    host = Host(STATS)
    host.fails = "stop chatlift-app@1.service"
    tier = app(host, monkeypatch, processes="stack")
    tier.start(Deadline(5, stack.clock))
    monkeypatch.setattr("time.sleep", lambda _: Place(stack, "i-other").hold("active", 15))
    monkeypatch.setattr(module, "drain", lambda *_, **__: host.done.append("drain"))
    tier.hand_over(Deadline(5, stack.clock))
    assert host.done[-5:] == [
        "stop chatlift-app@1.service",
        "kill chatlift-app@1.service",
        "kill chatlift-app@1.service",
        "reload haproxy.service",
        "drain",
    ]
    assert tier.variables["active_address"] == "address of i-other"
