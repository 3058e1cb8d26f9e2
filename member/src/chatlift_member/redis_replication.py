"""What to do next about replicated Redis: functions of what members and Sentinels say, no effects.

No server starts as a master: it starts as a replica of nobody that Sentinel must not choose. Then

- where a master leads, this member follows it, and may be chosen once it has its data;
- where none does, Sentinel chooses among those which had the data of the one that was lost;
- where that cannot be, as after an outage of all, the last master leads again. A replica never has
  what its master lacks, so its data is the newest. It waits until every member is there: otherwise
  one that is missing could have led meanwhile.

A new stack is no special case: its Sentinels name the first member, and nobody has any data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .facts import Peer
from .redis_plan import PORT, Command, Plan
from .redis_sentinel import Word, majority

CANDIDATE = 100
"""Priority of a replica that Sentinel may choose; it never chooses one of priority 0."""


@dataclass(frozen=True)
class View:
    """How one member's server sees itself."""

    leads: bool
    """Its role is master."""
    follows: str
    """Address of the master it follows; not a member's while it follows nobody."""
    link_up: bool
    """It has its master's data and hears of changes."""
    keys: int
    priority: int
    """As a replica; `CANDIDATE` on a master."""


def parse_view(replication: Mapping[str, object], keys: int) -> View:
    """A `View` from the section ``replication`` of ``INFO`` and from ``DBSIZE``."""
    return View(
        leads=replication["role"] == "master",
        follows=str(replication.get("master_host", "")),
        link_up=replication.get("master_link_status") == "up",
        keys=keys,
        priority=int(str(replication.get("slave_priority", CANDIDATE))),
    )


def next_plan(
    own: Peer,
    members: Sequence[Peer],
    views: Mapping[str, View],
    words: Sequence[Word],
    voters: int,
) -> Plan:
    """What this member has to do next to be in good standing.

    ``views`` has what each reachable member says, this one included, by name; ``words`` what the
    Sentinels that answer say, of ``voters`` in all.
    """
    me = views[own.name]
    if not words:
        return Plan("a Sentinel that says who was master last")
    named = max(words, key=lambda word: word.epoch).address
    leader = next((peer for peer in members if peer.address == named), None)
    if leader is None:
        return Plan(f"an operator: Sentinel names {named}, which is no member", stuck=True)
    if me.leads:
        return _plan_master(own, leader, views, words, voters)
    if not (leader.name in views and views[leader.name].leads):
        return _plan_without(own, leader, members, views, words, voters)
    if me.follows != leader.address:
        follow = Command(own.name, ("REPLICAOF", leader.address, str(PORT)))
        return Plan(f"to follow {leader.name}", (follow,))
    if not me.link_up:
        return Plan(f"the data of {leader.name} to be copied")
    if me.priority != CANDIDATE:
        return Plan("to be a candidate", (_set_priority(own, CANDIDATE),))
    return Plan()


def _plan_master(
    own: Peer, leader: Peer, views: Mapping[str, View], words: Sequence[Word], voters: int
) -> Plan:
    """A master that comes back from behind a partition may have been replaced."""
    against = [word for word in words if word.address == leader.address and not word.down]
    replaced = leader != own and len(against) >= voters // 2 + 1
    if replaced and leader.name in views and views[leader.name].leads:
        follow = Command(own.name, ("REPLICAOF", leader.address, str(PORT)))
        return Plan(f"to follow {leader.name}, which replaced it", (follow,))
    return Plan()


def _plan_without(
    own: Peer,
    last: Peer,
    members: Sequence[Peer],
    views: Mapping[str, View],
    words: Sequence[Word],
    voters: int,
) -> Plan:
    """No master: Sentinel is about to choose one, or the last one has to lead again."""
    others = [peer.name for peer in members if peer.name in views and views[peer.name].leads]
    if others:
        return Plan(f"the Sentinels to agree that {', '.join(others)} leads")
    missing = [peer.name for peer in members if peer.name not in views]
    if missing or len(words) < voters:
        silent = ", ".join(missing) or "every Sentinel"
        return Plan(
            f"a master; unless Sentinel chooses one, the last was {last.name}, and whether it "
            f"still has the newest data is known once {silent} can be reached"
        )
    if any(view.link_up for view in views.values()):
        return Plan("the members to leave their last master")
    holders = [name for name, view in views.items() if view.keys]
    if holders and not views[last.name].keys:
        return Plan(
            f"an operator: {last.name} was master last and its data is lost, but "
            f"{', '.join(sorted(holders))} still hold data; on the one to lead, run "
            "chatlift-member force-bootstrap",
            stuck=True,
        )
    if own != last:
        return Plan(f"{last.name}, the last master, to lead again")
    return Plan("to lead", (Command(own.name, ("REPLICAOF", "NO", "ONE")),))


def plan_force(own: Peer, views: Mapping[str, View]) -> Plan:
    """Obey an operator: only this member is a candidate, and Sentinel is told to choose."""
    leading = [name for name, view in views.items() if view.leads]
    if leading:
        return Plan(f"nothing to be forced: {', '.join(leading)} leads")
    return Plan("Sentinel to make it master", (_set_priority(own, CANDIDATE),))


def supports(word: Word, own: Peer, just_promoted: bool) -> bool:
    """Whether a Sentinel counts this member, a master, as the one that leads.

    Sentinels name a new master up to a second after they have made it one. For that time the ones
    that still name the lost master, and hold it to be down, count as well.
    """
    if word.address == own.address:
        return not word.down
    return just_promoted and word.down


def leads(own: Peer, words: Sequence[Word], sentinels: Sequence[Peer], just_promoted: bool) -> bool:
    """Whether most Sentinels can be reached and count this master as the one that leads."""
    agree = sum(supports(word, own, just_promoted) for word in words)
    return agree >= majority(sentinels)


def _set_priority(own: Peer, priority: int) -> Command:
    return Command(own.name, ("CONFIG", "SET", "replica-priority", str(priority)))
