"""How long site.yml takes: beside the waits that it cannot avoid, and when nothing is to change.

    python -m tests.bench.site [--rounds 3] [--factor 1.0] [--without-edge]

Each round has an emulated account of its own, in which nothing runs: images are there, and
instances obey at once. AWS's delays are switched on for the first run, times the factor; at 1.0 it
takes 12 minutes. A smaller factor is for trying things out: what the run itself does weighs more.

    python -m tests.bench.site --rehearsal [--rounds 3]

measures runs that change nothing on the stack that ``make rehearse`` makes. Calls are not counted
there, for instances make some as well.
"""

from __future__ import annotations

import argparse
import re
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from chatlift_rehearsal.emulator import delays
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.integration.ansible import WITH_EDGE, WITHOUT_EDGE, Outcome, run_playbook
from tests.integration.cloud import Cloud

IMAGES = ("node", "redis", "mysql")
CHAIN = re.compile(r"^(?P<links>\S.* s): (?P<seconds>\d+) s\. The run took", re.MULTILINE)
LONGEST = 3600  # seconds of one run


@dataclass(frozen=True)
class Run:
    """One run: its seconds, those of its processors, the results of its tasks, and calls."""

    seconds: float
    processor: float
    results: int
    calls: Counter[str] = field(default_factory=Counter)
    chain: str = ""
    chain_seconds: int = 0

    @property
    def ratio(self) -> float:
        """How much longer it took than the waits that it could not avoid."""
        return self.seconds / self.chain_seconds if self.chain_seconds else 0.0


class Account:
    """An emulated account, and the playbooks run in it."""

    def __init__(self, variables: dict[str, Any], programs: Path) -> None:
        self.cloud = Cloud()
        self._variables = {"chatlift_environment": self.cloud.environment, **variables}
        self._programs = programs

    def play(self, name: str, *arguments: str) -> Outcome:
        return _play(name, *arguments, variables=self._variables, first_in_path=self._programs)

    def bake(self) -> None:
        """Images that are up to date: nobody is there whom Packer could reach."""
        planned = self.play("bake", "--check")
        for name in IMAGES:
            found = planned.result(f"image-{name}", "Bake the image")
            self.cloud.bake(name, found["fingerprint"])

    def site(self) -> Run:
        before = self.cloud.counted()
        run = _measure(lambda: self.play("site"))
        return Run(**{**vars(run), "calls": self.cloud.counted() - before})


def _play(name: str, *arguments: str, **options: Any) -> Outcome:
    outcome = run_playbook(name, *arguments, timeout=LONGEST, **options)
    if outcome.code:
        said = "\n".join(outcome.messages) or outcome.text
        raise SystemExit(f"{name}.yml failed:\n{said}")
    return outcome


def _measure(play: Callable[[], Outcome]) -> Run:
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    outcome = play()
    seconds = time.monotonic() - began
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    shown = CHAIN.search(outcome.text)
    return Run(
        seconds=seconds,
        processor=now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime,
        results=sum(host["ok"] for host in outcome.stats.values()),
        chain=shown["links"] if shown else "",
        chain_seconds=int(shown["seconds"]) if shown else 0,
    )


def rounds_by_itself(
    rounds: int, factor: float, variables: dict[str, Any], console: Console
) -> dict[str, list[Run]]:
    """In each round a stack is made in an empty account; then twice nothing changes."""
    first: list[Run] = []
    unchanged: list[Run] = []
    with tempfile.TemporaryDirectory() as directory:
        programs = Path(directory)
        packer = programs / "packer"
        packer.write_text("#!/bin/sh\necho Packer v1.11.2\n")
        packer.chmod(0o755)
        for number in range(1, rounds + 1):
            account = Account(variables, programs)
            account.bake()
            account.cloud.delays(factor)
            first.append(account.site())
            delays.use(delays.Delays())
            unchanged += [account.site(), account.site()]
            account.cloud.end()
            console.print(
                f"round {number}: {first[-1].chain}: {first[-1].chain_seconds} s;"
                f" the run took {first[-1].seconds:.1f} s, {first[-1].ratio:.2f} times that"
            )
    return {"makes all": first, "changes nothing": unchanged}


def rounds_on_the_rehearsal(rounds: int) -> dict[str, list[Run]]:
    """Runs that change nothing, on the stack that is there."""
    return {"changes nothing": [_measure(lambda: _play("site")) for _ in range(rounds)]}


def report(runs: dict[str, list[Run]], console: Console) -> None:
    """Print medians, and the calls of a run that changes nothing."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("a run that")
    for column in ("s", "lowest", "highest", "processor s", "tasks", "calls", "/ chain", "highest"):
        table.add_column(column, justify="right")
    for name, measured in runs.items():
        seconds, ratios = [run.seconds for run in measured], [run.ratio for run in measured]
        calls = [run.calls.total() for run in measured]
        table.add_row(
            name,
            *(f"{value:.1f}" for value in (median(seconds), min(seconds), max(seconds))),
            f"{median(run.processor for run in measured):.1f}",
            f"{median(run.results for run in measured):.0f}",
            f"{median(calls):.0f}" if any(calls) else "",
            *(f"{value:.2f}" if any(ratios) else "" for value in (median(ratios), max(ratios))),
        )
    console.print(table, "Medians. Tasks are results of tasks, one for each host.")
    services: Counter[str] = Counter()
    for name, count in runs["changes nothing"][-1].calls.items():
        services[name.partition(" ")[0]] += count
    if services:
        listed = ", ".join(f"{service} {count}" for service, count in services.most_common())
        console.print(f"Calls of a run that changes nothing: {listed}.")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="how often (default 3)")
    parser.add_argument("--factor", type=float, default=1.0, help="of AWS's delays (default 1)")
    parser.add_argument("--without-edge", action="store_true", help="without a domain")
    parser.add_argument("--rehearsal", action="store_true", help="on the rehearsal's stack")
    chosen = parser.parse_args()
    console = Console(width=max(120, Console().width))
    if chosen.rehearsal:
        report(rounds_on_the_rehearsal(chosen.rounds), console)
    else:
        variables = WITHOUT_EDGE if chosen.without_edge else WITH_EDGE
        report(rounds_by_itself(chosen.rounds, chosen.factor, variables, console), console)


if __name__ == "__main__":
    main()
