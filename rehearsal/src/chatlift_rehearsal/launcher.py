"""Starts a rehearsal in the background and ends it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from chatlift_rehearsal import cleanup
from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine import base
from chatlift_rehearsal.machine.network import Network
from chatlift_rehearsal.machine.process import Process
from chatlift_rehearsal.settings import Settings

READY_SECONDS = 60.0
STOP_SECONDS = 10.0

Stage = Callable[[str], AbstractContextManager[object]]
"""Told what begins; what it returns is left when that has ended."""


def running(settings: Settings) -> Process | None:
    """The rehearsal's process, if it runs."""
    try:
        state = json.loads(_state(settings).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    process = Process(state["pid"], state["started"])
    return process if process.alive else None


def up(settings: Settings, stage: Stage) -> None:
    """Start the rehearsal; returns once its API answers. What an earlier one left is removed."""
    with _alone(settings):
        with stage("what an earlier rehearsal left"):
            cleanup.sweep(settings)
        with stage("Debian base image (made once, in about half a minute)"):
            base.prepare(settings)
        try:
            with stage("network"):
                settings.run.mkdir(parents=True)
                Network(settings).create()
            with stage("AWS API"):
                _await_ready(settings, _start(settings))
        except BaseException:
            _end(settings)
            raise


def down(settings: Settings, purge: bool) -> None:
    """End the rehearsal and leave nothing of it; ``purge`` removes the cached images, too."""
    with _alone(settings):
        _end(settings)
    if purge:
        shutil.rmtree(settings.home)


def _end(settings: Settings) -> None:
    if process := running(settings):
        process.end(STOP_SECONDS)
    cleanup.sweep(settings)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Keep two commands from starting or ending the same rehearsal at once."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RehearsalError(
                f"Another `rehearsal up` or `rehearsal down` is at work on {settings.home}; "
                "wait until it has ended."
            ) from error
        yield


def _start(settings: Settings) -> Process:
    with settings.log.open("w") as log:
        daemon = subprocess.Popen(
            [sys.executable, "-m", "chatlift_rehearsal.daemon"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
            env={**os.environ, "REHEARSAL_HOME": str(settings.home)},
        )
    process = Process.of(daemon.pid)
    if process is None:
        raise RehearsalError(f"The rehearsal ended at once; its log is {settings.log}.")
    contents = json.dumps({"pid": process.pid, "started": process.started})
    _state(settings).write_text(contents)
    return process


def _await_ready(settings: Settings, process: Process) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not settings.status.exists():
        if not process.alive:
            last = settings.log.read_text().strip().splitlines()[-1:]
            raise RehearsalError(f"The rehearsal could not start: {' '.join(last)}")
        if time.monotonic() > deadline:
            raise RehearsalError(
                f"The rehearsal was not ready after {READY_SECONDS:.0f} seconds; "
                f"the last lines of {settings.log} say how far it came."
            )
        time.sleep(0.05)


def _state(settings: Settings) -> Path:
    return settings.run / "state"
