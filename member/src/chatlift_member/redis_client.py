"""Talking to the Redis servers of the tier, as the agent's own user, over TLS."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .facts import Peer
from .redis_nodes import View, parse_nodes
from .redis_plan import PORT
from .tier import Tls

SECONDS = 1.0
"""Limit of connecting and of one answer. All commands used here take microseconds."""

Unanswered = redis.RedisError
"""What a call raises when the server is away, is loading its data, or refuses."""


class Clients:
    """One kept connection to each server and thread that asks; all methods are thread-safe."""

    def __init__(self, secrets: Mapping[str, str], tls: Tls) -> None:
        self._secrets = secrets
        self._tls = tls
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def call(self, address: str, *words: str) -> Any:
        """The answer to one command; raises `Unanswered`."""
        with self._lock:
            if address not in self._clients:
                self._clients[address] = self._connect(address)
            client = self._clients[address]
        return client.execute_command(*words)

    def view(self, address: str) -> View:
        """How the server at ``address`` sees the cluster; raises `Unanswered`."""
        info = dict(
            line.split(":", 1)
            for line in self.call(address, "CLUSTER", "INFO").split("\r\n")
            if line
        )
        return View(
            nodes=parse_nodes(self.call(address, "CLUSTER", "NODES")),
            keys=self.call(address, "DBSIZE"),
            state_ok=info["cluster_state"] == "ok",
            link_up=self.replication(address).get("master_link_status") == "up",
        )

    def replication(self, address: str) -> dict[str, Any]:
        """The section ``replication`` of ``INFO``; raises `Unanswered`."""
        return dict(self.call(address, "INFO", "replication"))

    def reload_tls(self, address: str) -> None:
        """Make the server at ``address``, whose files these are, read them; raises `Unanswered`.

        All in one command: Redis then builds one new TLS context, or keeps the one it has.
        """
        files = {
            "tls-ca-cert-file": self._tls.ca,
            "tls-cert-file": self._tls.certificate,
            "tls-key-file": self._tls.private_key,
        }
        self.call(address, "CONFIG", "SET", *(str(word) for pair in files.items() for word in pair))

    def survey(self, peers: Sequence[Peer]) -> dict[str, View]:
        """The views of those among ``peers`` that answer, by name; asked all at once."""
        with ThreadPoolExecutor(len(peers)) as pool:
            views = pool.map(self._view_or_none, peers)
        return {peer.name: view for peer, view in zip(peers, views, strict=True) if view}

    def _view_or_none(self, peer: Peer) -> View | None:
        try:
            return self.view(peer.address)
        except Unanswered:
            return None

    def _connect(self, address: str) -> Any:
        return redis.Redis(
            host=address,
            port=PORT,
            username=self._secrets["agent_username"],
            password=self._secrets["agent_password"],
            ssl=True,
            ssl_ca_certs=str(self._tls.ca),
            ssl_check_hostname=True,
            socket_timeout=SECONDS,
            socket_connect_timeout=SECONDS,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
