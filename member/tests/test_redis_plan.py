"""The Redis cluster's plans, on clusters made of data: what each member would do next."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chatlift_member.errors import AgentError
from chatlift_member.facts import Peer
from chatlift_member.redis import figures
from chatlift_member.redis_cluster import judge
from chatlift_member.redis_nodes import Node, View, parse_nodes
from chatlift_member.redis_plan import (
    Command,
    Plan,
    is_formation_over,
    may_form,
    next_plan,
    plan_shards,
)
from member_factory import REDIS

A1, A2, B1, B2, C1, C2 = REDIS
BY_NAME = {peer.name: peer for peer in REDIS}
RANGES = {"redis-a1": (0, 5460), "redis-b1": (5461, 10921), "redis-c1": (10922, 16383)}
MASTER_OF = {"redis-b2": "redis-a1", "redis-c2": "redis-b1", "redis-a2": "redis-c1"}


def node(peer: Peer, life: int = 1) -> Node:
    """The node of ``peer`` in the formed cluster; ``life`` counts its volumes."""
    master = MASTER_OF.get(peer.name)
    return Node(
        id=f"{peer.name}#{life}",
        address=peer.address,
        flags=frozenset(("slave",) if master else ("master",)),
        master_id=f"{master}#1" if master else None,
        slots=(RANGES[peer.name],) if peer.name in RANGES else (),
    )


FORMED = {peer.name: node(peer) for peer in REDIS}


def seen_by(name: str, nodes: dict[str, Node], **changes: object) -> View:
    """The view of ``name`` where all of ``nodes`` are known."""
    mine = replace(nodes[name], flags=nodes[name].flags | {"myself"})
    others = tuple(other for key, other in nodes.items() if key != name)
    view = View((mine, *others), keys=0, state_ok=True, link_up=not mine.is_master)
    return replace(view, **changes)  # type: ignore[arg-type]


def blank(peer: Peer, life: int = 1) -> View:
    """The view of a server whose volume is new."""
    own = Node(f"{peer.name}#{life}", peer.address, frozenset(("myself", "master")), None, ())
    return View((own,), keys=0, state_ok=False, link_up=False)


def formed_views(*without: str, nodes: dict[str, Node] = FORMED) -> dict[str, View]:
    return {name: seen_by(name, nodes) for name in nodes if name not in without}


def test_a_replica_is_planned_in_another_zone() -> None:
    shards = plan_shards(REDIS)
    assert [(s.master.name, s.replica.name, s.slots) for s in shards] == [
        ("redis-a1", "redis-b2", (0, 5460)),
        ("redis-b1", "redis-c2", (5461, 10921)),
        ("redis-c1", "redis-a2", (10922, 16383)),
    ]


def test_the_plan_does_not_depend_on_the_order_of_the_list() -> None:
    assert plan_shards(REDIS[::-1]) == plan_shards(REDIS)


def test_eight_members_in_four_zones_are_planned_too() -> None:
    more = (*REDIS, Peer("redis-d1", "d", "10.42.35.11"), Peer("redis-d2", "d", "10.42.35.12"))
    shards = plan_shards(more)
    assert len({shard.master.az for shard in shards}) == 4
    assert all(shard.master.az != shard.replica.az for shard in shards)
    assert shards[0].slots[0] == 0
    assert shards[-1].slots[1] == 16383


@pytest.mark.parametrize(
    ("members", "says"),
    [
        (REDIS[:5], "an even number of members, six or more, not 5"),
        (REDIS[:4], "an even number of members, six or more, not 4"),
        (tuple(replace(peer, az="a") for peer in REDIS), "spread them evenly over the zones"),
    ],
)
def test_members_that_make_no_cluster_are_refused(members: tuple[Peer, ...], says: str) -> None:
    with pytest.raises(AgentError, match=says):
        plan_shards(members)


def test_the_cluster_forms_only_when_all_members_are_there_and_blank() -> None:
    views = {peer.name: blank(peer) for peer in REDIS}
    assert may_form(REDIS, views)
    assert not may_form(REDIS, {name: view for name, view in views.items() if name != "redis-c2"})
    assert not may_form(REDIS, views | {"redis-c2": replace(blank(C2), keys=1)})
    assert not may_form(REDIS, views | {"redis-c2": seen_by("redis-c2", FORMED)})


def test_only_the_first_member_forms() -> None:
    views = {peer.name: blank(peer) for peer in REDIS}
    assert next_plan(B1, REDIS, views, forming=False) == Plan("redis-a1 to form the cluster")
    few = {name: views[name] for name in ("redis-a1", "redis-b1")}
    plan = next_plan(A1, REDIS, few, forming=False)
    assert plan.awaits.startswith("redis-a2, redis-b2, redis-c1, redis-c2 to be reachable")
    assert not plan.commands


def test_a_formation_goes_on_wherever_it_was_interrupted() -> None:
    """Meet, then follow, then serve: each step is asked for until it holds."""
    views = {peer.name: blank(peer) for peer in REDIS}
    plan = next_plan(A1, REDIS, views, forming=True)
    assert plan.commands == tuple(
        Command("redis-a1", ("CLUSTER", "MEET", peer.address, "6379")) for peer in REDIS[1:]
    )

    masters = {
        name: replace(n, flags=frozenset(("master",)), master_id=None, slots=())
        for name, n in FORMED.items()
    }
    views = {name: seen_by(name, masters, link_up=False) for name in masters}
    half_met = views | {"redis-c2": blank(C2)}
    plan = next_plan(A1, REDIS, half_met, forming=True)
    assert plan.awaits == "redis-c2 to be met"
    assert plan.commands == (Command("redis-a1", ("CLUSTER", "MEET", C2.address, "6379")),)

    few = {name: masters[name] for name in ("redis-a1", "redis-c2")}
    plan = next_plan(A1, REDIS, views | {"redis-c2": seen_by("redis-c2", few)}, forming=True)
    assert plan == Plan("redis-c2 to know all the others")

    plan = next_plan(A1, REDIS, views, forming=True)
    assert {(c.member, c.words[2]) for c in plan.commands} == {
        ("redis-b2", "redis-a1#1"),
        ("redis-c2", "redis-b1#1"),
        ("redis-a2", "redis-c1#1"),
    }

    following = {name: replace(n, slots=()) for name, n in FORMED.items()}
    following["redis-a1"] = FORMED["redis-a1"]
    plan = next_plan(A1, REDIS, formed_views(nodes=following), forming=True)
    assert plan.commands == (
        Command("redis-b1", ("CLUSTER", "ADDSLOTSRANGE", "5461", "10921")),
        Command("redis-c1", ("CLUSTER", "ADDSLOTSRANGE", "10922", "16383")),
    )
    assert next_plan(B1, REDIS, formed_views(nodes=following), forming=False).commands == ()

    late = formed_views() | {"redis-a1": seen_by("redis-a1", following)}
    plan = next_plan(A1, REDIS, late, forming=True)
    assert plan == Plan("all slots to be assigned, of which 5461 are")
    assert not is_formation_over(REDIS, late["redis-a1"])
    assert is_formation_over(REDIS, seen_by("redis-a1", FORMED))
    few = {name: node for name, node in FORMED.items() if name != "redis-c2"}
    assert not is_formation_over(REDIS, seen_by("redis-a1", few))


def test_nothing_is_done_in_a_cluster_that_works() -> None:
    for peer in REDIS:
        assert next_plan(peer, REDIS, formed_views(), forming=False) == Plan()


def test_a_full_outage_waits_for_the_majority() -> None:
    views = {"redis-a1": seen_by("redis-a1", FORMED, state_ok=False)}
    plan = next_plan(A1, REDIS, views, forming=False)
    assert plan == Plan("cluster_state to be ok")


def test_a_replica_is_awaited_until_its_data_is_copied() -> None:
    views = formed_views() | {"redis-b2": seen_by("redis-b2", FORMED, link_up=False)}
    plan = next_plan(B2, REDIS, views, forming=False)
    assert plan == Plan(f"the data of its master at {A1.address} to be copied")


def failed_over() -> dict[str, Node]:
    """redis-a1 is gone, redis-b2 has taken over; the others remember both."""
    promoted = replace(
        FORMED["redis-b2"],
        flags=frozenset(("master",)),
        master_id=None,
        slots=FORMED["redis-a1"].slots,
    )
    gone = replace(FORMED["redis-a1"], slots=(), flags=frozenset(("master", "fail")))
    return FORMED | {"redis-b2": promoted, "redis-a1": gone}


def test_an_old_master_that_was_replaced_is_not_in_good_standing() -> None:
    views = formed_views("redis-a1", nodes=failed_over())
    views["redis-a1"] = seen_by("redis-a1", FORMED)
    plan = next_plan(A1, REDIS, views, forming=False)
    assert plan.awaits.endswith("to agree that redis-a1 is a master")
    assert not plan.commands


@pytest.mark.parametrize("address", [A1.address, ""])
def test_a_new_volume_makes_a_replica_of_the_shard_that_lacks_one(address: str) -> None:
    """Redis strikes out an address at which another node answers."""
    nodes = failed_over()
    nodes["redis-a1"] = replace(nodes["redis-a1"], address=address)
    views = formed_views("redis-a1", nodes=nodes) | {"redis-a1": blank(A1, life=2)}
    plan = next_plan(A1, REDIS, views, forming=False)
    assert {c.member for c in plan.commands if c.words[1] == "FORGET"} == set(BY_NAME) - {
        "redis-a1"
    }
    assert {c.words[2] for c in plan.commands if c.words[1] == "FORGET"} == {"redis-a1#1"}
    assert plan.commands[-1].member == "redis-a1"
    assert plan.commands[-1].words[:2] == ("CLUSTER", "MEET")

    del nodes["redis-a1"]
    fresh = replace(node(A1, life=2), slots=())
    met = formed_views(nodes=nodes | {"redis-a1": fresh})
    plan = next_plan(A1, REDIS, met, forming=False)
    assert plan.commands == (Command("redis-a1", ("CLUSTER", "REPLICATE", "redis-b2#1")),)


def test_a_new_volume_waits_for_the_failover_that_is_under_way() -> None:
    views = formed_views("redis-a1") | {"redis-a1": blank(A1, life=2)}
    plan = next_plan(A1, REDIS, views, forming=False)
    assert plan.stuck
    assert plan.awaits.startswith("a replica to take over slots 0-5460 of a master whose volume")
    assert plan.awaits.endswith("and an operator has to decide")
    assert not plan.commands


def test_a_slotless_member_with_keys_is_left_to_an_operator() -> None:
    views = formed_views("redis-a1", nodes=failed_over())
    views["redis-a1"] = replace(blank(A1, life=2), keys=7)
    plan = next_plan(A1, REDIS, views, forming=False)
    assert plan.stuck
    assert "redis-a1 holds 7 keys" in plan.awaits


def test_two_new_volumes_do_not_choose_the_same_shard() -> None:
    """redis-a1 (a master, replaced) and redis-c2 (a replica) both come back empty."""
    nodes = failed_over()
    del nodes["redis-a1"], nodes["redis-c2"]
    nodes["redis-a1"] = replace(node(A1, life=2), slots=())
    nodes["redis-c2"] = replace(
        node(C2, life=2), flags=frozenset(("master",)), master_id=None, slots=()
    )
    views = formed_views(nodes=nodes)
    chosen = [
        command.words[2]
        for peer in (A1, C2)
        for command in next_plan(peer, REDIS, views, forming=False).commands
    ]
    assert sorted(chosen) == ["redis-b1#1", "redis-b2#1"]


def test_remains_of_a_cluster_are_left_to_an_operator() -> None:
    views = {peer.name: blank(peer) for peer in REDIS}
    views["redis-c1"] = replace(blank(C1), keys=3)
    plan = next_plan(A1, REDIS, views, forming=False)
    assert plan.stuck
    assert plan.awaits.startswith("an operator: redis-c1 belonged to a cluster before")


def test_cluster_nodes_is_parsed() -> None:
    nodes = parse_nodes(
        "aa 10.0.0.1:6379@16379,host,shard-id=x myself,master - 0 1 3 connected 0-10 12 [13->-bb]\n"
        "bb 10.0.0.2:6379@16379 slave,fail? aa 0 1 3 disconnected\n"
        "cc 10.0.0.3:6379@16379 handshake - 0 1 3 disconnected\n"
        "dd :0@0 master,noaddr,fail - 0 1 3 disconnected\n"
    )
    assert [n.id for n in nodes] == ["aa", "bb", "dd"]
    assert nodes[0].address == "10.0.0.1"
    assert nodes[0].slots == ((0, 10), (12, 12))
    assert nodes[0].slot_count == 12
    assert (nodes[1].is_master, nodes[1].master_id) == (False, "aa")
    assert nodes[2].address == ""


@pytest.mark.parametrize(
    ("view", "healthy", "role"),
    [
        (seen_by("redis-a1", FORMED), True, "primary"),
        (seen_by("redis-b2", FORMED), True, "replica"),
        (seen_by("redis-b2", FORMED, link_up=False), False, "replica"),
        (seen_by("redis-a1", FORMED, state_ok=False), False, "primary"),
        (blank(A1), False, "unknown"),
        (replace(blank(A1), state_ok=True), False, "unknown"),
    ],
)
def test_good_standing(view: View, healthy: bool, role: str) -> None:
    status = judge(view, "", {"redis_used_memory": 5})
    assert (status.healthy, status.role) == (healthy, role)
    assert status.leads == (role == "primary")
    assert status.metrics["redis_used_memory"] == 5


def test_slots_of_a_master_that_has_failed_are_served_by_nobody() -> None:
    assert judge(seen_by("redis-b2", FORMED), "", {}).metrics["redis_slots_uncovered"] == 0
    lost = replace(FORMED["redis-a1"], flags=FORMED["redis-a1"].flags | {"fail"})
    view = seen_by("redis-b2", FORMED | {"redis-a1": lost}, link_up=False)
    metrics = judge(view, "", {}).metrics
    assert metrics["redis_slots_uncovered"] == lost.slot_count > 0
    assert metrics["redis_replication_link_down"] == 1
    assert judge(blank(A1), "", {}).metrics["redis_slots_uncovered"] == 16384


def test_shares_are_told_where_there_is_a_limit() -> None:
    info = {"used_memory": 3, "maxmemory": 4, "connected_clients": 5, "maxclients": 20}
    found = figures(info)
    assert found["redis_memory_used_ratio"] == 0.75
    assert found["redis_connections_used_ratio"] == 0.25
    assert "redis_memory_used_ratio" not in figures({"used_memory": 3, "maxmemory": 0})
