"""One HAProxy: a master with a worker, spoken to over the master's socket.

Changes of targets are made in the running worker. Changes of listeners reload it: a new worker
takes over the listening sockets, and the old one lives until its last connection has ended, so no
WebSocket is lost.
"""

from __future__ import annotations

import csv
import re
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine import shell
from chatlift_rehearsal.machine.process import Process, go_ahead

READY_SECONDS = 10.0
PIPE_BYTES = 1 << 20
"""What may be said faster than it is listened to; HAProxy drops what is more."""


class HAProxy:
    """The proxy with its files in ``directory``; its access log is its standard output."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._config = directory / "haproxy.cfg"
        self._socket = directory / "master.sock"
        self._log = directory / "haproxy.log"
        self._process: Process | None = None
        self._said = 0
        self._logged: deque[str] = deque()
        self._listener: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.alive

    def configure(self, text: str) -> None:
        """Start with a configuration, or change over to it without losing a connection.

        Raises RehearsalError when HAProxy refuses it, such as for a port that is in use.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        self._config.write_text(text)
        shell.run("haproxy", "-c", "-q", "-f", str(self._config))
        self._said = self._log.stat().st_size if self._log.exists() else 0
        if self.alive:
            self._reload()
        else:
            self._start()

    def _start(self) -> None:
        self._socket.unlink(missing_ok=True)
        with self._log.open("a") as log:
            master = subprocess.Popen(
                ["haproxy", "-W", "-S", f"{self._socket},mode,600", "-f", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                pipesize=PIPE_BYTES,
                encoding="latin-1",
            )
        go_ahead(master.pid)
        self._process = Process.of(master.pid)
        assert master.stdout is not None
        listen = partial(self._listen, master.stdout)
        self._listener = threading.Thread(target=listen, name="access log", daemon=True)
        self._listener.start()
        self._await(lambda: self._socket.exists() and bool(self._workers()))

    def _listen(self, lines: Iterable[str]) -> None:
        """Until the last worker has ended."""
        for line in lines:
            self._logged.append(line.rstrip("\n"))

    def logged(self) -> list[str]:
        """The lines of the access log since the last time."""
        return [self._logged.popleft() for _ in range(len(self._logged))]

    def _reload(self) -> None:
        before = self._workers()
        # The master answers before its new worker serves: wait until it names one.
        self._send("reload", optional=True)
        self._await(lambda: self._workers() not in ([], before))

    def _await(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            if not self.alive or time.monotonic() > deadline:
                raise RehearsalError(f"HAProxy did not take its configuration: {self._complaint()}")
            time.sleep(0.02)

    def _complaint(self) -> str:
        lines = self._log.read_text()[self._said :].splitlines()
        alerts = [line for line in lines if line.startswith("[ALERT]")]
        return (alerts or lines or ["it said nothing."])[0]

    def tell(self, command: str) -> str:
        """Run a command in the worker that takes new connections, and return its answer."""
        return self._send(f"@1 {command}")

    def cut(self, backend: str, server: str) -> None:
        """End every connection to a server, those that an earlier worker still has included."""
        # An earlier worker knows of no servers any more ("Proxy is disabled"), but of sessions.
        session = re.compile(
            rf"^(0x\w+): .* be={re.escape(backend)} srv={re.escape(server)} ", re.M
        )
        for pid in self._workers(old=True):
            for match in session.finditer(self._send(f"@!{pid} show sess")):
                self._send(f"@!{pid} shutdown session {match.group(1)}")

    def _workers(self, old: bool = False) -> list[int]:
        """Process numbers of the present worker or, with ``old``, of all."""
        found, section = [], ""
        for line in self._send("show proc", optional=True).splitlines():
            if line.startswith("# "):
                section = line[2:]
            elif line and not line.startswith("#"):
                pid, kind = line.split()[:2]
                if kind == "worker" and (old or section == "workers"):
                    found.append(int(pid))
        return found

    def _send(self, command: str, optional: bool = False) -> str:
        answer = b""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(5)
                connection.connect(str(self._socket))
                connection.sendall(command.encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(65536):
                    answer += part
        except OSError as error:
            if not optional:
                raise RehearsalError(f"HAProxy did not answer `{command}`: {error}.") from error
        return answer.decode()

    def stats(self) -> Iterator[tuple[int, dict[str, str]]]:
        """The rows of ``show stat`` with the number of their worker, earlier workers included."""
        for pid in self._workers(old=True):
            for row in csv.DictReader(self._send(f"@!{pid} show stat").splitlines()):
                yield pid, row

    def connections(self, backend: str, server: str) -> int:
        """Connections to a server, those of workers that only finish theirs included."""
        return sum(
            int(row["scur"])
            for _, row in self.stats()
            if (row["# pxname"], row["svname"]) == (backend, server)
        )

    def stop(self) -> None:
        """End it at once, with its connections."""
        if self._process:
            self._process.end(grace=1)
            self._process = None
        if self._listener:
            self._listener.join(timeout=1)
