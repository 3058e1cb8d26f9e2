"""What this instance knows of itself, as plain data: see docs/contracts.md, "User data"."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """A member of a stateful tier, as every instance of the stack knows it."""

    name: str
    az: str
    """Letter of the availability zone: ``a``, ``b``, ``c``."""
    address: str


@dataclass(frozen=True)
class Identity:
    """The contents of ``/etc/chatlift/instance.json``."""

    stack: str
    region: str
    tier: str
    """``app``, ``redis`` or ``mysql``."""
    member: str | None
    """None on an app instance."""
    asg: str
    launch_hook: str
    terminate_hook: str
    volume_id: str | None
    secret_arn: str
    endpoint_url: str
    """Endpoint of the AWS API; empty for AWS's own."""
    redis: tuple[Peer, ...]
    mysql: tuple[Peer, ...]
    mysql_group_name: str
    redis_topology: str
    """``cluster`` or ``replicated`` (one master, replicas, Sentinel)."""

    @property
    def kind(self) -> str:
        """The tier, or ``redis-replicated``."""
        replicated = self.tier == "redis" and self.redis_topology == "replicated"
        return "redis-replicated" if replicated else self.tier

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Every member of this instance's own tier, this one included, in the order of names."""
        tiers = {"redis": self.redis, "mysql": self.mysql}
        return tuple(sorted(tiers.get(self.tier, ()), key=lambda peer: peer.name))

    @property
    def others(self) -> tuple[Peer, ...]:
        """`peers` without this member."""
        return tuple(peer for peer in self.peers if peer.name != self.member)


@dataclass(frozen=True)
class Facts:
    """The identity given by the user data, and what the machine itself says."""

    identity: Identity
    instance_id: str
    az: str
    """Letter of the availability zone."""
    release: str
    """Id of the AMI that the instance was launched from: on an app instance, its release."""
    address: str
    """Private IPv4 address; for a member it is the address of its ENI."""
    memory_bytes: int
    """The smaller of MemTotal and the control group's limit."""
    cpus: int

    @property
    def name(self) -> str:
        """The member's name, or the instance id where the instance is no member."""
        return self.identity.member or self.instance_id
