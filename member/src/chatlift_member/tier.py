"""The interface between the agent, the same for all, and a tier, which knows its service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from .facts import Facts
from .health import Status
from .service import Services
from .wait import Deadline

DATA = Path("/srv/data")
"""Mount point of the member's volume."""

RUN = Path("/run/chatlift")
"""tmpfs: what the agent rendered, secrets included."""


@dataclass(frozen=True)
class Tls:
    """Paths of the PEM files that the agent wrote below ``/run/chatlift/tls``."""

    ca: Path = RUN / "tls/ca.crt"
    certificate: Path = RUN / "tls/server.crt"
    private_key: Path = RUN / "tls/server.key"


@dataclass(frozen=True)
class Context:
    """All that a tier needs to know; given to its constructor."""

    facts: Facts
    secrets: Mapping[str, str]
    """The tier's secret (docs/contracts.md, "Secrets"), every key of the contract present."""
    services: Services
    tls: Tls = Tls()
    data: Path = DATA
    run: Path = RUN


class Member:
    """What the durable tiers have in common: nothing out of the usual."""

    warm_files: tuple[Path, ...] = ()
    variables: Mapping[str, Any] = MappingProxyType({})
    launch_seconds: float = 0
    drain_seconds: float = 0


class Tier(Protocol):
    """What the agent asks of a tier, in this order; a constructor takes one `Context`.

    Rules for all of them:

    - They may be called on a member that already runs (the agent was restarted): then they must
      find everything in place and disturb nothing.
    - They return when the thing is done, and raise `AgentError` (`NotInTime` included) when it
      cannot be done or not before the deadline. Waiting is done with `wait_for` only.
    - The agent sends lifecycle heartbeats from a thread meanwhile.
    """

    secret_keys: frozenset[str]
    """Keys the tier's secret must hold."""

    key_group: str
    """Group that may read ``tls/server.key``: ``redis``, ``mysql``, ``root``."""

    warm_files: tuple[Path, ...]
    """What the service reads when it starts, for an instance that waits in a warm pool."""

    @property
    def variables(self) -> Mapping[str, Any]:
        """What the tier adds to the variables of the templates; when that changes, it renders."""

    @property
    def launch_seconds(self) -> float:
        """How much longer than usual an instance of this tier may take to become a member."""

    @property
    def drain_seconds(self) -> float:
        """How much longer than usual it may take to leave."""

    def prepare(self, deadline: Deadline) -> None:
        """Make the service's directories on the mounted volume; initialise its data when new.

        The configuration is already rendered to `Context.run`.
        """

    def start(self, deadline: Deadline) -> None:
        """Start the service and wait until it answers locally (not yet: in the cluster)."""

    def join(self, deadline: Deadline) -> None:
        """Make the service part of its cluster, and form the cluster if that falls to this member.

        Returns when the member is in good standing, that is when `status` is healthy.
        """

    def heal(self) -> None:
        """Look, once every few seconds after `join`, for what the tier itself must mend.

        Such as a member that its group has expelled. Returns quickly (at most some seconds) and
        does nothing in the usual case.
        """

    def reload(self) -> None:
        """Make the services use the files of `Context.tls` as they are now.

        Returns when they do. Open connections stay wherever the service can keep them. Called from
        a thread of its own.
        """

    def status(self) -> Status:
        """Look at the service. Called twice a second from a thread of its own.

        Must return within about a second (short connection time-outs) and never raises for a
        service that is down: that is `Status.down`.
        """

    def lead(self, deadline: Deadline) -> None:
        """Make this member lead in the place of the one that does, and wait until that holds.

        Loses no write, and does nothing where it leads already. Raises `Refused` before anything is
        changed when it is not in sync.
        """

    def hand_over(self, deadline: Deadline) -> None:
        """If this member leads, make another lead, and wait until that holds."""

    def stop(self, deadline: Deadline) -> None:
        """Stop the service cleanly. Afterwards no process holds the volume."""

    def clean_up(self, deadline: Deadline) -> None:
        """Last chance after `stop`; the volume is unmounted and detached after this."""
