"""What holds of every member: once the cluster is formed, and again once a lost member is back."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from testinfra.host import Host

CLIENT = Path(__file__).with_name("client.py").read_text()
SLOTS = 16384
TLS = "--tls --cacert /run/chatlift/tls/ca.crt"


@pytest.fixture
def ask(host: Host) -> Callable[[str], str]:
    """Send a command to the member's own server, as the agent."""
    secret = json.loads(host.file("/run/chatlift/secret.json").content_string)["values"]
    login = f"REDISCLI_AUTH={secret['agent_password']}"
    user = secret["agent_username"]
    return lambda command: host.check_output(
        f"{login} redis-cli {TLS} --user {user} --no-auth-warning {command}"
    )


def test_member_is_in_good_standing(host: Host) -> None:
    health = json.loads(host.check_output("chatlift-member status"))
    assert health["state"] == "cluster_state:ok"


def test_every_shard_has_a_master_and_a_replica_in_another_zone(
    host: Host, ask: Callable[[str], str]
) -> None:
    members = json.loads(host.file("/etc/chatlift/instance.json").content_string)["redis"]
    zone_at = {member["address"]: member["az"] for member in members}
    nodes = [line.split() for line in ask("cluster nodes").splitlines()]
    zones = {node[0]: zone_at[node[1].partition(":")[0]] for node in nodes}
    masters = {node[0]: node for node in nodes if "master" in node[2]}
    replicas = [node for node in nodes if "slave" in node[2]]
    assert len(masters) == len(replicas) == 3
    assert {node[3] for node in replicas} == set(masters)
    assert all(node[7] == "connected" and "fail" not in node[2] for node in nodes)
    assert all(zones[node[0]] != zones[node[3]] for node in replicas)
    ranges = [tuple(map(int, node[8].split("-"))) for node in masters.values()]
    assert sum(last - first + 1 for first, last in ranges) == SLOTS


def test_replica_has_what_its_master_has(ask: Callable[[str], str]) -> None:
    lines = ask("info replication").splitlines()
    replication = dict(line.split(":", 1) for line in lines if ":" in line)
    if replication["role"] == "slave":
        assert replication["master_link_status"] == "up"
    else:
        assert "state=online" in replication["slave0"]


def test_application_reads_what_it_wrote_last(host: Host) -> None:
    values = json.loads(host.check_output("python3 -c %s read", CLIENT))
    assert int(values.pop("molecule:round")) >= 1
    assert len(values) == 100
    assert len(set(values.values())) == 1


def test_nobody_gets_in_without_tls_or_without_a_user(host: Host) -> None:
    plain = host.run("redis-cli ping")
    assert re.search("closed the connection|reset by peer", plain.stdout + plain.stderr)
    assert "NOAUTH" in host.run(f"redis-cli {TLS} ping").stdout
    assert "WRONGPASS" in host.run(f"redis-cli {TLS} --user default --pass x ping").stderr


def test_nothing_listens_that_is_not_listed(
    listening: Callable[[], set[str]], listed: Callable[..., set[int]]
) -> None:
    ports = {int(socket.rpartition(":")[2]) for socket in listening()}
    assert ports <= listed("base", "redis", "member")


def test_second_start_of_the_agent_disturbs_nothing(host: Host, ask: Callable[[str], str]) -> None:
    def server() -> tuple[str, list[str]]:
        state = ask("cluster info").splitlines()
        return (
            host.check_output("systemctl show --property=MainPID redis-server"),
            [line for line in state if "epoch" in line],
        )

    before = server()
    host.check_output("systemctl restart chatlift-member")
    assert server() == before
