"""What clients notice while every tier gets other instances, one tier after the other.

    python -m tests.bench.rolling [--rounds 3] [--clients 1000] [--rate 200] [--tiers app,mysql]
                                  [--one-by-one]

It needs the stack that ``make rehearse`` makes. In each round every tier is replaced by
``rolling_deploy.yml``, under a check of its own: the application's instances by others with a
setting changed, Redis and MySQL though they are up to date. Clients talk in rooms of ten. The
checker takes its share of this machine, and says how late it came to send: gaps below that are its
own. While members are replaced, `tests.e2e.writers` writes to them without the application.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import isnan, nan
from statistics import median
from typing import Any

from chatlift_rehearsal.settings import SERVICE_ADDRESS
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.checker.process import checking
from tests.checker.report import Report
from tests.e2e.releases import ROLL, other_monitoring
from tests.e2e.stack import Stack
from tests.e2e.visitor import AUTHORITY
from tests.e2e.writers import Writes, writing

TIERS = ("app", "redis", "mysql")
ONE_BY_ONE = {
    "app_tier_max_healthy_percentage": 134,
    "app_tier_roll_checkpoints": [33, 66, 100],
    "app_tier_roll_checkpoint_delay": 60,
}
"""Of three instances, each when the clients of the one before have come back. Some of these came
to an instance that was yet to be replaced, and have to move again. Without it, all new ones are
there before the first old one goes."""

COLUMNS = {
    "failed_requests": "failed requests",
    "lost": "lost messages",
    "lost_accounts": "lost accounts",
    "reconnects": "reconnects a client",
    "message_gap": "room's gap s",
    "message_wait": "message's wait s",
    "account_gap": "account gap s",
    "account_wait": "account's wait s",
}
DIRECT = {"redis": "shard's write gap s", "mysql": "MySQL's write gap s"}
LATE = "checker late s"


@dataclass(frozen=True)
class Run:
    """One tier replaced: its playbook's seconds, and what checker and writers have found."""

    seconds: float
    report: Report
    writes: Writes

    def figures(self) -> dict[str, float]:
        """By the columns' names; not a number where nobody looked."""
        found = {name: self.report[key] for key, name in COLUMNS.items()}
        direct = {name: self.writes.gaps.get(tier, nan) for tier, name in DIRECT.items()}
        return {"seconds": self.seconds, **found, **direct, LATE: self.report.checker_stall}


def roll(stack: Stack, tier: str, chosen: argparse.Namespace, number: int) -> Run:
    """Replace a tier while everybody talks."""
    variables: dict[str, Any] = {"replace_always": True, **ROLL}
    if chosen.one_by_one:
        variables |= ONE_BY_ONE
    if tier == "app":
        variables["app_tier_detailed_monitoring"] = other_monitoring(stack)
        variables["app_tier_image_id"] = stack.instances("app")[0].image_id
    people = ("--clients", f"{chosen.clients}", "--rate", f"{chosen.rate:g}", "--ramp", "50")
    others = ("--requests", "5", "--registrations", "2")
    place = ("--ca", str(AUTHORITY), "--resolver", SERVICE_ADDRESS)
    with ExitStack() as observers:
        check = observers.enter_context(checking(stack.url(), *place, *people, *others))
        # From an instance of the application, which therefore has to stay.
        writes = observers.enter_context(writing(stack)) if tier != "app" else Writes({}, [])
        check.note(f"round {number}: {tier}")
        began = time.monotonic()
        stack.run_playbook(
            *("playbooks/rolling_deploy.yml", "--limit", tier, "-e", json.dumps(variables))
        )
        seconds = time.monotonic() - began
        check.note(f"{tier} has been replaced")
    return Run(seconds, check.report, writes)


def report(runs: Mapping[str, list[Run]], console: Console) -> None:
    """Print each tier's median of every figure, and the worst."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("tier")
    for column in ("seconds", *COLUMNS.values(), *DIRECT.values(), LATE):
        table.add_column(column, justify="right")
    for tier, measured in runs.items():
        figures = [run.figures() for run in measured]
        table.add_row(tier, *(_median_and_worst([f[name] for f in figures]) for name in figures[0]))
    console.print(table, "Medians; after the slash the worst round, where it differs.")
    for tier, measured in runs.items():
        limits = {"failed_requests": 0, "reconnects": int(tier == "app")}
        for run in measured:
            for sentence in (*run.report.exceeded(limits), *run.writes.lost):
                console.print(f"{tier}: {sentence}", markup=False, highlight=False)


def _median_and_worst(values: list[float]) -> str:
    middle, worst = (_shown(value) for value in (median(values), max(values)))
    return middle if middle == worst else f"{middle} / {worst}"


def _shown(value: float) -> str:
    if isnan(value):
        return "-"
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stack", default="demo")
    parser.add_argument("--rounds", type=int, default=3, help="how often (default 3)")
    parser.add_argument("--clients", type=int, default=1000, help="who talk (default 1000)")
    parser.add_argument("--rate", type=float, default=200, help="messages a second (default 200)")
    parser.add_argument("--tiers", default=",".join(TIERS), help="in this order (default: all)")
    parser.add_argument(
        "--one-by-one", action="store_true", help="the application's instances one after the other"
    )
    chosen = parser.parse_args()
    console, stack = Console(width=max(160, Console().width)), Stack(chosen.stack)
    runs: dict[str, list[Run]] = {tier: [] for tier in chosen.tiers.split(",")}
    for number in range(1, chosen.rounds + 1):
        for tier, measured in runs.items():
            run = roll(stack, tier, chosen, number)
            measured.append(run)
            figures = (f"{name} {value:.4g}" for name, value in run.figures().items())
            console.print(f"round {number}: {tier}: {', '.join(figures)}")
    report(runs, console)


if __name__ == "__main__":
    main()
