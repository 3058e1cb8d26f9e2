"""Calling the machine's own tools."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from chatlift_rehearsal.errors import RehearsalError


class CommandError(RehearsalError):
    """A tool failed; ``stderr`` is what it said."""

    def __init__(self, argv: Sequence[str], returncode: int, stderr: str) -> None:
        self.returncode = returncode
        self.stderr = stderr.strip()
        said = self.stderr.splitlines()[-1] if self.stderr else "it said nothing"
        super().__init__(f"`{shlex.join(argv)}` ended with status {returncode}: {said}.")


def run(*argv: str, text: str | None = None, timeout: float = 60, cwd: Path | None = None) -> str:
    """Run a command and return its standard output.

    ``text`` is its standard input, ``timeout`` in seconds, ``cwd`` where it runs. Raises
    CommandError when it fails and RehearsalError when it does not end in time.
    """
    try:
        done = subprocess.run(
            argv,
            input=text if text is not None else "",
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=cwd,
        )
    except subprocess.TimeoutExpired as error:
        raise RehearsalError(
            f"`{shlex.join(argv)}` was still running after {timeout:g} seconds and was stopped."
        ) from error
    if done.returncode:
        raise CommandError(argv, done.returncode, done.stderr)
    return done.stdout
