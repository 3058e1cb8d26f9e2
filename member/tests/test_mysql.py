"""The MySQL tier looks, does what was decided, and says how it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import chatlift_member.mysql as tier_module
import member_factory
import pytest
from chatlift_member import disk, mysql_accounts, mysql_force
from chatlift_member.disk import Disk
from chatlift_member.errors import NotInTime, Refused
from chatlift_member.gtid import GtidSet
from chatlift_member.mysql import CLONE_FROM, NEVER_CLONE, MySql
from chatlift_member.mysql_group import Seat, View
from chatlift_member.mysql_server import SqlError
from chatlift_member.tier import Context
from chatlift_member.wait import Deadline

MEMBERS = [
    {"name": f"mysql-{zone}1", "az": zone, "address": f"10.42.{32 + index}.21"}
    for index, zone in enumerate("abc")
]
SECRETS = {key: key for key in MySql.secret_keys}
DATA = GtidSet.parse("6f6e5a3e-8c1f-4c39-9b11-0a8f0d9d3e01:1-9")


def seats(**roles: str) -> tuple[Seat, ...]:
    """ONLINE seats, such as ``a="PRIMARY"``."""
    return tuple(
        Seat(f"uuid-{zone}", f"address-{zone}", "ONLINE", role, 0) for zone, role in roles.items()
    )


GROUP = seats(a="PRIMARY", b="SECONDARY", c="SECONDARY")
AFTER = seats(a="SECONDARY", b="PRIMARY", c="SECONDARY")


def view(zone: str, group: tuple[Seat, ...] = (), **changes: Any) -> View:
    return replace(View(f"uuid-{zone}", group, DATA, read_only=zone != "a"), **changes)


@dataclass
class FakeServer:
    """A server that shows views, and changes to the next one when it is told a statement."""

    name: str = ""
    shown: View | None = None
    then: dict[str, View] = field(default_factory=dict)
    failing: str = ""
    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)

    def view(self) -> View:
        if self.shown is None:
            raise SqlError(f"MySQL on {self.name} does not answer (timed out).")
        return self.shown

    def load(self) -> dict[str, float]:
        self.query("how busy it is")
        return {"mysql_connections": 7.0}

    @contextmanager
    def session(self, timeout: float = 1) -> Iterator[FakeServer]:
        self.view()
        yield self

    def query(self, sql: str, *values: object) -> list[dict[str, Any]]:
        said = sql % values if values else sql
        self.heard.append(said)
        if self.failing and self.failing in said:
            raise SqlError(f"MySQL on {self.name} refused (see the error log).")
        for statement, shown in self.then.items():
            if statement in said:
                self.shown = shown
        return next((rows for part, rows in self.answers.items() if part in said), [])


@dataclass
class Fleet:
    """The three servers, and the tier under test on mysql-a1."""

    tier: MySql
    run: Path
    clock: member_factory.Clock
    a: FakeServer
    b: FakeServer
    c: FakeServer
    used: list[int]
    """Per cent of mysql-a1's volume."""
    room: set[str]
    """Addresses of the members whose volume has room."""
    services: FakeServices


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fleet:
    used, room = [50], {"address-b", "address-c"}
    servers = {member["name"]: FakeServer(member["name"]) for member in MEMBERS}

    class Servers:
        local = staticmethod(lambda name, *rest: servers[name])
        remote = staticmethod(lambda name, *rest: servers[name])

    monkeypatch.setattr(tier_module, "Server", Servers)
    monkeypatch.setattr(mysql_accounts, "read_plugins", dict)
    monkeypatch.setattr(mysql_accounts, "missing", lambda *_: [("make it", ["CREATE it"])])
    monkeypatch.setattr(disk, "has_room", lambda address, port: address in room)
    monkeypatch.setattr(disk, "look", lambda path: Disk(path, used=used[0], free=100 - used[0]))
    facts = member_factory.facts(tier="mysql", member="mysql-a1", mysql=MEMBERS, redis=[])
    services = FakeServices()
    context = Context(facts, SECRETS, services=services, run=tmp_path)  # type: ignore[arg-type]
    clock = member_factory.Clock()
    return Fleet(MySql(context, clock), tmp_path, clock, *servers.values(), used, room, services)


class FakeServices:
    def __init__(self) -> None:
        self.done: list[str] = []

    def start(self, unit: str, timeout: float) -> None:
        self.done.append(f"start {unit}")

    def stop(self, unit: str, timeout: float) -> None:
        self.done.append(f"stop {unit}")

    def kill(self, unit: str) -> None:
        self.done.append(f"kill {unit}")


# -- entering ----------------------------------------------------------------------------------


def test_the_first_member_starts_the_group_and_makes_the_database(fleet: Fleet) -> None:
    fleet.a.shown = view("a", transactions=GtidSet())
    fleet.b.shown = view("b", transactions=GtidSet())
    fleet.c.shown = view("c", transactions=GtidSet())
    fleet.a.then = {"START GROUP_REPLICATION": view("a", seats(a="PRIMARY"))}
    fleet.tier.join(Deadline(5))
    assert fleet.a.heard[:7] == [
        "SELECT GET_LOCK(chatlift.entering, 0)",
        "SET GLOBAL offline_mode = ON",
        f"SET GLOBAL group_replication_clone_threshold = {CLONE_FROM}",
        "SET GLOBAL group_replication_bootstrap_group = 1",
        "START GROUP_REPLICATION USER = replication_username, PASSWORD = replication_password",
        "SET GLOBAL offline_mode = OFF",
        "SET GLOBAL group_replication_bootstrap_group = OFF",
    ]
    assert fleet.a.heard[7:] == ["CREATE it"]


def test_a_joiner_opens_to_applications_only_after_a_second_look(fleet: Fleet) -> None:
    fleet.a.shown = view("a", read_only=True)
    fleet.b.shown, fleet.c.shown = view("b", AFTER, read_only=False), view("c", AFTER)
    fleet.a.then = {
        "START GROUP_REPLICATION": view("a", AFTER, read_only=True, offline=True),
        "offline_mode = OFF": view("a", AFTER, read_only=True),
    }
    fleet.tier.heal()
    assert not fleet.tier.status().healthy
    assert "SET GLOBAL offline_mode = OFF" not in fleet.a.heard
    assert f"SET GLOBAL group_replication_clone_threshold = {NEVER_CLONE}" in fleet.a.heard
    assert "SET GLOBAL group_replication_bootstrap_group = 0" in fleet.a.heard
    fleet.tier.heal()
    assert fleet.tier.status().healthy


def test_an_expelled_member_stops_before_it_starts_again(fleet: Fleet) -> None:
    expelled = Seat("uuid-a", "address-a", "ERROR", "", 0)
    fleet.a.shown = view("a", (expelled,), read_only=True, offline=True)
    fleet.b.shown, fleet.c.shown = view("b", AFTER, read_only=False), view("c", AFTER)
    fleet.tier.heal()
    heard = "; ".join(fleet.a.heard)
    assert heard.index("STOP GROUP_REPLICATION") < heard.index("START GROUP_REPLICATION")


def test_a_bootstrap_that_fails_leaves_no_trap_behind(fleet: Fleet) -> None:
    fleet.a.shown, fleet.b.shown, fleet.c.shown = view("a"), view("b"), view("c")
    fleet.a.failing = "START GROUP_REPLICATION"
    fleet.tier.heal()
    assert fleet.a.heard[-1] == "SET GLOBAL group_replication_bootstrap_group = OFF"


def test_a_member_in_its_group_may_not_be_left_bootstrapping(fleet: Fleet) -> None:
    """Its server did not take the setting back when the group had started."""
    fleet.a.shown = view("a", AFTER, read_only=True, bootstraps=True)
    fleet.a.failing = "bootstrap_group = OFF"
    with pytest.raises(NotInTime, match="mysql-a1 could not forget that it started its group"):
        fleet.tier.join(Deadline(0))
    fleet.a.failing = ""
    fleet.a.then = {"bootstrap_group = OFF": view("a", AFTER, read_only=True)}
    fleet.tier.heal()
    fleet.tier.heal()
    assert fleet.a.heard == 2 * ["SET GLOBAL group_replication_bootstrap_group = OFF"]


def test_attempts_that_fail_become_rarer(fleet: Fleet) -> None:
    fleet.a.shown, fleet.b.shown = view("a"), view("b", AFTER)
    fleet.a.failing = "START GROUP_REPLICATION"
    attempts = []
    for _ in range(200):
        before = len(fleet.a.heard)
        fleet.tier.heal()
        if len(fleet.a.heard) > before:
            attempts.append(fleet.clock.now)
        fleet.clock.sleep(1)
    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    assert pauses == [5, 10, 20, 40, 60, 60]


def test_a_join_in_vain_says_what_it_waited_for(fleet: Fleet) -> None:
    fleet.a.shown, fleet.b.shown = view("a"), view("b")
    with pytest.raises(NotInTime, match="mysql-c1 did not answer but may have newer data"):
        fleet.tier.join(Deadline(0))
    status = fleet.tier.status()
    assert (status.healthy, status.state) == (False, "OFFLINE")
    assert "mysql-c1 did not answer" in status.detail


def test_an_order_to_start_the_group_is_obeyed_once_and_logged(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.a.shown, fleet.b.shown = view("a"), view("b")
    mysql_force.order("zone c is lost, says NN", fleet.run)
    with caplog.at_level(logging.WARNING):
        fleet.tier.heal()
    assert "forced to by an operator: zone c is lost, says NN" in caplog.text
    assert "SET GLOBAL group_replication_bootstrap_group = 1" in fleet.a.heard
    assert mysql_force.ordered(fleet.run) is None


def test_an_order_has_no_effect_on_a_settled_member_and_is_forgotten(fleet: Fleet) -> None:
    fleet.a.shown = view("a", AFTER, read_only=True)
    mysql_force.order("a mistake", fleet.run)
    fleet.tier.heal()
    assert fleet.a.heard == []
    assert mysql_force.ordered(fleet.run) is None


# -- status ------------------------------------------------------------------------------------


def test_the_primary_leads(fleet: Fleet) -> None:
    fleet.a.shown = view("a", GROUP)
    status = fleet.tier.status()
    assert (status.healthy, status.leads, status.role) == (True, True, "primary")
    assert status.metrics["mysql_members_online"] == 3
    assert status.metrics["mysql_connections"] == 7


def test_figures_that_cannot_be_had_harm_no_standing(fleet: Fleet) -> None:
    fleet.a.shown, fleet.a.failing = view("a", GROUP), "how busy"
    status = fleet.tier.status()
    assert status.healthy
    assert "mysql_connections" not in status.metrics


def test_a_secondary_is_a_replica(fleet: Fleet) -> None:
    fleet.a.shown = view("a", AFTER, read_only=True)
    status = fleet.tier.status()
    assert (status.healthy, status.leads, status.role) == (True, False, "replica")


def test_a_server_that_does_not_answer_is_down(fleet: Fleet) -> None:
    status = fleet.tier.status()
    assert (status.healthy, status.state) == (False, "DOWN")
    assert status.detail == "MySQL on mysql-a1 does not answer (timed out)."


def test_a_full_volume_is_told_and_takes_no_member_out_of_service(fleet: Fleet) -> None:
    fleet.a.shown = view("a", GROUP)
    fleet.used[0] = 97
    status = fleet.tier.status()
    assert (status.healthy, status.leads) == (True, True)
    assert "is 97% full" in status.detail
    assert status.metrics["disk_used_ratio"] == 0.97
    fleet.a.shown = None
    assert "does not answer (timed out). The data volume" in fleet.tier.status().detail
    assert fleet.tier.status().metrics["disk_used_ratio"] == 0.97


# -- a full volume -----------------------------------------------------------------------------


def test_a_primary_with_a_full_volume_lets_a_member_with_room_lead(fleet: Fleet) -> None:
    fleet.a.shown = view("a", GROUP)
    fleet.tier.heal()
    assert fleet.a.heard == ["CREATE it"]
    fleet.used[0] = 96
    fleet.room.remove("address-b")
    fleet.tier.heal()
    assert "SELECT group_replication_set_as_primary(uuid-c, 1)" in fleet.a.heard
    assert fleet.services.done == []


@pytest.mark.parametrize("group", [GROUP, AFTER], ids=["nobody-has-room", "secondary"])
def test_else_a_full_volume_changes_nothing_but_is_logged_once(
    fleet: Fleet, group: tuple[Seat, ...], caplog: pytest.LogCaptureFixture
) -> None:
    fleet.a.shown = view("a", group)
    fleet.used[0] = 96
    if group is GROUP:
        fleet.room.clear()
    for _ in range(3):
        fleet.tier.heal()
    assert not any("set_as_primary" in said for said in fleet.a.heard)
    assert caplog.text.count("96% full") == 1


def test_commits_that_hang_on_a_full_volume_end_the_server_for_others_to_lead(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.a.shown = view("a", GROUP)
    fleet.a.failing = "set_as_primary"
    fleet.used[0] = 100
    fleet.tier.heal()
    assert "mysql-a1 still leads" in caplog.text
    assert fleet.services.done == []
    fleet.a.answers["waiting for handler commit"] = [{"1": 1}]
    fleet.tier.heal()
    assert fleet.services.done == ["kill mysql.service", "start mysql.service"]


# -- leading on request ------------------------------------------------------------------------


def test_a_secondary_that_is_asked_to_lead_appoints_itself(fleet: Fleet) -> None:
    fleet.a.shown = view("a", AFTER, read_only=True)
    fleet.a.then = {"set_as_primary(uuid-a": view("a", GROUP, read_only=False)}
    fleet.tier.lead(Deadline(5))
    assert fleet.a.heard == ["SELECT group_replication_set_as_primary(uuid-a, 1)"]
    fleet.tier.lead(Deadline(5))
    assert len(fleet.a.heard) == 1, "it leads already"


def test_a_secondary_that_is_far_behind_refuses(fleet: Fleet) -> None:
    behind = tuple(replace(seat, queue=230) for seat in AFTER)
    fleet.a.shown = view("a", behind, read_only=True)
    with pytest.raises(Refused, match="mysql-a1 has 230 transactions to apply"):
        fleet.tier.lead(Deadline(5))
    assert fleet.a.heard == []


def test_a_primary_that_takes_no_writes_does_not_lead_yet(fleet: Fleet) -> None:
    fleet.a.shown = view("a", AFTER, read_only=True)
    fleet.a.then = {"set_as_primary": view("a", GROUP, read_only=True)}
    with pytest.raises(NotInTime, match="it is PRIMARY, and read only"):
        fleet.tier.lead(Deadline(0))


def test_everybody_names_the_primary(fleet: Fleet) -> None:
    fleet.a.shown = view("a", tuple(replace(one, address="10.42.33.21") for one in AFTER[1:]))
    assert fleet.tier.status().leader == "mysql-b1"
    fleet.a.shown = view("a")
    assert fleet.tier.status().leader == ""


# -- leaving -----------------------------------------------------------------------------------


def test_the_primary_hands_over_and_waits_until_the_new_one_takes_writes(fleet: Fleet) -> None:
    fleet.a.shown = view("a", GROUP)
    fleet.a.then = {"set_as_primary(uuid-b": view("a", AFTER, read_only=True)}
    fleet.b.shown = view("b", AFTER, read_only=False)
    fleet.tier.hand_over(Deadline(5))
    assert fleet.a.heard == ["SELECT group_replication_set_as_primary(uuid-b, 1)"]


def test_a_leaving_primary_prefers_a_member_with_room(fleet: Fleet) -> None:
    fleet.a.shown = view("a", GROUP)
    fleet.a.then = {"set_as_primary": view("a", AFTER, read_only=True)}
    fleet.b.shown = view("b", AFTER, read_only=False)
    fleet.room.clear()
    fleet.tier.hand_over(Deadline(5))
    assert "uuid-b" in fleet.a.heard[-1]
    fleet.room.add("address-c")
    assert fleet.tier._successor() == "uuid-c"


def test_a_hand_over_without_effect_is_an_error(fleet: Fleet) -> None:
    fleet.a.shown = view("a", GROUP)
    with pytest.raises(NotInTime, match="the group has not elected it"):
        fleet.tier.hand_over(Deadline(0))


@pytest.mark.parametrize("group", [AFTER, seats(a="PRIMARY")], ids=["secondary", "last"])
def test_who_does_not_lead_or_is_the_last_hands_nothing_over(
    fleet: Fleet, group: tuple[Seat, ...]
) -> None:
    fleet.a.shown = view("a", group)
    fleet.tier.hand_over(Deadline(5))
    assert fleet.a.heard == []


def test_stops_the_service_even_if_the_server_is_gone(fleet: Fleet) -> None:
    fleet.tier.stop(Deadline(5))
    assert fleet.services.done == ["stop mysql.service"]


def test_leaves_the_group_before_it_stops(fleet: Fleet) -> None:
    fleet.a.shown = view("a", AFTER)
    fleet.tier.stop(Deadline(5))
    assert fleet.a.heard == ["STOP GROUP_REPLICATION"]
