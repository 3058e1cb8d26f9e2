"""What to do next about the Redis cluster: functions of what the members say, without any effect.

The cluster forms itself once, when every member is there and blank, by commands that the first
member in the order of names sends. After that the members' volumes remember it, and only a member
whose volume was lost has to be put back into its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .errors import AgentError
from .facts import Peer
from .redis_nodes import SLOTS, Node, View

PORT = 6379


@dataclass(frozen=True)
class Shard:
    """A range of slots, both ends included, and who serves it."""

    master: Peer
    replica: Peer
    slots: tuple[int, int]


@dataclass(frozen=True)
class Command:
    """A Redis command for one member."""

    member: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Commands to send now, and what is awaited after them; nothing awaited means done."""

    awaits: str = ""
    commands: tuple[Command, ...] = ()
    stuck: bool = False
    """Time alone is not expected to mend it: after some patience it is an error."""

    @property
    def is_done(self) -> bool:
        """True when this member is in good standing."""
        return not self.awaits


def plan_shards(members: Sequence[Peer]) -> list[Shard]:
    """Who becomes master and who replica when the cluster is formed.

    Masters are spread over the zones, one a zone before any zone has two; a replica is never in
    the zone of its master, so that losing a zone loses no shard. Raises `AgentError` when the
    members do not allow that.
    """
    half = len(members) // 2
    if len(members) % 2 or half < 3:
        raise AgentError(
            f"A Redis cluster needs an even number of members, six or more, not {len(members)}; "
            "check the inventory's group redis."
        )
    zones: dict[str, list[Peer]] = {}
    for peer in sorted(members, key=lambda peer: peer.name):
        zones.setdefault(peer.az, []).append(peer)
    ranked = sorted(
        ((rank, peer) for peers in zones.values() for rank, peer in enumerate(peers)),
        key=lambda entry: (entry[0], entry[1].az),
    )
    masters = [peer for _rank, peer in ranked[:half]]
    others = [peer for _rank, peer in ranked[half:]]
    for turn in range(1, half + 1):
        replicas = others[turn % half :] + others[: turn % half]
        if all(m.az != r.az for m, r in zip(masters, replicas, strict=True)):
            bounds = [SLOTS * number // half for number in range(half + 1)]
            return [
                Shard(master, replica, (bounds[number], bounds[number + 1] - 1))
                for number, (master, replica) in enumerate(zip(masters, replicas, strict=True))
            ]
    raise AgentError(
        "The Redis members cannot be paired so that each replica is in another zone than its "
        "master; spread them evenly over the zones in the inventory's group redis."
    )


def next_plan(own: Peer, members: Sequence[Peer], views: Mapping[str, View], forming: bool) -> Plan:
    """What this member has to do next to be in good standing.

    ``views`` has what each reachable member says, this one included, by name. ``forming`` is the
    first member's own note that it began to form the cluster: it must outlive a crash, because a
    half-formed cluster and one that lost a shard look alike.
    """
    view = views[own.name]
    others = {name: other for name, other in views.items() if name != own.name}
    first = min(members, key=lambda peer: peer.name)
    if forming and own == first:
        return plan_formation(own, members, views)
    if not view.me.is_master:
        return _plan_replica(view)
    if view.me.slots:
        return _plan_master(own, view, others)
    if any(other.is_formed for other in others.values()):
        return plan_return(own, members, view, others)
    if own != first:
        return Plan(f"{first.name} to form the cluster")
    missing = [peer for peer in members if peer.name not in views]
    if missing:
        return Plan(f"{_names(missing)} to be reachable, which forming the cluster needs")
    used = [peer for peer in members if not views[peer.name].is_blank]
    return Plan(
        f"an operator: {_names(used)} belonged to a cluster before, but no member knows a whole "
        "one, and a new one is formed of blank members only",
        stuck=True,
    )


def may_form(members: Sequence[Peer], views: Mapping[str, View]) -> bool:
    """True when every configured member answers and none has ever been in a cluster."""
    return all(peer.name in views and views[peer.name].is_blank for peer in members)


def is_formation_over(members: Sequence[Peer], view: View) -> bool:
    """True once the first member itself knows a whole cluster of all members.

    A formation must not be taken up again after that: failovers may have changed who is a master.
    """
    known = {node.address for node in view.nodes}
    return view.is_formed and all(peer.address in known for peer in members)


def plan_formation(own: Peer, members: Sequence[Peer], views: Mapping[str, View]) -> Plan:
    """The next step of forming the cluster, whatever was done of it before.

    Slots come last, and a cluster with all its slots is the sign for the other members that the
    formation is over; until then none of them does anything of its own.
    """
    missing = [peer for peer in members if peer.name not in views]
    if missing:
        return Plan(f"{_names(missing)} to be reachable, which forming the cluster needs")
    ids = {peer.name: views[peer.name].me.id for peer in members}
    # Both have to know the other: whoever is slow to answer a handshake stays unknown to the other
    # side, which leaves it at that, so that they have to meet again.
    unmet = [
        peer
        for peer in members
        if not views[own.name].node(ids[peer.name]) or not views[peer.name].node(ids[own.name])
    ]
    if unmet:
        meet = tuple(
            Command(own.name, ("CLUSTER", "MEET", peer.address, str(PORT))) for peer in unmet
        )
        return Plan(f"{_names(unmet)} to be met", meet)
    strangers = [
        peer for peer in members if not all(views[peer.name].node(other) for other in ids.values())
    ]
    if strangers:
        return Plan(f"{_names(strangers)} to know all the others")
    shards = plan_shards(members)
    follow = tuple(
        Command(shard.replica.name, ("CLUSTER", "REPLICATE", ids[shard.master.name]))
        for shard in shards
        if views[shard.replica.name].me.is_master
    )
    if follow:
        return Plan("the replicas to follow their masters", follow)
    serve = tuple(
        Command(shard.master.name, ("CLUSTER", "ADDSLOTSRANGE", *map(str, shard.slots)))
        for shard in shards
        if not views[shard.master.name].me.slots
    )
    if serve:
        return Plan("the masters to take their slots", serve)
    return _plan_whole(views[own.name])


def plan_return(own: Peer, members: Sequence[Peer], view: View, others: Mapping[str, View]) -> Plan:
    """Put a member whose volume is new back into the cluster, as the replica that a shard lacks."""
    if view.keys:
        return Plan(
            f"an operator: {own.name} holds {view.keys} keys, but no slots of the cluster that "
            "the others form",
            stuck=True,
        )
    mine = view.me.id
    reference = next(other for other in others.values() if other.is_formed)
    master = choose_master(own, members, reference, mine)
    if master is None:
        slots = [span for node in _lost(own, members, reference, mine) for span in node.slots]
        return Plan(
            f"a replica to take over slots {_text(slots)} of a master whose volume was lost; where "
            "none is left their data is lost too, and an operator has to decide",
            stuck=True,
        )
    forget = tuple(
        Command(name, ("CLUSTER", "FORGET", node.id))
        for name, other in others.items()
        for node in _lost(own, members, other, mine)
        if not node.slots
    )
    if not view.node(master.id) or not reference.node(mine):
        meet = Command(own.name, ("CLUSTER", "MEET", reference.me.address, str(PORT)))
        return Plan("the cluster to know this member", (*forget, meet))
    follow = Command(own.name, ("CLUSTER", "REPLICATE", master.id))
    return Plan("this member to become a replica", (*forget, follow))


def choose_master(own: Peer, members: Sequence[Peer], reference: View, mine: str) -> Node | None:
    """The master that ``own`` has to follow: of a shard without a replica, in another zone.

    None while every shard that is served has a replica but another one is not served: its replica
    is about to take over and will then need one itself, or the shard is lost.

    Members that come back at the same time decide by the same rule and in the same order, so that
    they do not choose the same shard.
    """
    zones = {peer.address: peer.az for peer in members}
    lost = {node.id for node in _lost(own, members, reference, mine)}
    masters = [n for n in reference.nodes if n.is_master and n.slots and n.id not in lost]
    replicas = [n for n in reference.nodes if n.master_id and n.id not in lost]
    load = Counter(node.master_id for node in replicas)
    placed = {node.address for node in (*masters, *replicas)} - {own.address}
    unserved = any(node.slots for node in reference.nodes if node.id in lost)
    homeless = (peer for peer in members if peer.address not in placed)
    for peer in sorted(homeless, key=lambda peer: peer.name):
        best = min(
            masters,
            key=lambda node: (load[node.id], zones[node.address] == peer.az, node.address),
            default=None,
        )
        if best is None or (unserved and load[best.id]):
            return None
        if peer == own:
            return best
        load[best.id] += 1
    return None


def _lost(own: Peer, members: Sequence[Peer], view: View, mine: str) -> list[Node]:
    """Nodes that will never come back: former lives of members whose volume was lost.

    Their address is this member's, or nobody's: once a node with another id answers at the
    address, Redis strikes the address out.
    """
    elsewhere = {peer.address for peer in members} - {own.address}
    return [node for node in view.nodes if node.id != mine and node.address not in elsewhere]


def _plan_replica(view: View) -> Plan:
    master = view.node(view.me.master_id)
    if master is None or not master.slots:
        return Plan("the master of this replica to serve slots")
    if not view.link_up:
        return Plan(f"the data of its master at {master.address} to be copied")
    return _plan_whole(view)


def _plan_master(own: Peer, view: View, others: Mapping[str, View]) -> Plan:
    """A master that comes back may have been replaced; its peers know, and Redis tells it soon."""
    doubting = [
        name
        for name, other in others.items()
        if other.is_formed and not getattr(other.node(view.me.id), "slots", None)
    ]
    if doubting:
        return Plan(f"{', '.join(doubting)} to agree that {own.name} is a master")
    return _plan_whole(view)


def _plan_whole(view: View) -> Plan:
    if not view.is_formed:
        return Plan(f"all slots to be assigned, of which {view.slots_assigned} are")
    return Plan() if view.state_ok else Plan("cluster_state to be ok")


def _names(peers: Sequence[Peer]) -> str:
    return ", ".join(peer.name for peer in peers)


def _text(slots: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{first}-{last}" for first, last in slots)
