"""The Redis tier in the topology ``cluster``: one node of a Redis Cluster."""

from __future__ import annotations

import logging

from .errors import AgentError
from .health import Status
from .redis import PATIENCE_SECONDS, Redis
from .redis_client import Unanswered
from .redis_nodes import View
from .redis_plan import Command, Plan, is_formation_over, may_form, next_plan
from .tier import Context
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

FAILOVER_SECONDS = 6.0
"""A replica gives up a manual failover after 5 s; then it is asked again.

https://redis.io/docs/latest/commands/cluster-failover/
"""


class RedisCluster(Redis):
    """Forms, joins and leaves the cluster; what to do is decided in `redis_plan`."""

    topology = "cluster"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._forming = self._directory / "forming"
        """There while this member forms the cluster; on the volume, to outlive a crash."""

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

    def status(self) -> Status:
        """Healthy when the cluster works and this member serves slots or follows one that does."""
        try:
            view = self._clients.view(self._own.address)
            info = self._clients.call(self._own.address, "INFO")
        except Unanswered as error:
            return self._silent(error)
        return judge(view, self._trouble(info), self._metrics(info))

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


def judge(view: View, trouble: str, metrics: dict[str, float]) -> Status:
    """The member's status from what its own server says."""
    me = view.me
    if me.is_master:
        fault = "" if me.slots else "It serves no slots: it is not part of the cluster."
    else:
        fault = "" if view.link_up else "Its link to the master is down, or data is being copied."
    if not view.state_ok:
        fault = "cluster_state is fail: too few masters can be reached."
    return Status(
        healthy=not (trouble or fault),
        leads=me.is_master and bool(me.slots),
        role="primary" if me.is_master and me.slots else "unknown" if me.is_master else "replica",
        state=f"cluster_state:{'ok' if view.state_ok else 'fail'}",
        detail=trouble or fault,
        metrics={
            "redis_slots_served": me.slot_count,
            "redis_slots_assigned": view.slots_assigned,
            "redis_slots_uncovered": view.slots_uncovered,
            "redis_known_nodes": len(view.nodes),
            "redis_keys": view.keys,
            "redis_master_link_up": float(view.link_up),
            "redis_replication_link_down": float(not me.is_master and not view.link_up),
            **metrics,
        },
    )


def best_replica(replication: dict[str, object]) -> str:
    """Address of the online replica with the highest offset, empty when there is none."""
    replicas = [value for key, value in replication.items() if key.startswith("slave")]
    online = [r for r in replicas if isinstance(r, dict) and r.get("state") == "online"]
    return str(max(online, key=lambda r: int(r["offset"]))["ip"]) if online else ""
