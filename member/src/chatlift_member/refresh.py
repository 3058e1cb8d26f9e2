"""A running member follows its secret: new certificates are served without a restart.

Passwords are another matter. All members, the application and the accounts in the data have to
change them together, so a running instance keeps those that it has and says so.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from . import certificates
from .errors import AgentError
from .health import Status
from .secrets import Secret, Source

log = logging.getLogger(__name__)

EVERY_SECONDS = (50.0, 70.0)
"""Between two looks at the secret; at random, so that members do not reload all at once."""

WARN_DAYS = 30
"""How long before their end the status says so."""


@dataclass(frozen=True)
class Hooks:
    """What following a secret does to the rest of the agent; each may raise `AgentError`."""

    install: Callable[[Secret], None]
    """Write its files, and render the configuration again."""
    reload: Callable[[], None]
    """Make the services use them; returns when they do."""
    keep: Callable[[Secret], None]
    """It is in use now."""
    tell: Callable[[str], None]
    """Tell the account which certificates this instance serves, by their fingerprint."""


class Refresh:
    """Looks at the secret about once a minute, in a thread."""

    def __init__(self, source: Source, used: Secret, hooks: Hooks) -> None:
        self.used = used
        """What the services of this instance use."""
        self._source = source
        self._hooks = hooks
        self._seen = self._kept = used.version
        self._told = ""
        self._said = ""
        self._ended = threading.Event()

    def start(self) -> None:
        """Follow the secret from now on."""
        threading.Thread(target=self._run, name="refresh", daemon=True).start()

    def stop(self) -> None:
        """Follow it no more: the instance is leaving."""
        self._ended.set()

    def _run(self) -> None:
        self._attempt(self._tell)
        while not self._ended.wait(random.uniform(*EVERY_SECONDS)):  # noqa: S311 (spreads load)
            self._attempt(self.look)

    def look(self) -> None:
        """Fetch the secret and, if it has other certificates, let the services use them.

        What fails is tried again by the next look; until then the services keep what they have.
        """
        latest = self._source.fetch()
        if latest.version != self._seen:
            self._seen = latest.version
            _say_what_is_not_taken(self._source.arn, self.used, latest)
        wanted = merge(self.used, latest)
        if wanted.values != self.used.values:
            log.info("The secret %s has new certificates: reloading.", self._source.arn)
            self._hooks.install(wanted)
            self._hooks.reload()
            self.used = wanted
            log.info("They are in use, and good until %s.", certificates.end(wanted.values)[0])
        if wanted.version != self._kept:
            self._hooks.keep(wanted)
            self.used, self._kept = wanted, wanted.version
        self._tell()

    def _tell(self) -> None:
        fingerprint = certificates.fingerprint(self.used.values)
        if fingerprint != self._told:
            self._hooks.tell(fingerprint)
            self._told = fingerprint

    def _attempt(self, act: Callable[[], None]) -> None:
        try:
            act()
        except AgentError as error:
            if str(error) != self._said:
                log.error("The certificates stay as they are: %s", error)
            self._said = str(error)
        except Exception:
            log.exception("Following the secret failed; it is tried again in a minute.")
        else:
            self._said = ""

    def describe(self, status: Status, now: datetime | None = None) -> Status:
        """``status`` and how long the certificates last: a metric and, near the end, a sentence."""
        end, playbook = certificates.end(self.used.values)
        left = end - (now or datetime.now(UTC))
        detail = status.detail
        if left.days < WARN_DAYS:
            ending = (
                f"Its certificates end in {left.days} days: run {playbook}."
                if left.days >= 0
                else f"Its certificates have ended: run {playbook}."
            )
            detail = f"{detail} {ending}".lstrip()
        metrics = {**status.metrics, "certificate_expiry_seconds": left.total_seconds()}
        return replace(status, detail=detail, metrics=metrics)


def merge(used: Secret, latest: Secret) -> Secret:
    """``latest`` as far as a running instance can follow it: its certificates."""
    pem = {key: latest.values[key] for key in certificates.KEYS if key in latest.values}
    return Secret(latest.version, {**used.values, **pem})


def _say_what_is_not_taken(arn: str, used: Secret, latest: Secret) -> None:
    changed = _differing(used.values, latest.values)
    if changed:
        log.warning(
            "In the secret %s other values were written for %s. A running instance keeps those it "
            "has, and the other members and the accounts in the data do too: put the old ones back "
            "(AWSPREVIOUS) before the next instance starts with the new ones.",
            arn,
            ", ".join(changed),
        )


def _differing(used: Mapping[str, str], latest: Mapping[str, str]) -> list[str]:
    """Keys of both, certificates apart, whose values differ; new keys serve later images."""
    return sorted(
        key
        for key in used.keys() & latest.keys() - set(certificates.KEYS)
        if used[key] != latest[key]
    )
