"""The chat works on the stack as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pymysql
from redis import Redis

from tests.e2e.chat_client import ChatClient
from tests.e2e.conversation import Ledger, exchange, new_name
from tests.e2e.reachability import DESIGN, attempt_all, reached
from tests.e2e.stack import Instance, Stack
from tests.e2e.vantage import inside
from tests.e2e.visitor import ByName


async def test_http_leads_to_https(stack: Stack) -> None:
    domain = stack.domain()
    async with httpx.AsyncClient(transport=ByName(), trust_env=False) as client:
        answer = await client.get(f"http://{domain}/a?b=c")
    assert answer.status_code == httpx.codes.MOVED_PERMANENTLY
    assert answer.headers["location"] == f"https://{domain}/a?b=c"


async def test_a_message_travels_between_two_app_instances(stack: Stack) -> None:
    sender, receiver, _ = await exchange(stack.url())
    assert sender != receiver


async def test_presence_follows_who_comes_and_goes(stack: Stack) -> None:
    room, names = new_name("room"), sorted(new_name("user") for _ in range(3))
    async with ChatClient(stack.url(), names[0], room) as stays:
        async with (
            ChatClient(stack.url(), names[1], room),
            ChatClient(stack.url(), names[2], room),
        ):
            await stays.wait_for_users(*names)
            assert sorted(await stays.presence()) == names
        await stays.wait_for_users(names[0])
        assert await stays.presence() == [names[0]]


async def test_an_account_is_known_to_every_app_instance(stack: Stack, ledger: Ledger) -> None:
    name = new_name("user")
    async with ChatClient(stack.url(), name, new_name("room")) as client:
        ledger.accounts.add(name)
        home = client.server_name
        again = ChatClient(stack.url(), name, client.room)
        assert not await again.register(), "the same name was registered twice"
        await again.login()
        await again.connect_elsewhere(home)
        assert again.server_name != home
        await again.close()


def test_mysql_is_a_group_of_three_with_one_primary(stack: Stack, tmp_path: Path) -> None:
    secret = stack.secret("mysql")
    files = {"ca": "ca", "cert": "certificate", "key": "private_key"}
    for name, key in files.items():
        (tmp_path / name).write_text(secret[key])
    for member in stack.instances("mysql"):
        with inside(member.id):
            connection = pymysql.connect(
                host=member.address,
                user=secret["agent_username"],
                password=secret["agent_password"],
                ssl={name: str(tmp_path / name) for name in files},
            )
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT MEMBER_STATE, MEMBER_ROLE"
                " FROM performance_schema.replication_group_members ORDER BY MEMBER_ROLE"
            )
            assert list(cursor.fetchall()) == [
                ("ONLINE", "PRIMARY"),
                ("ONLINE", "SECONDARY"),
                ("ONLINE", "SECONDARY"),
            ]


def _ask(stack: Stack, member: Instance, *command: str) -> Any:
    """What a Redis member answers its agent."""
    secret = stack.secret("redis")
    server: Any = Redis(
        host=member.address,
        ssl=True,
        ssl_ca_data=secret["ca"],
        username=secret["agent_username"],
        password=secret["agent_password"],
        decode_responses=True,
    )
    with inside(member.id), server:
        return server.execute_command(*command)


def test_redis_has_the_topology_that_was_asked_for(stack: Stack) -> None:
    members = {member.address: member for member in stack.instances("redis")}
    assert len(members) == 6
    if stack.redis_topology == "cluster":
        _check_cluster(stack, members)
    else:
        _check_replication(stack, members)


def _check_replication(stack: Stack, members: dict[str, Instance]) -> None:
    """One master that all others follow, and every one of them may succeed it."""
    (leader,) = stack.leaders("redis")
    for member in members.values():
        info = _ask(stack, member, "INFO", "replication")
        assert info["role"] == ("master" if member == leader else "slave")
        if member != leader:
            assert (info["master_host"], info["master_link_status"], info["slave_priority"]) == (
                leader.address,
                "up",
                100,
            )


def _check_cluster(stack: Stack, members: dict[str, Instance]) -> None:
    """Three shards whose masters and replicas are in different zones."""
    member = next(iter(members.values()))
    info = _ask(stack, member, "CLUSTER INFO")
    assert (info["cluster_state"], info["cluster_slots_ok"], info["cluster_size"]) == (
        "ok",
        "16384",
        "3",
    )
    nodes = _ask(stack, member, "CLUSTER NODES")
    zones = {n["node_id"]: members[address.split(":")[0]].zone for address, n in nodes.items()}
    replicas = {n["node_id"]: n["master_id"] for n in nodes.values() if n["master_id"] != "-"}
    assert len(replicas) == 3
    assert all(zones[replica] != zones[master] for replica, master in replicas.items())


def test_every_member_sits_in_its_zone_with_its_volume(stack: Stack) -> None:
    for member in [*stack.instances("redis"), *stack.instances("mysql")]:
        letter = re.fullmatch(r"(?:redis|mysql)-([a-c])\d", member.name)
        assert letter and member.zone.endswith(letter[1])
        assert member.volume_id
    assert {i.zone[-1] for i in stack.instances("app")} == {"a", "b", "c"}


def test_every_port_is_reached_by_those_in_the_design_and_by_nobody_else(stack: Stack) -> None:
    found = {port: reached(outcomes) for port, outcomes in attempt_all(stack).items()}
    assert {port: who for port, who in found.items() if who} == DESIGN
