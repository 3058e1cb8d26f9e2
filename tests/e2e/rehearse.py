"""The whole migration on this machine, as ``make rehearse`` runs it.

Starts the rehearsal, runs ``playbooks/site.yml``, sends a chat message from one application
instance to another, and prints what an operator wants to know next.

    python -m tests.e2e.rehearse [--redis-topology replicated]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from chatlift_rehearsal.settings import SERVICE_ADDRESS
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.e2e.conversation import exchange
from tests.e2e.stack import Stack
from tests.e2e.visitor import AUTHORITY

PLAY = re.compile(r"^PLAY \[(?P<name>.*?)\] \**$")
STACK = "demo"


class Stages:
    """Seconds a stage, in the order they ran."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what runs inside."""
        start = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - start


def run(command: list[str]) -> None:
    """Run a command whose output the person sees; end with its exit code when it fails."""
    code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(code)


def run_site(stages: Stages, redis_topology: str) -> None:
    """Run ``playbooks/site.yml``, show its output, and time each of its plays."""
    environment = dict(os.environ, ANSIBLE_FORCE_COLOR="1" if sys.stdout.isatty() else "0")
    process = subprocess.Popen(
        [
            "ansible-playbook",
            *("-i", "inventories/rehearsal"),
            "playbooks/site.yml",
            "-e",
            f"chatlift_redis_topology={redis_topology}",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    name, start = "", time.monotonic()
    assert process.stdout is not None
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        if match := PLAY.match(re.sub(r"\x1b\[[0-9;]*m", "", line.rstrip())):
            if name:
                stages.seconds[name] = time.monotonic() - start
            name, start = match["name"], time.monotonic()
    stages.seconds[name] = time.monotonic() - start
    if process.wait():
        sys.exit(process.returncode)


def report(stack: Stack, stages: Stages, console: Console) -> None:
    """Print the stack and the seconds each stage took."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("member", "role", "state", "address", "zone", "instance", "image", "volume"):
        table.add_column(column, no_wrap=True)
    for i in stack.instances():
        name = i.name if i.volume_id else i.tier
        table.add_row(
            name, i.role, i.state, i.address, i.zone[-1], i.id, i.image_id, i.volume_id or "-"
        )
    times = Table(box=SIMPLE_HEAD, pad_edge=False)
    times.add_column("stage")
    times.add_column("seconds", justify="right")
    for name, seconds in stages.seconds.items():
        if seconds >= 0.05:
            times.add_row(name, f"{seconds:.1f}")
    times.add_section()
    times.add_row("all", f"{sum(stages.seconds.values()):.1f}")
    console.print(table, times, f"The stack {stack.name} is at [bold]{stack.url()}[/].")
    console.print(f"Ask {SERVICE_ADDRESS} for its name, and trust the authority {AUTHORITY}.")


def main() -> None:
    """Rehearse, and end with the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--redis-topology", choices=["cluster", "replicated"], default="cluster")
    topology = parser.parse_args().redis_topology
    stages = Stages()
    with stages.stage("rehearsal up"):
        run(["rehearsal", "up"])
    run_site(stages, topology)
    stack = Stack(STACK, topology)
    with stages.stage("a chat message between two instances"):
        sender, receiver, text = asyncio.run(exchange(stack.url()))
    console = Console(width=max(150, Console().width))
    console.print(f"\n{sender} → {receiver}: {text!r}, received and stored.\n")
    report(stack, stages, console)


if __name__ == "__main__":
    main()
