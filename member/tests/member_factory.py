"""Small stand-ins for what the tests need everywhere."""

from __future__ import annotations

from typing import Any

from chatlift_member.facts import Facts, Peer
from chatlift_member.identity import parse_identity

REDIS = tuple(
    Peer(f"redis-{zone}{number}", zone, f"10.42.{32 + index}.{10 + number}")
    for index, zone in enumerate("abc")
    for number in (1, 2)
)


def document(**changes: Any) -> dict[str, Any]:
    """A good ``instance.json`` of redis-a1, with ``changes``."""
    return {
        "format": 1,
        "stack": "demo",
        "region": "eu-central-1",
        "tier": "redis",
        "member": "redis-a1",
        "asg": "chatlift-demo-redis-a1",
        "launch_hook": "chatlift-launch",
        "terminate_hook": "chatlift-terminate",
        "volume_id": "vol-0123456789abcdef0",
        "secret_arn": "arn:aws:secretsmanager:eu-central-1:1:secret:chatlift/demo/redis-AbCdEf",
        "endpoint_url": "",
        "redis": [{"name": p.name, "az": p.az, "address": p.address} for p in REDIS],
        "mysql": [],
        "mysql_group_name": "2f6f2a0e-0c3c-4b58-9a54-7f2b1ab1a001",
        "redis_topology": "cluster",
    } | changes


def facts(**changes: Any) -> Facts:
    """The facts of redis-a1 with ``changes`` to its ``instance.json``."""
    return Facts(
        identity=parse_identity(document(**changes)),
        instance_id="i-0123456789abcdef0",
        az="a",
        release="ami-0123456789abcdef0",
        address=REDIS[0].address,
        memory_bytes=4 << 30,
        cpus=2,
    )


class Clock:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
