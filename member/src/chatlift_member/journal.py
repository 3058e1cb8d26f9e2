"""Reading the journal: everything once, then what comes, in order."""

from __future__ import annotations

import queue
import re
import subprocess
import threading
from pathlib import Path

from .errors import AgentError
from .files import write_atomically

_CURSOR = re.compile(r"s=[0-9a-f]{32};i=\S+")
_FIELDS = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT"

WAITING_LINES = 10_000
"""Lines held in memory; while they are not taken, the journal on the disk holds the rest."""


class Journal:
    """A ``journalctl`` that follows the journal.

    Without ``cursor`` it begins where this boot began.
    """

    def __init__(self, cursor: str | None, command: str = "journalctl") -> None:
        begin = f"--after-cursor={cursor}" if cursor else "--boot"
        self._process = subprocess.Popen(
            [
                *(command, "--follow", "--no-tail", "--all", "--quiet", begin),
                *("--output=json", f"--output-fields={_FIELDS}"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self._lines: queue.Queue[bytes] = queue.Queue(WAITING_LINES)
        self._reader = threading.Thread(target=self._read, name="journal", daemon=True)
        self._reader.start()

    def line(self, timeout: float) -> bytes | None:
        """The next line, or None when none came within ``timeout`` seconds.

        Raises an `AgentError` when journalctl has ended.
        """
        try:
            return self._lines.get(timeout=max(0.0, timeout))
        except queue.Empty:
            if self._reader.is_alive() or not self._lines.empty():
                return None
            raise AgentError(
                f"journalctl has ended ({self._process.wait()}); its own message stands above."
            ) from None

    def close(self) -> None:
        """End journalctl."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._lines.put(line)


def read_cursor(path: Path) -> str | None:
    """The place in the journal kept in ``path``; None at the first start, or when it is damaged."""
    try:
        found = path.read_text().strip()
    except OSError:
        return None
    return found if _CURSOR.fullmatch(found) else None


def write_cursor(path: Path, cursor: str) -> None:
    """Keep ``cursor`` in ``path``."""
    write_atomically(path, cursor, mode=0o600)
