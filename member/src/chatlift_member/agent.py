"""The order of things: from an instance to a member, and back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import config, volume
from .app import App
from .aws import API_ERRORS, client, describe
from .errors import Abandoned, AgentError
from .facts import Facts
from .health import Monitor, serve
from .identity import gather_facts, read_identity
from .imds import Imds
from .lifecycle import Lifecycle
from .mailbox import Hooks as MailboxHooks
from .mailbox import Mailbox
from .metrics_cloudwatch import PERIOD_SECONDS, Figures, Publisher, dimensions
from .mysql import MySql
from .notify import notify
from .redis_cluster import RedisCluster
from .redis_replicated import RedisReplicated
from .refresh import Hooks, Refresh
from .report import REPORT_TAG
from .secrets import Secret, Source, recall, remember, write_tls
from .service import Services
from .tier import Context, Tier
from .wait import Deadline
from .warm_pool import wait_until_called

log = logging.getLogger(__name__)

WAIT_SECONDS = 1200
"""For what takes equally long however much data there is: to get the secret and the volume, and
for a tier without data to be in good standing."""

JOIN_SECONDS = 12 * 3600
"""For a member with data to be in good standing. A large data set takes hours to be loaded or
copied, and a launch that is abandoned on the way starts over.

The hook does not end it before: each heartbeat starts the hook's own timeout anew, for up to 100
times that timeout and at most 48 h, so that hooks of 8 min or more allow for it. What the hook's
timeout ends is the launch of an agent that died.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html
"""

CERTIFICATES_TAG = "chatlift:certificates"
"""Tag of the instance: the fingerprint of the certificates that it serves."""

LEAVE_SECONDS = 300
BEAT_SECONDS = 1.0
HEAL_EVERY = 5
"""Beats between two looks at what the tier itself has to mend."""

TIERS: dict[str, type[App] | type[RedisCluster] | type[RedisReplicated] | type[MySql]] = {
    "app": App,
    "redis": RedisCluster,
    "redis-replicated": RedisReplicated,
    "mysql": MySql,
}


@dataclass
class Agent:
    """One run of the agent on one instance."""

    facts: Facts
    lifecycle: Lifecycle
    ec2: Any
    secretsmanager: Any
    monitor: Monitor
    publisher: Publisher
    services: Services
    disk: volume.Disk | None = None
    """The mounted data volume, of a member."""

    @classmethod
    def create(cls, metrics_seconds: float = PERIOD_SECONDS) -> Agent:
        """Find out who this instance is; raises `AgentError`.

        Every ``metrics_seconds`` its figures go to CloudWatch.
        """
        imds = Imds()
        facts = gather_facts(read_identity(), imds)
        identity = facts.identity
        monitor, figures = Monitor(), Figures(identity.tier)
        return cls(
            facts=facts,
            lifecycle=Lifecycle(client("autoscaling", identity), facts, imds),
            ec2=client("ec2", identity),
            secretsmanager=client("secretsmanager", identity),
            monitor=monitor,
            publisher=Publisher(
                client("cloudwatch", identity),
                dimensions(identity),
                lambda: figures.of(monitor.status()),
                metrics_seconds,
            ),
            services=Services(),
        )

    def run(self) -> None:
        """Be the member until its group ends this instance.

        Raises `Abandoned` when the launch failed and the group knows, and the `AgentError` itself
        when no launch was pending: then systemd tries again.
        """
        identity = self.facts.identity
        log.info("This is %s of the stack %s.", self.facts.name, identity.stack)
        serve(self.monitor, self.facts.name, identity.tier)
        files = TIERS[identity.kind].warm_files
        try:
            if not wait_until_called(self.lifecycle, identity.launch_hook, self.monitor, files):
                self.lifecycle.complete(identity.terminate_hook, "CONTINUE")
                return
            with self.lifecycle.heartbeats(identity.launch_hook):
                tier, refresh = self._know()
                if not self.lifecycle.is_leaving():
                    self._become(tier)
                    self.lifecycle.complete(identity.launch_hook, "CONTINUE")
        except Exception as error:
            log.error("%s did not become a member: %s", self.facts.instance_id, error)
            if self.lifecycle.complete(identity.launch_hook, "ABANDON"):
                raise Abandoned("Its group launches another instance.") from error
            raise
        notify("READY=1", f"STATUS={self.facts.name} is in good standing.")
        refresh.start()
        self.publisher.start()
        self._stay(tier, self._mailbox(tier))
        self.publisher.stop()
        refresh.stop()
        with self.lifecycle.heartbeats(identity.terminate_hook):
            self._leave(tier)
        self.lifecycle.complete(identity.terminate_hook, "CONTINUE")

    def _know(self) -> tuple[Tier, Refresh]:
        """Get the secret and build the tier; from here on port 8008 tells the truth."""
        identity = self.facts.identity
        kind = TIERS[identity.kind]
        source = Source(self.secretsmanager, identity.secret_arn, kind.secret_keys)
        secret = recall(Context.run, kind.secret_keys) or source.wait(Deadline(WAIT_SECONDS))
        known = dict(secret.values)
        context = Context(self.facts, known, self.services)
        write_tls(known, context.tls, kind.key_group)
        tier = kind(context)

        def install(secret: Secret) -> None:
            known.update(secret.values)
            write_tls(known, context.tls, kind.key_group)
            values = config.variables(self.facts, known, context.tls)
            config.render_all({**values, **tier.variables}, context.run)

        def keep(secret: Secret) -> None:
            remember(context.run, secret)

        def tell(fingerprint: str) -> None:
            self._tell(CERTIFICATES_TAG, fingerprint)

        refresh = Refresh(source, secret, Hooks(install, tier.reload, keep, tell))
        self.monitor.watch(lambda: refresh.describe(tier.status()))
        install(secret)
        keep(secret)
        return tier, refresh

    def _tell(self, key: str, value: str) -> None:
        """Tell the account by a tag of this instance; playbooks wait for it."""
        try:
            self.ec2.create_tags(
                Resources=[self.facts.instance_id], Tags=[{"Key": key, "Value": value}]
            )
        except API_ERRORS as error:
            raise AgentError(f"The tag {key} could not be set: {describe(error)}") from None

    def _mailbox(self, tier: Tier) -> Mailbox | None:
        """What the account speaks to a durable member through."""
        if not self.facts.identity.member:
            return None
        hooks = MailboxHooks(
            look=self.monitor.look,
            known=self.monitor.status,
            lead=tier.lead,
            tell=lambda report: self._tell(REPORT_TAG, report),
        )
        return Mailbox(self.lifecycle.imds, hooks)

    def _become(self, tier: Tier) -> None:
        """Make this instance the member. On a running member every step finds its work done."""
        identity = self.facts.identity
        usual = JOIN_SECONDS if identity.volume_id else WAIT_SECONDS
        deadline = Deadline(usual + tier.launch_seconds)
        if identity.volume_id and identity.member:
            notify("STATUS=Waiting for the data volume.")
            soon = deadline.at_most(WAIT_SECONDS)
            device = volume.attach(self.ec2, identity.volume_id, self.facts.instance_id, soon)
            volume.mount(device, identity.member, Context.data)
            self.disk = volume.Disk(device, Context.data)
        for step, act in (
            ("Preparing", tier.prepare),
            ("Starting", tier.start),
            ("Joining", tier.join),
        ):
            notify(f"STATUS={step}.")
            log.info("%s.", step)
            act(deadline)

    def _stay(self, tier: Tier, mailbox: Mailbox | None) -> None:
        """Watch and mend until the group ends this instance."""
        beat = 0
        while not self.lifecycle.is_leaving():
            notify("WATCHDOG=1", f"STATUS={self.monitor.status().state}")
            if mailbox:
                mailbox.attend()
            beat += 1
            if beat % HEAL_EVERY == 0:
                _try("Mending the member", tier.heal)
                if self.disk:
                    self.disk.heal()
            time.sleep(BEAT_SECONDS)

    def _leave(self, tier: Tier) -> None:
        """Let go of everything. The instance ends in any case, so a failed step stops no other."""
        deadline = Deadline(LEAVE_SECONDS + tier.drain_seconds)
        notify("STATUS=Leaving.", f"WATCHDOG_USEC={2 * deadline.seconds * 1_000_000:.0f}")
        log.info("The group ends this instance: leaving.")
        for what, act in (
            ("Handing over", tier.hand_over),
            ("Stopping the service", tier.stop),
            ("Cleaning up", tier.clean_up),
        ):
            _try(what, lambda act=act: act(deadline))  # type: ignore[misc]
        identity = self.facts.identity
        if identity.volume_id:
            _try("Releasing the data volume", self._release(identity.volume_id, deadline))

    def _release(self, volume_id: str, deadline: Deadline) -> Callable[[], None]:
        return lambda: volume.release(
            self.ec2, volume_id, self.facts.instance_id, Context.data, deadline
        )


def _try(what: str, act: Callable[[], None]) -> None:
    try:
        act()
    except AgentError as error:
        log.error("%s failed: %s", what, error)
