"""Who reaches which port in the stack: real attempts, from inside the instances.

    python -m tests.e2e.reachability

It needs the stack that ``make rehearse`` makes, and prints the table of attempts. A port that a
security group lets through and where nobody listens is ``closed``; what a group drops is ``-``.
"""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

from chatlift_rehearsal.settings import EDGE_SOURCE, SERVICE_ADDRESS
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.e2e.stack import Stack, rehearsal
from tests.e2e.vantage import inside

Design = Mapping[tuple[str, int], frozenset[str]]
Outcome = Literal["open", "closed", "-"]

TIERS: Design = {
    ("app", 8080): frozenset({"alb", "app"}),
    ("app", 8008): frozenset({"alb", "app"}),
    ("redis", 6379): frozenset({"app", "redis"}),
    ("redis", 16379): frozenset({"redis"}),
    ("redis", 26379): frozenset({"redis"}),
    ("redis", 8008): frozenset({"app", "redis"}),
    ("mysql", 3306): frozenset({"app", "mysql"}),
    ("mysql", 33061): frozenset({"mysql"}),
    ("mysql", 8008): frozenset({"app", "mysql"}),
}
DESIGN: Design = {("alb", 443): frozenset({"cloudfront"}), **TIERS}
"""The table of ports in docs/contracts.md: who may connect to each port that is open to anybody."""

NOBODY: Mapping[str, tuple[int, ...]] = {
    "alb": (80,),
    "app": (22, 3001, 3306, 6379, 13306, 16379),
    "redis": (22, 111, 3306),
    "mysql": (22, 111, 6379, 33060),
}
"""Ports of each tier that nobody may connect to; some of them are open on loopback."""

SECONDS = 2.0
ATTEMPTS_AT_ONCE = 32


@dataclass(frozen=True)
class Vantage:
    """Where an attempt comes from: an instance, or this machine with an address of its own."""

    address: str
    instance_id: str = ""

    def attempt(self, address: str, port: int) -> Outcome:
        """Try to connect."""
        place = inside(self.instance_id) if self.instance_id else nullcontext()
        with place, socket.socket() as client:
            client.settimeout(SECONDS)
            client.bind((self.address, 0))
            try:
                client.connect((address, port))
            except TimeoutError:
                return "-"
            except ConnectionRefusedError:
                return "closed"
            return "open"


def attempt_all(stack: Stack) -> dict[tuple[str, int], dict[str, Outcome]]:
    """The outcome of each source's attempt at each port, by tier and port."""
    balancers = json.loads(rehearsal("status", "--json"))["load_balancers"]
    nodes = next(b["addresses"] for b in balancers if b["name"] == f"chatlift-{stack.name}")
    tiers = {tier: stack.instances(tier) for tier in ("app", "redis", "mysql")}
    vantages = {
        # The rehearsal's own address is outside of the VPC, as a client is.
        "outside": Vantage(SERVICE_ADDRESS),
        "cloudfront": Vantage(EDGE_SOURCE),
        "alb": Vantage(nodes[0]),
        **{tier: Vantage(found[0].address, found[0].id) for tier, found in tiers.items()},
    }
    # Never the one that the attempt comes from.
    targets = {"alb": nodes[1], **{tier: found[-1].address for tier, found in tiers.items()}}
    forbidden = [(tier, port) for tier, several in NOBODY.items() for port in several]
    ports = [*DESIGN, *forbidden]
    with ThreadPoolExecutor(ATTEMPTS_AT_ONCE) as pool:
        attempts = {
            (tier, port, source): pool.submit(vantage.attempt, targets[tier], port)
            for tier, port in ports
            for source, vantage in vantages.items()
        }
        return {
            (tier, port): {source: attempts[tier, port, source].result() for source in vantages}
            for tier, port in ports
        }


def reached(outcomes: Mapping[str, Outcome]) -> frozenset[str]:
    """Those whose packets arrived."""
    return frozenset(source for source, outcome in outcomes.items() if outcome != "-")


def main() -> None:
    """Print the table, and end with an error if it is not the design."""
    stack = Stack("demo")
    outcomes = attempt_all(stack)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    sources = next(iter(outcomes.values()))
    for column in ("to", "port", *(f"from {source}" for source in sources), "as designed"):
        table.add_column(column, no_wrap=True)
    wrong = 0
    for (tier, port), row in outcomes.items():
        right = reached(row) == DESIGN.get((tier, port), frozenset())
        wrong += not right
        table.add_row(tier, str(port), *row.values(), "yes" if right else "[red]no[/]")
    Console(width=max(110, Console().width)).print(table)
    if wrong:
        sys.exit(f"{wrong} ports are open to others than those in docs/contracts.md.")


if __name__ == "__main__":
    main()
