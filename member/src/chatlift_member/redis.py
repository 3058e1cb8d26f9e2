"""What the Redis tier does in either topology: the server, its directory and its users."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from . import disk
from .errors import AgentError
from .health import Status
from .redis_client import Clients, Unanswered
from .redis_followers import longest_silence
from .tier import Context, Member
from .wait import Deadline, NotYet, wait_for

UNIT = "redis-server.service"
"""The server's unit, and `USER` its user, whether the image has Redis or Valkey."""

USER = "redis"

PATIENCE_SECONDS = 30.0
"""How long a plan may be stuck. An election takes seconds, so this is many of them."""

TOPOLOGY = "topology"
"""File on the volume that names the topology of its data."""

_USERS = ("app", "agent", "replication", "sentinel")


class Redis(Member):
    """Starts and stops the server; the topology's class knows how it finds its place."""

    secret_keys = frozenset(
        {"ca", "certificate", "private_key"}
        | {f"{who}_{what}" for who in _USERS for what in ("username", "password")}
    )
    key_group = USER
    topology = ""

    def __init__(self, context: Context) -> None:
        identity = context.facts.identity
        self._context = context
        self._services = context.services
        self._members = identity.peers
        self._own = next(peer for peer in self._members if peer.name == identity.member)
        self._name_at = {peer.address: peer.name for peer in self._members}
        self._clients = Clients(context.secrets, context.tls)
        self._directory = context.data / "redis"

    def prepare(self, deadline: Deadline) -> None:
        """Make the directory of the data, unless it holds data of the other topology."""
        check_users(self._context.secrets)
        self._directory.mkdir(exist_ok=True)
        note = self._directory / TOPOLOGY
        found = note.read_text().strip() if note.exists() else self.topology
        if found != self.topology:
            raise AgentError(
                f"{self._directory} holds data of the topology {found!r}, but this stack's "
                f"chatlift_redis_topology is {self.topology!r}; a stack keeps its topology, so set "
                f"it back to {found!r}, or begin with new volumes."
            )
        note.write_text(f"{self.topology}\n")
        self._give(self._directory, 0o750)

    def start(self, deadline: Deadline) -> None:
        """Start the server, and wait until it has loaded its data."""
        self._services.start(UNIT, timeout=deadline.remaining())

        def answers() -> None:
            try:
                self._clients.call(self._own.address, "INFO", "replication")
            except Unanswered as error:
                raise NotYet(str(error)) from None

        wait_for("the Redis server to answer", answers, deadline)

    def reload(self) -> None:
        """Make the server read its certificates again; open connections keep the old ones."""
        try:
            self._clients.reload_tls(self._own.address)
        except Unanswered as error:
            raise AgentError(f"Redis does not take its new certificates: {error}.") from None

    def stop(self, deadline: Deadline) -> None:
        """Stop the server, which first lets its replicas catch up."""
        self._services.stop(UNIT, timeout=deadline.remaining())

    def clean_up(self, deadline: Deadline) -> None:
        """Nothing: the volume has all that the next instance needs."""

    def _give(self, directory: Path, mode: int) -> None:
        shutil.chown(directory, USER, USER)
        directory.chmod(mode)

    def _silent(self, error: Exception) -> Status:
        """The status of a server that does not answer; with a full disk it may have ended."""
        space = disk.look(self._context.data)
        detail = f"Redis does not answer: {error}. {space.detail}".strip()
        return Status.down("stopped", detail, space.metrics)

    def _trouble(self, info: dict[str, object]) -> str:
        """Why the server cannot keep what it is given; empty as long as it can."""
        if info.get("aof_last_write_status", "ok") == "ok":
            return ""
        volume = disk.look(self._directory)
        return (
            f"Redis refuses writes, because it cannot append to its file. {volume.detail}".strip()
        )

    def _metrics(self, info: dict[str, object]) -> dict[str, float]:
        return figures(info) | disk.look(self._directory).metrics


def figures(info: Mapping[str, object]) -> dict[str, float]:
    """What ``INFO`` counts, and how much of what is allowed that is."""
    names = ("connected_clients", "maxclients", "used_memory", "maxmemory", "connected_slaves")
    found = {name: float(str(info.get(name, 0))) for name in names}
    shares = {
        "memory_used_ratio": (found["used_memory"], found["maxmemory"]),
        "connections_used_ratio": (found["connected_clients"], found["maxclients"]),
    }
    # Without a limit, which is 0, there is no share.
    found |= {name: used / limit for name, (used, limit) in shares.items() if limit}
    return {f"redis_{name}": value for name, value in found.items()} | longest_silence(info)


def check_users(secrets: Mapping[str, str]) -> None:
    """Refuse names that no ACL file can hold; passwords may have any character."""
    for who in _USERS:
        name = secrets[f"{who}_username"]
        if not name.isprintable() or any(letter.isspace() for letter in name) or name == "default":
            raise AgentError(
                f"The secret's {who}_username is {name!r}; Redis takes names without blanks, and "
                "'default' is nobody's."
            )
