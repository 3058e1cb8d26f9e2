"""Processes told apart from later ones with the same number."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

AHEAD = -20
"""How nice what stands for AWS, or for visitors, is to what runs on the hosts."""


def go_ahead(pid: int) -> None:
    """Let a process that leads a session, and what it starts, go before the hosts', where allowed.

    Neither AWS nor a visitor waits until the instances spare it a processor.
    """
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, pid, AHEAD)
    # Many kernels share out the processors among sessions first (sched(7), autogroup).
    with suppress(FileNotFoundError, PermissionError):
        Path(f"/proc/{pid}/autogroup").write_text(str(AHEAD))


@dataclass(frozen=True)
class Process:
    """A process: its number and when it began (clock ticks since the machine's start).

    A number alone may belong to another process by the time it is used; both together do not.
    """

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this number now."""
        started = _start_time(pid)
        return None if started is None else cls(pid, started)

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        return _start_time(self.pid) == self.started

    @property
    def age(self) -> float:
        """Seconds since it began."""
        ticks = os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - self.started / ticks

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.alive:
            os.kill(self.pid, number)

    def end(self, grace: float) -> None:
        """Ask it to end, and make it end after ``grace`` seconds."""
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
            if not self.alive:
                return
            os.kill(self.pid, number)
            deadline = time.monotonic() + patience
            while self.alive and time.monotonic() < deadline:
                time.sleep(0.02)


def _start_time(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat (proc(5)); None for what has ended, zombies included."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the command in brackets and may itself hold spaces and brackets.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])
