"""What a MySQL member should do next: pure decisions, from what the members say of themselves.

The rules, and why they are so strict, are in docs/architecture.md, "Stateful tiers": two groups
that both take writes, or one that forgot some, are worse than a group that waits for a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import reduce
from operator import or_

from .gtid import GtidSet


@dataclass(frozen=True)
class Seat:
    """One row of ``performance_schema.replication_group_members``."""

    uuid: str
    address: str
    state: str
    """``ONLINE``, ``RECOVERING``, ``OFFLINE``, ``ERROR`` or ``UNREACHABLE``."""
    role: str
    """``PRIMARY``, ``SECONDARY`` or empty."""
    queue: int
    """Transactions received and not applied yet."""
    version: str = ""
    """Of its server, such as ``9.7.0``."""

    @property
    def online(self) -> bool:
        return self.state == "ONLINE"


@dataclass(frozen=True)
class View:
    """What one server says of itself and of its group."""

    uuid: str
    seats: tuple[Seat, ...]
    transactions: GtidSet
    """Executed, and received but not executed yet."""
    read_only: bool = False
    """``super_read_only``."""
    offline: bool = False
    """``offline_mode``: applications are kept out."""
    entering: bool = False
    """``START GROUP_REPLICATION`` is under way. Its group may count it in before the view shows."""
    bootstraps: bool = False
    """``group_replication_bootstrap_group``: the next start would start a group of its own."""

    @property
    def own(self) -> Seat:
        """The server's own seat; an ``OFFLINE`` one before the plugin has ever started."""
        offline = Seat(self.uuid, address="", state="OFFLINE", role="", queue=0)
        return next((seat for seat in self.seats if seat.uuid == self.uuid), offline)

    @property
    def primary(self) -> Seat | None:
        """The seat of the primary; None in no group."""
        return next((seat for seat in self.seats if seat.role == "PRIMARY"), None)

    @property
    def in_group(self) -> bool:
        """Takes part in a group, though perhaps on the wrong side of a partition."""
        return self.own.state in ("ONLINE", "RECOVERING")

    @property
    def has_majority(self) -> bool:
        """Whether more than half of the group's seats can be reached from this server."""
        reachable = sum(seat.state != "UNREACHABLE" for seat in self.seats)
        return self.in_group and reachable * 2 > len(self.seats)

    @property
    def alone(self) -> bool:
        """Whether the group has no other ONLINE member.

        Fatal after a join: when the last of the others leaves while it is under way, the
        communication layer keeps a group of the joiner alone, and the server becomes its primary,
        with outdated data.
        """
        return not any(seat.online and seat.uuid != self.uuid for seat in self.seats)

    @property
    def settled(self) -> bool:
        """A full member, open to applications, of a group that can commit."""
        return self.own.online and self.has_majority and not self.offline

    @property
    def leads(self) -> bool:
        """The primary, taking writes."""
        return self.settled and self.own.role == "PRIMARY" and not self.read_only


class Action(Enum):
    """What the member does next."""

    NOTHING = auto()
    """It is where it belongs."""
    WAIT = auto()
    """Look again later."""
    JOIN = auto()
    """Join the group that the others form."""
    OPEN = auto()
    """Let applications in: the group just joined is the right one."""
    LEAVE = auto()
    """Leave a group that is lost, and look again."""
    BOOTSTRAP = auto()
    """Start the group: the one thing that must never be done on a guess."""


@dataclass(frozen=True)
class Decision:
    """An action, and the reason as a sentence."""

    action: Action
    reason: str


def decide(
    me: str, members: Iterable[str], views: Mapping[str, View], *, order: str | None = None
) -> Decision:
    """What member ``me`` does next.

    ``members`` are all configured members, ``views`` those that answered, ``me`` among them.
    ``order`` is the reason of an operator who wants the group started from here, whatever is known
    of the others.
    All members come to the same answer from the same views, so that no more than one bootstraps.
    """
    mine = views[me]
    others = {name: view for name, view in views.items() if name != me}
    group = {name: view for name, view in others.items() if view.settled}
    unsettled = sorted(
        name
        for name, view in others.items()
        if view.entering or (view.in_group and not view.settled)
    )
    missing = sorted(set(members) - views.keys())
    if mine.settled:
        return Decision(Action.NOTHING, f"{me} is ONLINE in its group.")
    if mine.entering:
        return Decision(Action.WAIT, f"{me} is still entering its group.")
    if mine.in_group:
        return _stay(me, mine, bool(group), unsettled, missing if order is None else [])
    if group:
        return _join(me, mine, group)
    if unsettled:
        return Decision(
            Action.WAIT,
            f"There is a group on {_list(unsettled)}, but without a majority or still forming; "
            f"{me} waits until that is settled.",
        )
    if order is not None:
        return Decision(
            Action.BOOTSTRAP, f"{me} starts the group, forced to by an operator: {order}."
        )
    if missing:
        return Decision(
            Action.WAIT,
            f"No group is running, and {_list(missing)} did not answer but may have newer data; "
            f"{me} waits for that, or for an operator's chatlift-member force-bootstrap.",
        )
    return _start(me, views)


def _stay(
    me: str, mine: View, others_have_group: bool, unsettled: list[str], missing: list[str]
) -> Decision:
    """In a group, but not as it should be: stay and wait, or leave?"""
    if mine.has_majority and not mine.own.online:
        return Decision(Action.WAIT, f"{me} is {mine.own.state}, catching up with its group.")
    if mine.has_majority and not mine.alone:
        return Decision(Action.OPEN, f"{me} is ONLINE, and its group is that of the others.")
    if mine.has_majority:
        return Decision(Action.LEAVE, f"{me} leaves its group: nobody else is in it.")
    if others_have_group:
        return Decision(Action.LEAVE, f"{me} leaves its group: the others have one without it.")
    if unsettled or missing:
        lost = [seat.address for seat in mine.seats if seat.state == "UNREACHABLE"]
        return Decision(
            Action.WAIT,
            f"{me} has lost the majority of its group: {_list(lost)} cannot be reached by it.",
        )
    return Decision(
        Action.LEAVE, f"{me} leaves its group, for nobody else is in it any more, to start it anew."
    )


def _join(me: str, mine: View, group: Mapping[str, View]) -> Decision:
    known = reduce(or_, (view.transactions for view in group.values()))
    errant = mine.transactions - known
    if errant:
        return Decision(
            Action.WAIT,
            f"{me} has transactions that its group has not ({errant}) and must not join; save what "
            f"they hold, then give it an empty volume, and it will be cloned.",
        )
    return Decision(Action.JOIN, f"{me} joins the group of {_list(sorted(group))}.")


def _start(me: str, views: Mapping[str, View]) -> Decision:
    """Nobody is in a group and all answer: a first formation, or the end of a full outage."""
    empty = sorted(name for name, view in views.items() if not view.transactions)
    if empty and len(empty) < len(views):
        return Decision(
            Action.WAIT,
            f"No group is running, and there is data, but not on {_list(empty)}; check its volume, "
            "then run chatlift-member force-bootstrap on the member to keep.",
        )
    everything = reduce(or_, (view.transactions for view in views.values()))
    complete = sorted(name for name, view in views.items() if view.transactions >= everything)
    if not complete:
        return Decision(
            Action.WAIT,
            "No group is running and no member has all transactions of the others; compare them, "
            "then run chatlift-member force-bootstrap on the member to keep.",
        )
    first = complete[0]
    if first != me:
        return Decision(Action.WAIT, f"{me} waits for {first} to start the group.")
    what = "every member is empty" if empty else "it has all transactions of the others"
    return Decision(Action.BOOTSTRAP, f"{me} starts the group: every member answers and {what}.")


def successors(view: View, most_behind: int) -> list[Seat]:
    """The ONLINE secondaries that are able to lead: the least behind first, then by address.

    Not those that are more than ``most_behind`` transactions behind: a new primary makes its
    clients wait until it has applied them.
    """
    ready = [
        seat
        for seat in view.seats
        if seat.online and seat.uuid != view.uuid and seat.queue <= most_behind
    ]
    return sorted(ready, key=lambda seat: (seat.queue, seat.address))


def unfit(me: str, view: View, most_behind: int) -> str:
    """Why member ``me``, whose view this is, must not be made the primary; empty when it may.

    A group lets only its oldest version lead:
    https://dev.mysql.com/doc/refman/8.4/en/group-replication-change-primary.html
    """
    own = view.own
    if not view.settled:
        return f"{me} is {own.state}, and no full member of its group."
    if own.queue > most_behind:
        return f"{me} has {own.queue} transactions to apply before it could lead."
    oldest = min((seat.version for seat in view.seats), key=_numbers)
    if _numbers(own.version) > _numbers(oldest):
        return f"{me} runs MySQL {own.version}, and its group lets only {oldest} lead, its oldest."
    return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _list(names: Iterable[str]) -> str:
    return " and ".join(names)
