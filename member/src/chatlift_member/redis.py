"""The Redis tier: one node of a Redis Cluster."""

from __future__ import annotations

import logging
import shutil

from .errors import AgentError
from .health import Status
from .redis_client import Clients, Unanswered
from .redis_nodes import View
from .redis_plan import Command, Plan, is_formation_over, may_form, next_plan
from .tier import Context, Member
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

UNIT = "redis-server.service"
PATIENCE_SECONDS = 30.0
"""How long a plan may be stuck. An election takes seconds, so this is many of them."""

FAILOVER_SECONDS = 6.0
"""A replica gives up a manual failover after 5 s; then it is asked again.

https://redis.io/docs/latest/commands/cluster-failover/
"""


class Redis(Member):
    """Forms, joins and leaves the cluster; what to do is decided in `redis_plan`."""

    secret_keys = frozenset(
        (
            "ca",
            "certificate",
            "private_key",
            "app_username",
            "app_password",
            "agent_username",
            "agent_password",
            "replication_username",
            "replication_password",
        )
    )
    key_group = "redis"

    def __init__(self, context: Context) -> None:
        identity = context.facts.identity
        self._services = context.services
        self._members = identity.peers
        self._others = identity.others
        self._own = next(peer for peer in self._members if peer.name == identity.member)
        self._clients = Clients(context.secrets, context.tls)
        self._directory = context.data / "redis"
        self._forming = self._directory / "forming"
        """There while this member forms the cluster; on the volume, to outlive a crash."""

    def prepare(self, deadline: Deadline) -> None:
        """Make the directory of the append-only file and of ``nodes.conf``."""
        self._directory.mkdir(exist_ok=True)
        shutil.chown(self._directory, "redis", "redis")
        self._directory.chmod(0o750)

    def start(self, deadline: Deadline) -> None:
        """Start the server, and wait until it has loaded its data."""
        self._services.start(UNIT, timeout=deadline.remaining())

        def answers() -> None:
            try:
                self._clients.call(self._own.address, "PING")
            except Unanswered as error:
                raise NotYet(str(error)) from None

        wait_for("the Redis server to answer", answers, deadline)

    def join(self, deadline: Deadline) -> None:
        """Send what the plan says until it is done."""
        patience: list[Deadline] = []

        def in_good_standing() -> None:
            plan = self._advance()
            if plan.is_done:
                return
            if not plan.stuck:
                patience.clear()
            elif not patience:
                patience.append(deadline.at_most(PATIENCE_SECONDS))
            elif not patience[0].remaining():
                raise AgentError(
                    f"{self._own.name} cannot join the cluster; it needs {plan.awaits}."
                )
            raise NotYet(f"it needs {plan.awaits}")

        wait_for(f"{self._own.name} to be in the Redis cluster", in_good_standing, deadline)

    def heal(self) -> None:
        """Take one step of the plan when this member is not in good standing."""
        if not self.status().healthy:
            try:
                plan = self._advance()
            except NotYet as seen:
                log.warning("The Redis cluster cannot be mended yet: %s.", seen)
            else:
                if not plan.is_done:
                    log.warning("To be in good standing, %s needs %s.", self._own.name, plan.awaits)

    def reload(self) -> None:
        """Make the server read its certificates again; open connections keep the old ones."""
        try:
            self._clients.reload_tls(self._own.address)
        except Unanswered as error:
            raise AgentError(f"Redis does not take its new certificates: {error}.") from None

    def status(self) -> Status:
        """Healthy when the cluster works and this member serves slots or follows one that does."""
        try:
            view = self._clients.view(self._own.address)
            info = self._clients.call(self._own.address, "INFO")
        except Unanswered as error:
            return Status.down("stopped", f"Redis does not answer: {error}.")
        return judge(view, info)

    def hand_over(self, deadline: Deadline) -> None:
        """Make the replica that has most of the data take over, without losing a write."""
        asked: list[Deadline] = []

        def follows() -> None:
            try:
                info = self._clients.replication(self._own.address)
                if info["role"] != "master" or not self._clients.view(self._own.address).me.slots:
                    return
                replica = best_replica(info)
                if not replica:
                    raise NotYet("no replica is in sync")
                if not asked or not asked[-1].remaining():
                    log.info("Handing over to the replica at %s.", replica)
                    self._clients.call(replica, "CLUSTER", "FAILOVER")
                    asked.append(Deadline(FAILOVER_SECONDS))
            except Unanswered as error:
                raise NotYet(str(error)) from None
            raise NotYet(f"the replica at {replica} has not taken over")

        wait_for("a replica to take over", follows, deadline.at_most(60), interval=0.1)

    def stop(self, deadline: Deadline) -> None:
        """Stop the server, which first lets its replicas catch up."""
        self._services.stop(UNIT, timeout=deadline.remaining())

    def clean_up(self, deadline: Deadline) -> None:
        """Nothing: the volume has all that the next instance needs."""

    def _advance(self) -> Plan:
        """Look at all members, make the plan and send its commands; raises `NotYet`."""
        views = self._clients.survey(self._members)
        if self._own.name not in views:
            raise NotYet("its own server does not answer")
        if self._own == self._members[0] and may_form(self._members, views):
            log.info("All %d members are blank: forming the cluster.", len(self._members))
            self._forming.touch()
        elif is_formation_over(self._members, views[self._own.name]):
            self._forming.unlink(missing_ok=True)
        plan = next_plan(self._own, self._members, views, self._forming.exists())
        for command in plan.commands:
            self._send(command)
        return plan

    def _send(self, command: Command) -> None:
        address = next(peer.address for peer in self._members if peer.name == command.member)
        log.info("%s: %s", command.member, " ".join(command.words))
        try:
            self._clients.call(address, *command.words)
        except Unanswered as error:
            raise NotYet(f"{command.member} answered: {error}") from None


def judge(view: View, info: dict[str, object]) -> Status:
    """The member's status from what its own server says."""
    me = view.me
    if me.is_master:
        fault = "" if me.slots else "It serves no slots: it is not part of the cluster."
    else:
        fault = "" if view.link_up else "Its link to the master is down, or data is being copied."
    if not view.state_ok:
        fault = "cluster_state is fail: too few masters can be reached."
    metrics = {
        "redis_slots_served": me.slot_count,
        "redis_slots_assigned": view.slots_assigned,
        "redis_known_nodes": len(view.nodes),
        "redis_keys": view.keys,
        "redis_master_link_up": float(view.link_up),
    }
    for name in ("connected_clients", "used_memory", "maxmemory", "connected_slaves"):
        metrics[f"redis_{name}"] = float(str(info.get(name, 0)))
    return Status(
        healthy=not fault,
        leads=me.is_master and bool(me.slots),
        role="primary" if me.is_master and me.slots else "unknown" if me.is_master else "replica",
        state=f"cluster_state:{'ok' if view.state_ok else 'fail'}",
        detail=fault,
        metrics=metrics,
    )


def best_replica(replication: dict[str, object]) -> str:
    """Address of the online replica with the highest offset, empty when there is none."""
    replicas = [value for key, value in replication.items() if key.startswith("slave")]
    online = [r for r in replicas if isinstance(r, dict) and r.get("state") == "online"]
    return str(max(online, key=lambda r: int(r["offset"]))["ip"]) if online else ""
