"""The check as a process beside what it is to survive, which may then block as it likes.

with checking("https://chat.example", "--clients", "200") as check:
    check.note("the playbook starts")
    run_playbook("playbooks/rolling_deploy.yml")
assert not check.report.exceeded({"reconnects": 1, "failed_requests": 0})
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from chatlift_rehearsal.machine.process import go_ahead

from tests.checker.__main__ import EXCEEDED, READY
from tests.checker.report import Report

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 120.0
END_SECONDS = 300.0
"""To look for thousands of accounts takes its time."""


class Check:
    """A check that runs in a process. When it has ended, `report` is there, and what it printed."""

    report: Report
    printed: str

    def __init__(self, folder: Path, arguments: tuple[str, ...]) -> None:
        self._json, self._log = folder / "report.json", folder / "log"
        command = [sys.executable, "-m", "tests.checker", "--notes", "--json", str(self._json)]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=REPOSITORY,
                start_new_session=True,
            )
        go_ahead(self._process.pid)  # visitors have computers of their own

    def note(self, text: str) -> None:
        """Mark this moment on the time line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def wait_until_ready(self, seconds: float) -> None:
        """Return when everyone is in and messages flow."""
        end = time.monotonic() + seconds
        while READY not in self._so_far():
            if self._process.poll() is not None:
                raise RuntimeError(f"The check ended before it began: {self._so_far()}")
            if time.monotonic() > end:
                raise TimeoutError(
                    f"The check did not begin within {seconds:.0f} s: {self._so_far()}"
                )
            time.sleep(0.1)

    def _so_far(self) -> str:
        return self._log.read_text()

    def end(self, seconds: float) -> None:
        """Stop it, and read its report."""
        self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"The check did not end within {seconds:.0f} s: {self._so_far()}"
            ) from None
        if code not in (0, EXCEEDED):
            raise RuntimeError(f"The check ended with code {code}: {self._so_far()}")
        self.report, self.printed = Report.load(self._json), self._so_far()

    def kill(self) -> None:
        """End it without a report; does nothing when it has ended."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()


@contextmanager
def checking(url: str, *arguments: str) -> Iterator[Check]:
    """Check while the body runs. Raises RuntimeError or TimeoutError, with what was printed."""
    with TemporaryDirectory() as folder:
        check = Check(Path(folder), ("--url", url, *arguments))
        try:
            check.wait_until_ready(START_SECONDS)
            yield check
            check.end(END_SECONDS)
        finally:
            check.kill()
