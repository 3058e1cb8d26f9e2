"""Talking to the Redis servers of the tier, as the agent's own user, over TLS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from .facts import Peer
from .redis_nodes import View, parse_nodes
from .redis_plan import PORT
from .tier import Tls

SECONDS = 1.0
"""Limit of connecting and of one answer. All commands used here take microseconds."""

THREADS = 32
"""Enough for all members to be asked while some of them, which are gone, let others wait."""

Answer = TypeVar("Answer")

Unanswered = redis.RedisError
"""What a call raises when the server is away, is loading its data, or refuses."""


class Clients:
    """One kept connection to each server and thread that asks; all methods are thread-safe."""

    def __init__(self, secrets: Mapping[str, str], tls: Tls) -> None:
        self._secrets = secrets
        self._tls = tls
        self._clients: dict[tuple[str, int], Any] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="redis")

    def call(self, address: str, *words: str, port: int = PORT) -> Any:
        """The answer to one command; raises `Unanswered`."""
        with self._lock:
            if (address, port) not in self._clients:
                self._clients[address, port] = self._connect(address, port)
            client = self._clients[address, port]
        try:
            return client.execute_command(*words)
        except redis.ConnectionError:
            # The kept connection was closed, as Sentinel does when it changes a server's role.
            return client.execute_command(*words)

    def ask(
        self, question: Callable[[Peer], Answer], peers: Sequence[Peer]
    ) -> Iterator[tuple[Peer, Answer]]:
        """Ask all ``peers`` at once; who answers comes out in the order of the answers."""
        asked = {self._pool.submit(question, peer): peer for peer in peers}
        for answer in as_completed(asked):
            try:
                yield asked[answer], answer.result()
            except Unanswered:
                continue

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
        answers = self.ask(lambda peer: self.view(peer.address), peers)
        return {peer.name: view for peer, view in answers}

    def _connect(self, address: str, port: int) -> Any:
        return redis.Redis(
            host=address,
            port=port,
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
