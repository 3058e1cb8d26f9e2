"""The Redis tier in the topology ``replicated``: one master, replicas, Sentinel."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from . import mysql_force as force
from . import redis_sentinel as sentinel
from .errors import AgentError, Refused
from .facts import Peer
from .health import Status
from .redis import PATIENCE_SECONDS, Redis
from .redis_client import Unanswered
from .redis_followers import caught_up, followers, is_near
from .redis_plan import PORT, Plan
from .redis_replication import CANDIDATE, View, leads, next_plan, parse_view, plan_force
from .tier import Context
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

LEASE_SECONDS = 0.9
"""How long a master may say that it leads after most Sentinels said so. It has to be less than
``down-after-milliseconds``: a master that is cut off is silent before there is another."""

PROMOTION_SECONDS = 3.0
"""How long a member counts as just promoted. Sentinels agree long before; it is less than they
wait until they try another."""

PAUSE_MILLISECONDS = "10000"
"""The longest that writes wait for a planned hand-over."""

TAKE_OVER_SECONDS = 8.0
"""How long a replica that was asked to lead tries it: less than writes would wait."""

PREFERRED = 1
"""Priority of the replica that Sentinel is to choose; the lowest one wins, but for 0."""

FAULTS = {
    True: "It is a master, but most Sentinels do not name it or cannot be reached.",
    False: "Its link to the master is down, or data is being copied.",
}
"""What is wrong with a member that is, or is not, a master."""

FAILOVER_SECONDS = 3.0
"""When Sentinel was asked to choose another master and none leads after this, it is asked again."""


class RedisReplicated(Redis):
    """Follows or leads; what to do is decided in `redis_replication`, and by Sentinel."""

    topology = "replicated"

    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(context)
        self._clock = clock
        self._sentinels = sentinel.place(self._members)
        self._followed = False
        """At the last look this member was another's replica."""
        self._promoted = -PROMOTION_SECONDS
        """When it was seen to be a master after that."""

    def prepare(self, deadline: Deadline) -> None:
        """Make the directories; `Redis.prepare` says when not."""
        super().prepare(deadline)
        directory = self._directory / "sentinel"
        directory.mkdir(exist_ok=True)
        self._give(directory, 0o700)

    def start(self, deadline: Deadline) -> None:
        """Start the server, which follows nobody yet, and the Sentinel where there is one."""
        super().start(deadline)
        if self._own in self._sentinels:
            self._services.start(sentinel.UNIT, timeout=deadline.remaining())
            wait_for("Sentinel to answer", self._hurry_sentinel, deadline)

    def join(self, deadline: Deadline) -> None:
        """Do what the plan says until this member leads or follows."""
        patience: list[Deadline] = []

        def in_good_standing() -> None:
            plan = self._advance()
            if plan.is_done:
                if not (seen := self.status()).healthy:
                    raise NotYet(seen.detail.rstrip("."))
                return
            if not plan.stuck:
                patience.clear()
            elif not patience:
                patience.append(deadline.at_most(PATIENCE_SECONDS))
            elif not patience[0].remaining():
                raise AgentError(f"{self._own.name} has no place; it needs {plan.awaits}.")
            raise NotYet(f"it needs {plan.awaits}")

        wait_for(f"{self._own.name} to lead or follow", in_good_standing, deadline)

    def heal(self) -> None:
        """Take one step of the plan, which has none when all is well."""
        try:
            if self._own in self._sentinels:
                self._hurry_sentinel()
            plan = self._advance()
        except NotYet as seen:
            log.warning("Redis replication cannot be mended yet: %s.", seen)
        else:
            if not plan.is_done:
                log.warning("To be in good standing, %s needs %s.", self._own.name, plan.awaits)

    def reload(self) -> None:
        """Let the server read its certificates again; Sentinel does so by a restart only."""
        super().reload()
        if self._own in self._sentinels:
            self._services.restart(sentinel.UNIT)

    def status(self) -> Status:
        """Healthy when it leads by the word of most Sentinels, or has the data of its master."""
        try:
            info = self._clients.call(self._own.address, "INFO")
        except Unanswered as error:
            return self._silent(error)
        is_master = info["role"] == "master"
        followed = str(info.get("master_host", ""))
        if is_master and self._followed:
            self._promoted = self._clock()
        self._followed = not is_master and followed in self._name_at
        trouble = self._trouble(info)
        good = self._leads() if is_master else info["master_link_status"] == "up"
        return Status(
            healthy=good and not trouble,
            leads=is_master and good,
            role=("primary" if good else "unknown") if is_master else "replica",
            state="master" if is_master else f"link:{info['master_link_status']}",
            detail=trouble or ("" if good else FAULTS[is_master]),
            metrics={
                "redis_replication_offset": float(info["master_repl_offset"]),
                "redis_replication_link_down": float(not is_master and not good),
                **self._metrics(info),
            },
            leader=self._own.name if is_master and good else self._name_at.get(followed, ""),
            good_for=LEASE_SECONDS,
        )

    def lead(self, deadline: Deadline) -> None:
        """Let Sentinel choose this replica as soon as it has every write; writes wait meanwhile."""
        leader = self._check_sync()
        if leader == self._own:
            return
        try:
            witness = self._prefer(deadline)
            self._take_over(leader, witness, deadline.at_most(TAKE_OVER_SECONDS))
        finally:
            self._set_priority(CANDIDATE)
        wait_for("the Sentinels to agree", self._see_myself_lead, deadline, interval=0.05)

    def hand_over(self, deadline: Deadline) -> None:
        """Let a replica that has every write lead, and follow it; writes wait meanwhile."""
        asked: list[Deadline] = []

        def follows() -> None:
            try:
                if not self._view(self._own).leads:
                    return
                if successor := self._find_leader():
                    log.info("%s leads now.", successor.name)
                    self._follow(successor)
                    return
                if not asked or not asked[-1].remaining():
                    self._call("CLIENT", "PAUSE", PAUSE_MILLISECONDS, "WRITE")
                    if not caught_up(self._clients.replication(self._own.address)):
                        raise NotYet("no replica has every write")
                    self._ask_sentinel("FAILOVER")
                    asked.append(Deadline(FAILOVER_SECONDS))
            except Unanswered as error:
                raise NotYet(str(error)) from None
            raise NotYet("Sentinel has not made another member master")

        def agreed() -> None:
            if any(word.address == self._own.address for word in self._words()):
                raise NotYet("some still name this member")

        try:
            wait_for("a replica to take over", follows, deadline.at_most(60), interval=0.1)
            wait_for("the Sentinels to agree", agreed, deadline.at_most(10))
        finally:
            self._resume(self._own)

    def stop(self, deadline: Deadline) -> None:
        """Stop Sentinel and the server, which first lets its replicas catch up."""
        if self._own in self._sentinels:
            self._services.stop(sentinel.UNIT, timeout=deadline.remaining())
        super().stop(deadline)

    # -- looking -------------------------------------------------------------------------------

    def _view(self, peer: Peer) -> View:
        return parse_view(
            self._clients.replication(peer.address), self._clients.call(peer.address, "DBSIZE")
        )

    def _word(self, peer: Peer) -> sentinel.Word:
        return sentinel.parse_word(self._sentinel(peer, "MASTER"))

    def _words(self) -> list[sentinel.Word]:
        return [word for _peer, word in self._clients.ask(self._word, self._sentinels)]

    def _leads(self) -> bool:
        """Whether most Sentinels say so; asks all, and waits for no more than are needed."""
        just_promoted = self._clock() - self._promoted < PROMOTION_SECONDS
        words = []
        for _peer, word in self._clients.ask(self._word, self._sentinels):
            words.append(word)
            if leads(self._own, words, self._sentinels, just_promoted):
                return True
        return False

    def _find_leader(self) -> Peer | None:
        """Another member that is a master."""
        others = [peer for peer in self._members if peer != self._own]
        return next(
            (peer for peer, view in self._clients.ask(self._view, others) if view.leads), None
        )

    def _check_sync(self) -> Peer:
        """The master, in whose place this member may lead, itself maybe; raises `Refused`."""
        name = self._own.name
        try:
            view = self._view(self._own)
            if view.leads and self._leads():
                return self._own
            leader = next((one for one in self._members if one.address == view.follows), None)
            if view.leads or leader is None or not view.link_up:
                raise Refused(f"{name} is not in sync: it has no link to a master.")
            if not is_near(self._clients.replication(leader.address), self._own.address):
                raise Refused(f"{name} is not in sync: {leader.name} has not heard from it lately.")
        except Unanswered as error:
            raise Refused(f"Whether {name} is in sync cannot be known: {error}.") from None
        return leader

    def _see_myself_lead(self) -> None:
        if not self.status().leads:
            raise NotYet("most of them do not name this member")

    # -- acting --------------------------------------------------------------------------------

    def _advance(self) -> Plan:
        """Look at all members, make the plan and send its commands; raises `NotYet`."""
        views = {peer.name: view for peer, view in self._clients.ask(self._view, self._members)}
        if self._own.name not in views:
            raise NotYet("its own server does not answer")
        plan = next_plan(self._own, self._members, views, self._words(), len(self._sentinels))
        reason = None if plan.is_done else force.ordered(self._context.run)
        if reason is not None:
            plan = plan_force(self._own, views)
        try:
            for command in plan.commands:
                log.info("%s: %s", command.member, " ".join(command.words))
                self._call(*command.words)
            if reason is not None and plan.commands:
                log.warning("Leading by an operator's order: %s", reason)
                self._ask_sentinel("FAILOVER")
        except Unanswered as error:
            raise NotYet(f"{self._own.name} answered: {error}") from None
        if plan.is_done or (reason is not None and plan.commands):
            force.done(self._context.run)  # an order is obeyed once, or has no object any more
        return plan

    def _follow(self, leader: Peer) -> None:
        self._call("REPLICAOF", leader.address, str(PORT))

    def _prefer(self, deadline: Deadline) -> Peer:
        """Make this replica the one that a Sentinel would choose, and return that Sentinel.

        Sentinel asks servers for their priority every ten seconds; nobody waits meanwhile.
        """

        def known() -> Peer:
            for peer in self._nearest_sentinels():
                try:
                    answers = self._sentinel(peer, "REPLICAS")
                except Unanswered:
                    continue
                for fields in map(sentinel.fields, answers):
                    if fields["ip"] == self._own.address:
                        if fields["slave-priority"] == str(PREFERRED):
                            return peer
                        raise NotYet(f"{peer.name} takes it for one of {fields['slave-priority']}")
            raise NotYet("no Sentinel that answers knows this replica")

        self._set_priority(PREFERRED)
        return wait_for("a Sentinel to know this member's priority", known, deadline)

    def _take_over(self, leader: Peer, witness: Peer, deadline: Deadline) -> None:
        """Pause the master's writes until it is one no more, and let it follow this member."""
        asked: list[Deadline] = []

        def leads() -> None:
            if self._view(self._own).leads:
                return
            if not asked or not asked[-1].remaining():
                self._clients.call(leader.address, "CLIENT", "PAUSE", PAUSE_MILLISECONDS, "WRITE")
                if not self._has_every_write(leader):
                    raise NotYet(f"writes of {leader.name} are still on their way")
                self._sentinel(witness, "FAILOVER")
                asked.append(Deadline(FAILOVER_SECONDS))
            raise NotYet("Sentinel has not made it master")

        try:
            wait_for(f"{self._own.name} to lead", _answered(leads), deadline, interval=0.05)
            self._clients.call(leader.address, "REPLICAOF", self._own.address, str(PORT))
        except Unanswered as error:
            log.warning("%s does not follow yet: %s", leader.name, error)
        finally:
            self._resume(leader)

    def _has_every_write(self, leader: Peer) -> bool:
        replication = self._clients.replication(leader.address)
        return any(
            one.near
            and one.address == self._own.address
            and one.offset == replication["master_repl_offset"]
            for one in followers(replication)
        )

    def _set_priority(self, priority: int) -> None:
        try:
            self._call("CONFIG", "SET", "replica-priority", str(priority))
        except Unanswered as error:
            # `heal` sets it right.
            log.warning("The priority of %s is not %s: %s", self._own.name, priority, error)

    def _resume(self, peer: Peer) -> None:
        """Let writes go on: on a replica they are refused, and clients look for the master."""
        try:
            self._clients.call(peer.address, "CLIENT", "UNPAUSE")
        except Unanswered as error:
            log.warning("Writes wait for up to %s ms: %s", PAUSE_MILLISECONDS, error)

    def _call(self, *words: str) -> None:
        self._clients.call(self._own.address, *words)

    def _ask_sentinel(self, word: str) -> None:
        """Tell one Sentinel, this member's own if it has one, to do something about the master."""
        refusal: Unanswered | None = None
        for peer in self._nearest_sentinels():
            try:
                self._sentinel(peer, word)
            except Unanswered as error:
                refusal = error
            else:
                return
        raise refusal or Unanswered("There is no Sentinel.")

    def _nearest_sentinels(self) -> list[Peer]:
        return sorted(self._sentinels, key=lambda peer: peer != self._own)

    def _sentinel(self, peer: Peer, word: str) -> Any:
        """What the Sentinel of ``peer`` answers about the master; raises `Unanswered`."""
        return self._clients.call(
            peer.address, "SENTINEL", word, sentinel.MASTER, port=sentinel.PORT
        )

    def _hurry_sentinel(self) -> None:
        """Let this member's Sentinel ask more often than by default; raises `NotYet`."""
        words = ("SENTINEL", "DEBUG", "ping-period", sentinel.PING_MILLISECONDS)
        try:
            self._clients.call(self._own.address, *words, port=sentinel.PORT)
        except Unanswered as error:
            raise NotYet(f"Sentinel answered: {error}") from None


def _answered(probe: Callable[[], None]) -> Callable[[], None]:
    """The probe; that a server does not answer is what it has seen."""

    def patient() -> None:
        try:
            probe()
        except Unanswered as error:
            raise NotYet(str(error)) from None

    return patient
