"""A playbook whose controller dies in the middle of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def kill_when(
    happens: Callable[[], object],
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    seconds: float = 600,
) -> bool:
    """Run ``ansible-playbook`` and kill its whole process group as soon as ``happens()``.

    It has the rehearsal's inventory, whatever the environment names; ``environment`` is added to
    this process's. Returns False when it had ended before. Raises TimeoutError, and kills it, when
    neither has happened within ``seconds``.
    """
    with subprocess.Popen(
        ["ansible-playbook", "-i", "inventories/rehearsal", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + seconds
        try:
            while not happens():
                if process.poll() is not None:
                    return False
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Nothing to kill {arguments[0]} for in {seconds:.0f} s.")
                time.sleep(0.2)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return True
