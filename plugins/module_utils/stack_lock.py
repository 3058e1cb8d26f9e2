# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The lock of a stack: one controller at a time changes it.

The lock is the SSM parameter ``/chatlift/<stack>/lock``. It is taken and held by a process of its
own, the keeper, which is this file run as a program. It renews the lock for as long as the
controller lives, and gives it up when the controller has ended, by whatever means. Of a controller
that was killed it first ends the workers, which would go on with their task: nobody else is to
begin before they are gone.

Should the keeper be gone too, the lock is old when nobody has renewed it for a while. Whoever wants
it judges that by watching it, so that clocks need not agree.

This file imports nothing of the collection, so that the keeper needs no import path.
"""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

RENEW_SECONDS = 10.0
EXPIRY_SECONDS = 45.0
"""A lock that was not renewed for so long belongs to nobody: four renewals were missed."""

SETTLE_SECONDS = 2.0
"""After an old lock was taken over; others who meant to do the same have shown themselves then."""

LOOK_SECONDS = 0.5
WORKER_SECONDS = 120.0
"""For a dead controller's workers to end in order; one that bakes ends its instance first."""

PROC = Path("/proc")


class LockError(Exception):
    """The lock cannot be had; a sentence on why and what to do."""


@dataclass(frozen=True)
class Process:
    """A process of this machine. Its number alone is used again; with its start time it is not."""

    pid: int
    started: str
    parent: int
    session: int

    @property
    def id(self) -> list[Any]:
        return [self.pid, self.started]


def process(pid: int) -> Process | None:
    """The process, unless it has ended. Outside of Linux nothing but its number is known."""
    if not PROC.is_dir():
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return Process(pid, "", 0, 0)
        return None
    try:
        # After the name, which is in parentheses and may hold anything: proc_pid_stat(5).
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, parent, session, started = fields[0], fields[1], fields[3], fields[19]
    return None if state in "ZX" else Process(pid, started, int(parent), int(session))


def lives(identity: list[Any]) -> bool:
    found = process(identity[0])
    return found is not None and found.id == identity


def machine() -> str:
    """Names the machine, and the container on it, whose process numbers one may judge by.

    Empty where that cannot be told; such a holder is judged by renewals.
    """
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def image(pid: int) -> bytes:
    """The same for a process and its forks, and for no other: what it was started with, and where
    the kernel put it in memory, which is random. Empty when it has ended or nothing can be told."""
    try:
        return b"".join((PROC / str(pid) / name).read_bytes() for name in ("cmdline", "auxv"))
    except OSError:
        return b""


def workers_of(controller: bytes) -> set[int]:
    """The sessions of the workers that survived the controller with this image.

    Ansible's workers are forks of the controller, each with a session of its own.
    """
    found = set()
    for directory in PROC.glob("[0-9]*"):
        worker = process(int(directory.name))
        if (
            worker
            and worker.session == worker.pid
            and image(worker.pid) == controller
            and image(worker.parent) != controller
        ):
            found.add(worker.session)
    return found


def members_of(sessions: set[int]) -> list[int]:
    numbers = (int(directory.name) for directory in PROC.glob("[0-9]*"))
    return [one.pid for one in map(process, numbers) if one and one.session in sessions]


def end_workers(
    controller: bytes, meanwhile: Callable[[], None], timeout: float = WORKER_SECONDS
) -> None:
    """End what a killed controller left running, in order if it does so in time."""
    sessions = workers_of(controller)
    for session in sessions:
        _signal(session, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while members := members_of(sessions):
        if time.monotonic() >= deadline:
            for pid in members:
                _signal(pid, signal.SIGKILL)
        meanwhile()
        time.sleep(LOOK_SECONDS)


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


class Lock:
    """The lock of one stack, for one controller. ``ssm`` is a boto3 client."""

    def __init__(self, ssm: Any, stack: str, controller: Process, what: str) -> None:
        self._ssm = ssm
        self._stack = stack
        self._name = f"/chatlift/{stack}/lock"
        self._token = uuid.uuid4().hex
        keeper = process(os.getpid())
        self._controller = controller
        self._value = {
            "token": self._token,
            "by": f"{getpass.getuser()}@{socket.gethostname()}",
            "what": what,
            "since": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC"),
            "machine": machine(),
            "controller": controller.id,
            "keeper": keeper.id if keeper else [0, ""],
        }

    def acquire(self, say: Callable[[str], None]) -> bool:
        """Take the lock; False when this controller has it already.

        Waits for a lock that may be old, and tells ``say`` so.

        Raises:
            LockError: Somebody else has it.
        """
        watched: tuple[str, int] | None = None
        since = time.monotonic()
        taken_over = False
        while not self._create():
            holder, version = self._read()
            if not holder:
                continue
            if holder["token"] == self._token:
                break
            here = bool(holder["machine"]) and holder["machine"] == self._value["machine"]
            if here and holder["controller"] == self._controller.id:
                return False
            if watched is None or watched[0] != holder["token"]:
                watched, since = (holder["token"], version), time.monotonic()
                if not (here and lives(holder["controller"])):
                    say(f"{self._describe(holder)}. Waiting to see whether it still goes on.")
            if here and lives(holder["controller"]):
                raise self._refusal(holder)
            ending = here and lives(holder["keeper"])
            if not here and version != watched[1]:
                raise self._refusal(holder)
            gone = here and not ending
            if gone or (not ending and time.monotonic() - since > EXPIRY_SECONDS):
                self._remove(version)
                taken_over = True
                continue
            time.sleep(LOOK_SECONDS)
        if taken_over:
            time.sleep(SETTLE_SECONDS)
            holder, _version = self._read()
            if holder and holder["token"] != self._token:
                raise self._refusal(holder)
        return True

    def renew(self) -> dict[str, Any] | None:
        """Show that the holder lives. Returns the new holder if it was taken away, else None."""
        holder, _version = self._read()
        if not holder:
            self._create()
        elif holder["token"] != self._token:
            return holder
        else:
            self._ssm.put_parameter(
                Name=self._name, Value=json.dumps(self._value), Type="String", Overwrite=True
            )
        return None

    def release(self) -> None:
        _holder, version = self._read()
        if _holder.get("token") == self._token:
            self._remove(version)

    def lost(self, holder: dict[str, Any]) -> str:
        return (
            f"{self._describe(holder)}, for this run had not renewed its lock for"
            f" {EXPIRY_SECONDS:g} s. Was this machine suspended? This run ends; run it again later."
        )

    def _create(self) -> bool:
        try:
            self._ssm.put_parameter(
                Name=self._name,
                Value=json.dumps(self._value),
                Type="String",
                Description="Who changes the stack at the moment",
                Overwrite=False,
                Tags=[
                    {"Key": "Name", "Value": self._name},
                    {"Key": "chatlift:stack", "Value": self._stack},
                ],
            )
        except self._ssm.exceptions.ParameterAlreadyExists:
            return False
        return True

    def _read(self) -> tuple[dict[str, Any], int]:
        """Who has it, and the number of this renewal; nobody is an empty dictionary."""
        try:
            found = self._ssm.get_parameter(Name=self._name)["Parameter"]
        except self._ssm.exceptions.ParameterNotFound:
            return {}, 0
        return json.loads(found["Value"]), found["Version"]

    def _remove(self, version: int) -> None:
        """Delete the lock as it was seen; one that was renewed since stays."""
        _holder, now = self._read()
        if now == version:
            with suppress(self._ssm.exceptions.ParameterNotFound):
                self._ssm.delete_parameter(Name=self._name)

    def _refusal(self, holder: dict[str, Any]) -> LockError:
        return LockError(
            f"{self._describe(holder)}. Two runs at once would undo each other's work: wait until"
            f" that one has ended, then run this again."
        )

    def _describe(self, holder: dict[str, Any]) -> str:
        return (
            f"The stack {self._stack} is being changed by {holder['by']} ({holder['what']},"
            f" process {holder['controller'][0]}) since {holder['since']}"
        )


class Keeper:
    """Keeps an acquired lock until its controller has ended."""

    def __init__(self, lock: Lock, controller: Process, errors: type[Exception]) -> None:
        self._lock = lock
        self._controller = controller
        self._errors = errors
        self._image = image(controller.pid)
        self._renewed = time.monotonic()

    def keep(self) -> None:
        """Returns when the controller and all that it began have ended, and the lock is free."""
        while lives(self._controller.id):
            self._renew()
            time.sleep(LOOK_SECONDS)
        if self._image:
            end_workers(self._image, self._renew)
        # What cannot be deleted now expires.
        with suppress(self._errors):
            self._lock.release()

    def _renew(self) -> None:
        if time.monotonic() - self._renewed < RENEW_SECONDS:
            return
        # A renewal that failed is tried again with the next look.
        with suppress(self._errors):
            holder = self._lock.renew()
            self._renewed = time.monotonic()
            if holder:
                _tell(self._controller.pid, self._lock.lost(holder))
                _signal(self._controller.pid, signal.SIGINT)
                sys.exit(1)  # pylint: disable=ansible-bad-function


def _tell(pid: int, sentence: str) -> None:
    """Write to the standard error of another process, where its operator looks."""
    with suppress(OSError), (PROC / str(pid) / "fd/2").open("a") as error:
        error.write(f"\n{sentence}\n")


def main() -> None:
    """Read from standard input what to lock; answer in JSON, a line each; then keep the lock.

    A line has ``waiting`` (a sentence), ``failed`` (a sentence; the last line) or ``held``.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    request = json.loads(sys.stdin.readline())
    controller = process(request["controller"])

    def answer(**line: Any) -> None:
        print(json.dumps(line), flush=True)  # pylint: disable=ansible-bad-function

    if controller is None:
        return
    try:
        ssm = boto3.client(
            "ssm",
            region_name=request["region"],
            config=Config(
                connect_timeout=5,
                read_timeout=10,
                retries={"mode": "standard", "max_attempts": 8},
            ),
        )
        lock = Lock(ssm, request["stack"], controller, request["what"])
        taken = lock.acquire(lambda sentence: answer(waiting=sentence))
    except LockError as error:
        answer(failed=str(error))
        return
    except (BotoCoreError, ClientError) as error:
        answer(failed=f"The lock of the stack {request['stack']} cannot be taken: {error}")
        return
    answer(held=True)
    # Whoever reads the answer must not wait for the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if taken:
        Keeper(lock, controller, (BotoCoreError, ClientError)).keep()  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
