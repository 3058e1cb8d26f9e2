"""What a Redis node says of its cluster: https://redis.io/docs/latest/commands/cluster-nodes/."""

from __future__ import annotations

from dataclasses import dataclass

SLOTS = 16384


@dataclass(frozen=True)
class Node:
    """One line of ``CLUSTER NODES``."""

    id: str
    address: str
    flags: frozenset[str]
    master_id: str | None
    slots: tuple[tuple[int, int], ...]
    """Ranges, both ends included."""

    @property
    def is_master(self) -> bool:
        """True for a master, whether it serves slots or none."""
        return "master" in self.flags

    @property
    def slot_count(self) -> int:
        """Number of slots it serves."""
        return sum(last - first + 1 for first, last in self.slots)


@dataclass(frozen=True)
class View:
    """How one member sees the cluster, and itself."""

    nodes: tuple[Node, ...]
    """Every node it knows, itself included; without handshakes under way."""
    keys: int
    state_ok: bool
    link_up: bool
    """A replica's link to its master; false on a master."""

    @property
    def me(self) -> Node:
        """The node that was asked."""
        return next(node for node in self.nodes if "myself" in node.flags)

    @property
    def slots_assigned(self) -> int:
        """Slots that have a node, reachable or not."""
        return sum(node.slot_count for node in self.nodes)

    @property
    def slots_uncovered(self) -> int:
        """Slots that nobody serves: without a node, or with one that has failed for all."""
        return SLOTS - sum(node.slot_count for node in self.nodes if "fail" not in node.flags)

    @property
    def is_formed(self) -> bool:
        """True where a whole cluster exists: formation assigns all slots and none is ever freed."""
        return self.slots_assigned == SLOTS

    @property
    def is_blank(self) -> bool:
        """True for a node that never belonged to a cluster and holds nothing."""
        return len(self.nodes) == 1 and not self.slots_assigned and not self.keys

    def node(self, node_id: str | None) -> Node | None:
        """The node with this id, None where it is not known."""
        return next((node for node in self.nodes if node.id == node_id), None)


def parse_nodes(text: str) -> tuple[Node, ...]:
    """The nodes in the answer to ``CLUSTER NODES``, without those that only shake hands."""
    nodes = (_parse_node(line.split()) for line in text.splitlines() if line.strip())
    return tuple(node for node in nodes if "handshake" not in node.flags)


def _parse_node(fields: list[str]) -> Node:
    node_id, address, flags, master_id = fields[:4]
    return Node(
        id=node_id,
        address=address.split(":", 1)[0],
        flags=frozenset(flags.split(",")),
        master_id=None if master_id == "-" else master_id,
        # Slots on the move are written in brackets; they belong to the range before.
        slots=tuple(_parse_range(field) for field in fields[8:] if not field.startswith("[")),
    )


def _parse_range(text: str) -> tuple[int, int]:
    first, _dash, last = text.partition("-")
    return int(first), int(last or first)
