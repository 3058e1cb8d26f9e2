"""A member joins, waits or starts the group by rules under which nothing is ever lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chatlift_member.gtid import GtidSet
from chatlift_member.mysql_group import Action, Decision, Seat, View, decide, successors, unfit

MEMBERS = ("mysql-a1", "mysql-b1", "mysql-c1")
GROUP = "6f6e5a3e-8c1f-4c39-9b11-0a8f0d9d3e01"
STRAY = "9eb8b372-bcb7-5c0b-bf27-39d1a2deb3c0"


def seat(name: str, state: str = "ONLINE", role: str = "SECONDARY", queue: int = 0) -> Seat:
    return Seat(f"uuid-{name}", f"address-{name}", state, role, queue)


def out(name: str, last: int = 0, *, state: str = "OFFLINE", entering: bool = False) -> View:
    """A member in no group that has the transactions 1 to ``last``."""
    transactions = GtidSet.parse(f"{GROUP}:1-{last}" if last else "")
    return View(
        f"uuid-{name}", (seat(name, state, ""),), transactions, read_only=True, entering=entering
    )


def within(name: str, *others: Seat, last: int = 9, state: str = "ONLINE", **flags: bool) -> View:
    """A member in a group with ``others``."""
    seats = (seat(name, state), *others)
    return View(f"uuid-{name}", seats, GtidSet.parse(f"{GROUP}:1-{last}"), **flags)


def choose(*views: View, me: str = "mysql-a1", order: str | None = None) -> Decision:
    return decide(
        me, MEMBERS, {view.uuid.removeprefix("uuid-"): view for view in views}, order=order
    )


LOST = (seat("mysql-b1", "UNREACHABLE"), seat("mysql-c1", "UNREACHABLE"))


# -- in the group ------------------------------------------------------------------------------


def test_a_settled_member_does_nothing_even_when_forced() -> None:
    mine = within("mysql-a1", seat("mysql-b1"), seat("mysql-c1"))
    assert choose(mine).action is Action.NOTHING
    assert choose(mine, order="a mistake").action is Action.NOTHING


def test_a_recovering_member_waits() -> None:
    chosen = choose(within("mysql-a1", seat("mysql-b1"), state="RECOVERING", offline=True))
    assert chosen == Decision(Action.WAIT, "mysql-a1 is RECOVERING, catching up with its group.")


def test_a_join_under_way_is_waited_for() -> None:
    assert choose(out("mysql-a1", 9, entering=True)).action is Action.WAIT


def test_applications_come_in_once_the_group_joined_has_other_online_members() -> None:
    mine = within("mysql-a1", seat("mysql-b1"), offline=True)
    assert choose(mine).action is Action.OPEN


@pytest.mark.parametrize("others", [(), (seat("mysql-b1", "RECOVERING"),)])
def test_a_joiner_left_alone_leaves_the_accidental_group(others: tuple[Seat, ...]) -> None:
    assert choose(within("mysql-a1", *others, offline=True)).action is Action.LEAVE


def test_a_member_without_majority_stays_while_the_others_do_not_answer() -> None:
    chosen = choose(within("mysql-a1", *LOST), out("mysql-b1", 9))
    assert chosen == Decision(
        Action.WAIT,
        "mysql-a1 has lost the majority of its group: address-mysql-b1 and address-mysql-c1 "
        "cannot be reached by it.",
    )


def test_a_member_without_majority_stays_while_another_is_joining_it() -> None:
    mine = within("mysql-a1", *LOST)
    chosen = choose(mine, out("mysql-b1", 5, entering=True), out("mysql-c1", 9))
    assert chosen.action is Action.WAIT
    forced = choose(mine, out("mysql-b1", 5, entering=True), order="hurry")
    assert forced.action is Action.WAIT


def test_a_member_without_majority_leaves_when_nobody_else_is_in_a_group() -> None:
    chosen = choose(within("mysql-a1", *LOST), out("mysql-b1", 9), out("mysql-c1", 9))
    assert chosen.action is Action.LEAVE


def test_a_member_without_majority_leaves_for_the_group_the_others_have() -> None:
    theirs = within("mysql-b1", seat("mysql-c1"))
    assert choose(within("mysql-a1", *LOST), theirs).action is Action.LEAVE


def test_a_member_without_majority_leaves_when_forced_although_others_are_dead() -> None:
    assert choose(within("mysql-a1", *LOST), order="zone b is lost").action is Action.LEAVE


# -- joining -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["OFFLINE", "ERROR"])
@pytest.mark.parametrize("last", [0, 5, 9])
def test_joins_a_group_that_has_all_it_has(last: int, state: str) -> None:
    chosen = choose(out("mysql-a1", last, state=state), within("mysql-b1", seat("mysql-c1")))
    assert chosen == Decision(Action.JOIN, "mysql-a1 joins the group of mysql-b1.")


def test_joins_even_when_forced_to_start_a_group() -> None:
    theirs = within("mysql-b1", seat("mysql-c1"))
    assert choose(out("mysql-a1", 5), theirs, order="a mistake").action is Action.JOIN


def test_transactions_that_any_settled_member_has_are_not_errant() -> None:
    ahead = within("mysql-b1", seat("mysql-c1"), last=12)
    behind = within("mysql-c1", seat("mysql-b1"), last=9)
    assert choose(out("mysql-a1", 12), ahead, behind).action is Action.JOIN


def test_refuses_to_join_with_transactions_that_the_group_has_not() -> None:
    mine = View("uuid-mysql-a1", (), GtidSet.parse(f"{GROUP}:1-5,{STRAY}:1"))
    chosen = choose(mine, within("mysql-b1", seat("mysql-c1")))
    assert chosen == Decision(
        Action.WAIT,
        f"mysql-a1 has transactions that its group has not ({STRAY}:1) and must not join; save "
        "what they hold, then give it an empty volume, and it will be cloned.",
    )


@pytest.mark.parametrize(
    "other",
    [
        within("mysql-b1", seat("mysql-c1", "UNREACHABLE")),
        within("mysql-b1", state="RECOVERING"),
        within("mysql-b1", offline=True),
        out("mysql-b1", 9, entering=True),
    ],
    ids=["no majority", "recovering", "not open yet", "entering"],
)
@pytest.mark.parametrize("order", [None, "hurry"])
def test_waits_for_a_group_that_is_not_settled_even_when_forced(
    other: View, order: str | None
) -> None:
    assert choose(out("mysql-a1", 9), other, out("mysql-c1", 9), order=order).action is Action.WAIT


# -- starting ----------------------------------------------------------------------------------


def test_the_first_of_all_empty_members_starts_the_first_group() -> None:
    views = [out(name) for name in MEMBERS]
    assert choose(*views) == Decision(
        Action.BOOTSTRAP,
        "mysql-a1 starts the group: every member answers and every member is empty.",
    )
    for name in MEMBERS[1:]:
        assert choose(*views, me=name) == Decision(
            Action.WAIT, f"{name} waits for mysql-a1 to start the group."
        )


@pytest.mark.parametrize("last", [0, 9])
def test_nobody_starts_a_group_while_a_member_does_not_answer(last: int) -> None:
    chosen = choose(out("mysql-a1", last), out("mysql-b1", last))
    assert chosen.action is Action.WAIT
    assert "mysql-c1 did not answer" in chosen.reason
    assert "force-bootstrap" in chosen.reason


@pytest.mark.parametrize(
    ("lasts", "first"),
    [
        ((9, 9, 9), "mysql-a1"),
        ((5, 9, 9), "mysql-b1"),
        ((5, 7, 9), "mysql-c1"),
        ((9, 5, 7), "mysql-a1"),
    ],
)
def test_after_a_full_outage_the_member_with_all_transactions_starts(
    lasts: tuple[int, ...], first: str
) -> None:
    views = [out(name, last) for name, last in zip(MEMBERS, lasts, strict=True)]
    chosen = {name: choose(*views, me=name).action for name in MEMBERS}
    assert [name for name in MEMBERS if chosen[name] is Action.BOOTSTRAP] == [first]
    assert all(chosen[name] is Action.WAIT for name in MEMBERS if name != first)


def test_a_member_in_error_counts_as_out_of_the_group() -> None:
    views = [out(name, 9, state="ERROR") for name in MEMBERS]
    assert choose(*views).action is Action.BOOTSTRAP


def test_nobody_starts_when_a_member_has_lost_its_data() -> None:
    views = [out("mysql-a1", 9), out("mysql-b1"), out("mysql-c1", 9)]
    for name in MEMBERS:
        chosen = choose(*views, me=name)
        assert chosen.action is Action.WAIT
        assert "not on mysql-b1" in chosen.reason


def test_nobody_starts_when_no_member_has_everything() -> None:
    stray = View("uuid-mysql-b1", (), GtidSet.parse(f"{GROUP}:1-5,{STRAY}:1"))
    for name in MEMBERS:
        chosen = choose(out("mysql-a1", 9), stray, out("mysql-c1", 9), me=name)
        assert chosen.action is Action.WAIT
        assert "no member has all transactions" in chosen.reason


@pytest.mark.parametrize(
    "views",
    [
        [out("mysql-a1", 5)],
        [out("mysql-a1", 5), out("mysql-b1", 9)],
        [out("mysql-a1", 9), out("mysql-b1"), out("mysql-c1", 9)],
    ],
    ids=["alone", "behind", "another empty"],
)
def test_an_operator_may_force_the_start(views: list[View]) -> None:
    assert choose(*views, order="zone c is lost, says NN") == Decision(
        Action.BOOTSTRAP,
        "mysql-a1 starts the group, forced to by an operator: zone c is lost, says NN.",
    )


# -- what a view means -------------------------------------------------------------------------


def primary(*others: Seat, **flags: bool) -> View:
    own = seat("mysql-a1", role="PRIMARY")
    return View("uuid-mysql-a1", (own, *others), GtidSet(), **flags)


def test_a_primary_leads_only_while_it_can_commit() -> None:
    assert primary(seat("mysql-b1"), seat("mysql-c1")).leads
    assert primary(seat("mysql-b1"), seat("mysql-c1", "UNREACHABLE")).leads
    assert primary().leads
    assert not primary(*LOST).leads
    assert not primary(seat("mysql-b1", "UNREACHABLE")).leads
    assert not primary(seat("mysql-b1"), read_only=True).leads
    assert not primary(seat("mysql-b1"), offline=True).leads
    assert not within("mysql-a1", seat("mysql-b1")).leads


def test_before_the_plugin_has_started_a_server_is_offline() -> None:
    assert View("uuid-mysql-a1", (), GtidSet()).own.state == "OFFLINE"


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ((seat("mysql-b1", queue=3), seat("mysql-c1")), "uuid-mysql-c1"),
        ((seat("mysql-b1"), seat("mysql-c1")), "uuid-mysql-b1"),
        ((seat("mysql-b1", "RECOVERING"), seat("mysql-c1", queue=9)), "uuid-mysql-c1"),
        ((seat("mysql-b1", queue=101),), None),
        ((), None),
    ],
)
def test_the_secondary_least_behind_takes_over(
    others: tuple[Seat, ...], chosen: str | None
) -> None:
    found = [seat.uuid for seat in successors(primary(*others), most_behind=100)]
    assert (found[0] if found else None) == chosen


def test_the_primary_is_known_to_all_and_nobody_in_no_group() -> None:
    leader = seat("mysql-b1", role="PRIMARY")
    assert within("mysql-a1", leader).primary == leader
    assert out("mysql-a1").primary is None


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        (within("mysql-a1", seat("mysql-b1")), ""),
        (within("mysql-a1", seat("mysql-b1"), state="RECOVERING"), "is RECOVERING, and no full"),
        (within("mysql-a1", *LOST), "no full member"),
        (out("mysql-a1"), "is OFFLINE, and no full member"),
    ],
)
def test_only_a_full_member_may_lead(view: View, reason: str) -> None:
    assert reason in unfit("mysql-a1", view, most_behind=100)
    assert bool(reason) == bool(unfit("mysql-a1", view, most_behind=100))


@pytest.mark.parametrize(
    ("own", "other", "fit"),
    [("9.7.0", "9.7.0", True), ("9.7.1", "9.7.0", False), ("9.7.0", "9.10.0", True)],
)
def test_only_the_oldest_version_of_a_group_may_lead(own: str, other: str, fit: bool) -> None:
    both = (seat("mysql-a1"), seat("mysql-b1"))
    seats = tuple(replace(one, version=it) for one, it in zip(both, (own, other), strict=True))
    reason = unfit("mysql-a1", replace(within("mysql-a1"), seats=seats), most_behind=100)
    assert reason == (
        "" if fit else "mysql-a1 runs MySQL 9.7.1, and its group lets only 9.7.0 lead, its oldest."
    )
