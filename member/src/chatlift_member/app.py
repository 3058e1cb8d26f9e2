"""The app tier: HAProxy before the processes of the application."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import config, haproxy, memory
from .app_active import Active
from .app_crashes import Crashes, restarts
from .app_drain import drain
from .app_release import ReleaseGate
from .app_settings import read_settings
from .app_worker import Worker, is_used
from .coordinator import Coordinator
from .errors import AgentError, Refused
from .health import Status
from .release_book import ReleaseBook
from .service import Services
from .tier import Context
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

GATEWAY = "chatlift-gateway.service"

RESTART_SECONDS = 900
"""For one process to let its clients go and to serve again."""

DATA_SECONDS = 900
"""For HAProxy to find the leaders of the data tiers, before the release command needs them. In a
new stack they are launched at the same time."""

LATE_SECONDS = 30
"""How much longer than systemd the agent waits for the release command to end."""

HAND_OVER_SECONDS = 30
"""For the one process of a stack to end when its instance leaves; then it is killed."""

GRACE_SECONDS = 60.0
"""An instance that has just become the active one counts as healthy for so long: its group must not
replace it while the application starts."""


class _Role:
    """What the lease of the active instance changes: the one process, and where clients go."""

    def __init__(self, services: Services, unit: str, pass_on: Callable[[str], None]) -> None:
        self._services = services
        self._unit = unit
        self._pass_on = pass_on

    def runs(self) -> bool:
        return self._services.is_active(self._unit)

    def start(self) -> None:
        self._pass_on("")
        self._services.start(self._unit)

    def kill(self) -> None:
        self._services.kill(self._unit)

    def follow(self, address: str) -> None:
        self._pass_on(address)


class App:
    """Stateless: it leads nothing, unless one process serves the whole stack."""

    secret_keys = frozenset(
        (
            "ca",
            "redis_username",
            "redis_password",
            "mysql_username",
            "mysql_password",
            "mysql_database",
        )
    )
    key_group = "root"
    warm_files: tuple[Path, ...] = (Path("/usr/local/bin/node"), Path("/opt/chatlift/app"))

    def __init__(self, context: Context, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        self._settings = settings = read_settings()
        self._units = settings.units(context.facts.cpus)
        self._leaving = False
        self._joined = False
        self._restarts: int | None = None
        """Of all processes, by systemd; None until the instance has joined."""
        self._address = ""
        """Address of the active instance that HAProxy passes clients on to; empty for none."""
        self._worker: Worker | None = None
        self._active: Active | None = None
        self._gate: ReleaseGate | None = None
        uses_worker = is_used(config.TEMPLATES)
        if uses_worker or settings.release_command or settings.processes == "stack":
            coordinator = Coordinator(context)
            if uses_worker:
                self._worker = Worker(coordinator, context.run / "worker")
            if settings.release_command:
                self._gate = ReleaseGate(
                    ReleaseBook(coordinator, context.facts.release),
                    context.services,
                    context.facts.release,
                    timeout=settings.release_timeout + LATE_SECONDS,
                    restartable=settings.release_restartable,
                )
            if settings.processes == "stack":
                role = _Role(context.services, self._units[0], self._pass_on)
                self._active = Active(coordinator, role, clock)

    @property
    def launch_seconds(self) -> float:
        """The release command may take this long, whichever instance runs it."""
        return self._settings.release_timeout if self._gate else 0

    @property
    def drain_seconds(self) -> float:
        """Seconds over which WebSockets are closed."""
        return self._settings.drain_seconds

    @property
    def variables(self) -> Mapping[str, Any]:
        """``active_address`` and, where a template uses it, ``worker``."""
        worker = {"worker": self._worker.number} if self._worker else {}
        return {"active_address": self._address, **worker}

    def prepare(self, deadline: Deadline) -> None:
        """Find the instance's worker number, which the application's settings depend on."""
        if self._worker:
            self._worker.take(deadline)
            self._render()

    def start(self, deadline: Deadline) -> None:
        """Start HAProxy first, through which everything else finds its data."""
        services = self._context.services
        services.start(haproxy.UNIT, timeout=deadline.remaining())
        if self._gate:
            wait_for("the data tiers", _find_leaders, deadline.at_most(DATA_SECONDS))
            self._gate.pass_through(deadline)
        if self._worker:
            # The release command may have taken longer than the lease lasts.
            self._worker.confirm(deadline)
        if self._active:
            self._active.start(deadline)
            return
        for name in self._units:
            services.start(name, timeout=deadline.remaining())

    def join(self, deadline: Deadline) -> None:
        """Wait until HAProxy finds at least one process able to serve, or they crash for good."""
        crashes = Crashes(self._context.services, self._units)

        def probe() -> None:
            if not (status := self.status()).healthy:
                if not self._active:
                    crashes.look(_data_is_there())
                raise NotYet(status.detail)

        wait_for("the application to answer", probe, deadline)
        self._count_restarts()
        self._joined = True

    def heal(self) -> None:
        """Keep the worker number. The rest heals elsewhere: systemd restarts a process, which is
        counted, and HAProxy leaves it out meanwhile."""
        if self._worker and not self._worker.lost:
            self._worker.renew()
        self._count_restarts()

    def _count_restarts(self) -> None:
        self._restarts = sum(restarts(self._context.services, self._units))

    def reload(self) -> None:
        """Restart the processes one by one: they read the certificate authority when they start.

        Each lets its clients go as it does when it is stopped, and the next one waits for it.
        """
        services = self._context.services
        if services.is_active(GATEWAY):
            services.reload(GATEWAY)
        for number, name in enumerate(self._units, start=1):
            if self._leaving or not services.is_active(name):
                continue
            log.info("Restarting %s for its new certificate authority.", name)
            up = haproxy.count_up(haproxy.ask("show stat"))
            services.restart(name, timeout=RESTART_SECONDS)
            # HAProxy may not have noticed; from now on it has to see the process answer.
            haproxy.ask(f"set server {haproxy.BACKEND}/app{number} health down")
            self._wait_until_up(up, Deadline(RESTART_SECONDS))

    def _wait_until_up(self, processes: int, deadline: Deadline) -> None:
        def probe() -> None:
            if (up := haproxy.count_up(haproxy.ask("show stat"))) < processes:
                raise NotYet(f"{up} of {processes} processes answer")

        wait_for("the restarted process to answer", probe, deadline)

    def status(self) -> Status:
        """Healthy while it serves, or passes clients on, and is not leaving."""
        try:
            stats = haproxy.ask("show stat")
        except OSError as error:
            return Status.down("stopped", f"HAProxy does not answer: {error}.")
        up, connections = haproxy.count_up(stats), haproxy.connections(stats)
        lost = bool(self._worker and self._worker.lost)
        good = up > 0 or (self._joined and self._is_excused())
        return Status(
            healthy=good and not self._leaving and not lost,
            leads=bool(self._active and self._active.since is not None),
            role=self._role(),
            state="leaving" if self._leaving else "serving" if up else "waiting",
            detail=self._describe(up, connections),
            metrics={
                "app_processes_up": up,
                "app_processes": len(self._units),
                "app_connections": connections,
                **({} if self._restarts is None else {"app_restarts": self._restarts}),
                **memory.look().metrics,
            },
        )

    def _is_excused(self) -> bool:
        """A standby has no process, and a new active instance needs time to start it."""
        if not self._active:
            return False
        since = self._active.since
        return since is None or self._clock() - since < GRACE_SECONDS

    def _role(self) -> str:
        if not self._active:
            return "app"
        return "standby" if self._active.since is None else "active"

    def _describe(self, up: int, connections: int) -> str:
        if self._leaving:
            return f"{connections} connections are still open"
        if self._worker and self._worker.lost:
            return f"another instance has taken the worker number {self._worker.number}"
        if self._address:
            answers = "answers" if up else "does not answer"
            return f"the application runs on {self._address}, which {answers}"
        return f"{up} of {len(self._units)} processes answer"

    def lead(self, deadline: Deadline) -> None:
        """Which instance is the active one, they agree on by themselves."""
        raise Refused("An application instance does not lead when it is asked to.")

    def hand_over(self, deadline: Deadline) -> None:
        """Fail the health check, let another instance run what only one may, let the clients go."""
        self._leaving = True
        if self._active:
            try:
                self._active.leave(self._end_single_process)
            except AgentError as error:
                log.error("The application was handed over to nobody: %s", error)
        try:
            drain(self._settings.drain_seconds, deadline, ask=haproxy.ask)
        except OSError as error:
            raise AgentError(f"HAProxy does not answer: {error}.") from None

    def _end_single_process(self) -> None:
        (unit,) = self._units
        try:
            self._context.services.stop(unit, timeout=HAND_OVER_SECONDS)
        except AgentError as error:
            log.warning("%s It is killed.", error)
            self._context.services.kill(unit)

    def stop(self, deadline: Deadline) -> None:
        """End the processes, which close their connections, all at once, and then HAProxy."""
        self._context.services.stop(*self._units, timeout=deadline.remaining())
        self._context.services.stop(haproxy.UNIT, timeout=deadline.remaining())

    def clean_up(self, deadline: Deadline) -> None:
        """Give the worker number up, now that no process uses it."""
        if self._worker:
            self._worker.release()

    def _pass_on(self, address: str) -> None:
        """Make HAProxy pass clients on to ``address``; empty stands for this instance itself."""
        if address != self._address:
            self._address = address
            self._render()
            self._context.services.reload(haproxy.UNIT)

    def _render(self) -> None:
        context = self._context
        values = config.variables(context.facts, context.secrets, context.tls)
        config.render_all({**values, **self.variables}, context.run)


def _data_is_there() -> bool:
    try:
        return not haproxy.unready(haproxy.ask("show stat"))
    except OSError:
        return False


def _find_leaders() -> None:
    try:
        unready = haproxy.unready(haproxy.ask("show stat"))
    except OSError as error:
        raise NotYet(f"HAProxy does not answer: {error}") from None
    if unready:
        raise NotYet(f"HAProxy has found no leader of {', '.join(unready)}")
