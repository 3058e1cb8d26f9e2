"""The app tier: HAProxy before one process of the application a core."""

from __future__ import annotations

import csv
import io
import logging
import socket
from pathlib import Path

from .health import Status
from .tier import Context
from .wait import Deadline, NotYet, wait_for

log = logging.getLogger(__name__)

HAPROXY = "haproxy.service"
GATEWAY = "chatlift-gateway.service"
STATS_SOCKET = Path("/run/haproxy/admin.sock")
BACKEND = "application"
"""Name of the application's backend in haproxy.cfg, whose checks know the health path."""

RESTART_SECONDS = 900
"""For one process to let its clients go and to serve again."""


def unit(process: int) -> str:
    """The unit of process number ``process``, counted from 1."""
    return f"chatlift-app@{process}.service"


def count_up(stats: str, backend: str = BACKEND) -> int:
    """How many servers of ``backend`` have passed a check, in the CSV of ``show stat``.

    HAProxy calls a server up before it has ever asked it, hence the look at the check itself.
    """
    return sum(
        row["# pxname"] == backend
        and row["status"].startswith("UP")
        and row["check_status"].endswith("OK")
        for row in csv.DictReader(io.StringIO(stats))
    )


class App:
    """Stateless: it joins nothing and leads nothing."""

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

    def __init__(self, context: Context) -> None:
        self._context = context
        self._units = [unit(number) for number in range(1, context.facts.cpus + 1)]
        self._leaving = False

    def prepare(self, deadline: Deadline) -> None:
        """Nothing: an app instance has no data of its own."""

    def start(self, deadline: Deadline) -> None:
        """Start HAProxy first: the application finds its database through it."""
        for name in (HAPROXY, *self._units):
            self._context.services.start(name, timeout=deadline.remaining())

    def join(self, deadline: Deadline) -> None:
        """Wait until HAProxy finds at least one process able to serve."""

        def probe() -> None:
            if not (status := self.status()).healthy:
                raise NotYet(status.detail)

        wait_for("the application to answer", probe, deadline)

    def heal(self) -> None:
        """Nothing: systemd restarts a process, HAProxy leaves it out meanwhile."""

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
            up = count_up(_ask_haproxy("show stat"))
            services.restart(name, timeout=RESTART_SECONDS)
            # HAProxy may not have noticed; from now on it has to see the process answer.
            _ask_haproxy(f"set server {BACKEND}/app{number} health down")
            self._wait_until_up(up, Deadline(RESTART_SECONDS))

    def _wait_until_up(self, processes: int, deadline: Deadline) -> None:
        def probe() -> None:
            if (up := count_up(_ask_haproxy("show stat"))) < processes:
                raise NotYet(f"{up} of {processes} processes answer")

        wait_for("the restarted process to answer", probe, deadline)

    def status(self) -> Status:
        """Healthy while at least one process serves and the instance is not leaving."""
        try:
            up = count_up(_ask_haproxy("show stat"))
        except OSError as error:
            return Status.down("stopped", f"HAProxy does not answer: {error}.")
        return Status(
            healthy=up > 0 and not self._leaving,
            leads=False,
            role="app",
            state="leaving" if self._leaving else "serving" if up else "waiting",
            detail=f"{up} of {len(self._units)} processes answer",
            metrics={"app_processes_up": up, "app_processes": len(self._units)},
        )

    def hand_over(self, deadline: Deadline) -> None:
        """Fail the health check, so that the load balancer sends nobody new."""
        self._leaving = True

    def stop(self, deadline: Deadline) -> None:
        """End the processes, which close their connections, all at once, and then HAProxy."""
        self._context.services.stop(*self._units, timeout=deadline.remaining())
        self._context.services.stop(HAPROXY, timeout=deadline.remaining())

    def clean_up(self, deadline: Deadline) -> None:
        """Nothing: the instance is gone in a moment."""


def _ask_haproxy(command: str) -> str:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(1)
        channel.connect(str(STATS_SOCKET))
        channel.sendall(f"{command}\n".encode())
        return b"".join(iter(lambda: channel.recv(65536), b"")).decode()
