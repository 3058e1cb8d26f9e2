"""Stand-ins for what an app instance shares with the others, and for its own systemd."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from chatlift_member.coordinator import Lease
from chatlift_member.errors import AgentError
from chatlift_member.mysql_server import SqlError
from chatlift_member.release_book import LEASE_SECONDS, Run, State
from member_factory import Clock

DOWN = SqlError("No MySQL primary answers: mysql-a1 is not the primary.")


@dataclass
class Stack:
    """The schema on the primary: leases and runs with the moment they expire."""

    clock: Clock
    leases: dict[str, tuple[Lease, float]] = field(default_factory=dict)
    runs: dict[str, tuple[Run, float]] = field(default_factory=dict)
    down: bool = False
    loses_answers: int = 0
    """How many statements are carried out, although their answer is lost."""

    def ask(self) -> None:
        if self.down:
            raise DOWN

    def answer(self) -> None:
        if self.loses_answers:
            self.loses_answers -= 1
            raise SqlError("MySQL on mysql-a1 refused (Lost connection).")


@dataclass
class Place:
    """A `Coordinator` of the instance ``me``."""

    stack: Stack
    me: str

    def hold(self, name: str, seconds: int) -> Lease:
        self.stack.ask()
        held = self.stack.leases.get(name)
        if not held or held[0].holder == self.me or held[1] <= self.stack.clock.now:
            lease = Lease(name, self.me, f"address of {self.me}", live=True)
            held = self.stack.leases[name] = (lease, self.stack.clock.now + seconds)
        self.stack.answer()
        return held[0]

    def leases(self, pattern: str) -> list[Lease]:
        self.stack.ask()
        prefix = pattern.removesuffix("%")
        return [
            replace(lease, live=expires > self.stack.clock.now)
            for lease, expires in self.stack.leases.values()
            if lease.name.startswith(prefix)
        ]

    def release(self, name: str) -> None:
        self.stack.ask()
        if name in self.stack.leases and self.stack.leases[name][0].holder == self.me:
            del self.stack.leases[name]


@dataclass
class Book:
    """A `ReleaseBook` of the instance ``me``."""

    stack: Stack
    me: str
    release: str = "ami-1"

    def look(self) -> Run | None:
        self.stack.ask()
        if self.release not in self.stack.runs:
            return None
        run, expires = self.stack.runs[self.release]
        return replace(run, live=run.state == "running" and expires > self.stack.clock.now)

    def claim(self, cut_short: Run | None) -> None:
        now = self.look()
        expires = self.stack.clock.now + LEASE_SECONDS
        if now is None or (
            cut_short and (now.state, now.attempt) == ("running", cut_short.attempt)
        ):
            attempt = now.attempt + 1 if now else 1
            run = Run("running", self.me, attempt, "2026-01-02 03:04:05", live=True)
            self.stack.runs[self.release] = (run, expires)
        self.stack.answer()

    def renew(self, attempt: int) -> None:
        run = self.look()
        if run and (run.state, run.holder, run.attempt) == ("running", self.me, attempt):
            self.stack.runs[self.release] = (run, self.stack.clock.now + LEASE_SECONDS)

    def end(self, attempt: int, state: State) -> None:
        run = self.look()
        if run and (run.state, run.holder, run.attempt) == ("running", self.me, attempt):
            self.stack.runs[self.release] = (replace(run, state=state), 0)


@dataclass
class Host:
    """Systemd on one instance; writes down what is asked of it."""

    clock: Clock = field(default_factory=Clock)
    done: list[str] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    fails: str = ""
    """What cannot be done, such as ``stop chatlift-app@1.service``."""
    command_seconds: float = 0
    command_code: int = 0
    shown: dict[str, str] = field(
        default_factory=lambda: {
            "ActiveState": "inactive",
            "Result": "success",
            "ExecMainExitTimestampMonotonic": "0",
        }
    )

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what == self.fails:
            raise AgentError(f"systemctl {what} failed.")

    def start(self, unit: str, timeout: float = 0) -> None:
        self._do(f"start {unit}")
        self.running.add(unit)

    def stop(self, *units: str, timeout: float = 0) -> None:
        self._do(f"stop {' '.join(units)}")
        self.running -= set(units)

    def kill(self, unit: str, timeout: float = 0) -> None:
        self._do(f"kill {unit}")
        self.running.discard(unit)

    def restart(self, unit: str, timeout: float = 0) -> None:
        self._do(f"restart {unit}")

    def reload(self, unit: str, timeout: float = 0) -> None:
        self._do(f"reload {unit}")

    def is_active(self, unit: str) -> bool:
        return unit in self.running

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        return self.shown

    def begin(self, unit: str) -> Command:
        self._do(f"begin {unit}")
        return Command(self.clock, self.clock.now + self.command_seconds, self.command_code)


@dataclass
class Command:
    """A process that ends at a certain moment."""

    clock: Clock
    ends: float
    code: int

    def poll(self) -> int | None:
        return self.code if self.clock.now >= self.ends else None
