"""One nginx: a master with a worker, started and reloaded with a configuration.

A reload leaves what is connected to the worker before, until it ends by itself.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine import shell
from chatlift_rehearsal.machine.process import Process, go_ahead

READY_SECONDS = 10.0


class Nginx:
    """The server whose files, sockets and logs are in ``directory``.

    Paths within its configuration are relative: a socket's path has at most 108 characters.
    """

    def __init__(self, directory: Path, status: str) -> None:
        self._directory = directory
        self._status = directory / status
        self._process: Process | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.alive

    def configure(self, text: str, mark: str) -> None:
        """Start with a configuration, or change over to it.

        Returns when the status socket answers with ``mark`` and no worker of before takes new
        connections. Raises RehearsalError when nginx
        refuses the configuration, or cannot have its addresses.
        """
        (self._directory / "nginx.conf").write_text(text)
        self._check()
        before = self._workers()
        if self._process and self.alive:
            self._process.send(signal.SIGHUP)
        else:
            self._start()
        self._await(lambda: mark in self._answer() and not before & self._workers())

    def reopen(self) -> None:
        """Begin new log files in the place of those that were renamed."""
        if self._process:
            self._process.send(signal.SIGUSR1)

    def stop(self) -> None:
        """End it at once, with its connections."""
        if self._process:
            self._process.end(grace=2)
            self._process = None

    @property
    def _argv(self) -> tuple[str, ...]:
        return ("nginx", "-p", f"{self._directory}/", "-c", "nginx.conf", "-e", "error.log")

    def _check(self) -> None:
        try:
            shell.run(*self._argv, "-t", "-q", cwd=self._directory)
        except shell.CommandError as error:
            # Its last line says only that there is something wrong.
            said = error.stderr.splitlines()[0]
            raise RehearsalError(f"nginx refuses its configuration: {said}.") from error

    def _start(self) -> None:
        with (self._directory / "start.log").open("w") as log:
            master = subprocess.Popen(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self._directory,
            )
        go_ahead(master.pid)
        self._process = Process.of(master.pid)

    def _await(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if not self.alive or time.monotonic() > deadline:
                raise RehearsalError(f"nginx did not take its configuration: {self._complaint()}")
            time.sleep(0.02)

    def _workers(self) -> set[str]:
        """Process numbers of the workers that take new connections."""
        if self._process is None or not self.alive:
            return set()
        pid = self._process.pid
        found = set()
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            try:
                title = Path(f"/proc/{child}/cmdline").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if "worker process" in title and "shutting down" not in title:
                found.add(child)
        return found

    def _answer(self) -> str:
        answer = b""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self._status))
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                while part := connection.recv(4096):
                    answer += part
        except OSError:
            return ""  # It does not listen yet.
        return answer.decode()

    def _complaint(self) -> str:
        lines = (self._directory / "start.log").read_text().splitlines()
        return (lines or ["it said nothing."])[-1]
