"""The Redis tier in the topology ``cluster``: one node of a Redis Cluster."""

from __future__ import annotations

import logging
from dataclasses import replace

from .errors import AgentError, Refused
from .health import Status
from .redis import PATIENCE_SECONDS, Redis
from .redis_client import Unanswered
from .redis_followers import best, is_near
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
        master = view.me if view.me.is_master else view.node(view.me.master_id)
        leader = self._name_at.get(master.address, "") if master and master.slots else ""
        return replace(judge(view, self._trouble(info), self._metrics(info)), leader=leader)

    def lead(self, deadline: Deadline) -> None:
        """Take over from this member's master, which lets it catch up before it gives way."""
        asked: list[Deadline] = []

        def leads() -> None:
            view = self._look()
            if view.me.is_master:
                if not view.me.slots:
                    raise Refused(f"{self._own.name} serves no slots and follows nobody.")
                return
            if not asked or not asked[-1].remaining():
                self._check_sync(view)
                self._send(Command(self._own.name, ("CLUSTER", "FAILOVER")))
                asked.append(Deadline(FAILOVER_SECONDS))
            raise NotYet("it has not been elected")

        def is_known() -> None:
            mine = self._look().me.id
            views = self._clients.survey(self._members)
            ignorant = [
                name for name, view in views.items() if not getattr(view.node(mine), "slots", None)
            ]
            if ignorant:
                raise NotYet(f"{', '.join(ignorant)} do not know it yet")

        wait_for(f"{self._own.name} to lead its shard", leads, deadline, interval=0.05)
        wait_for("the others to know that it leads", is_known, deadline, interval=0.05)

    def hand_over(self, deadline: Deadline) -> None:
        """Make the replica that has most of the data take over, without losing a write."""
        asked: list[Deadline] = []

        def follows() -> None:
            try:
                info = self._clients.replication(self._own.address)
                if info["role"] != "master" or not self._clients.view(self._own.address).me.slots:
                    return
                replica = best(info)
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

    def _look(self) -> View:
        try:
            return self._clients.view(self._own.address)
        except Unanswered as error:
            raise NotYet(f"its own server answered: {error}") from None

    def _check_sync(self, view: View) -> None:
        """Raise `Refused` unless this replica has all that its master has, but for a moment."""
        master = view.node(view.me.master_id)
        if master is None or not view.link_up:
            raise Refused(f"{self._own.name} is not in sync: its link to its master is down.")
        name = self._name_at.get(master.address, master.address)
        try:
            replication = self._clients.replication(master.address)
        except Unanswered as error:
            raise Refused(f"Its master {name} does not answer {self._own.name}: {error}.") from None
        if not is_near(replication, self._own.address):
            raise Refused(f"{self._own.name} is not in sync: {name} has not heard from it lately.")

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
