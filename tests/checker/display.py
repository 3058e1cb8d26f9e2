"""The report for people: tables, and a time line as wide as the terminal."""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Iterator, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tests.checker.journal import ACKNOWLEDGED, DELIVERED, REGISTERED, WAIT
from tests.checker.report import FIGURES, Report, with_defaults, written

BARS = " ▁▂▃▄▅▆▇█"
STEADY = (ACKNOWLEDGED, DELIVERED, REGISTERED)
"""Rows in which it is the low values that matter."""

SHOWN = 5
"""Faults of a kind; all of them are in the JSON."""


def show(report: Report, limits: Mapping[str, float], console: Console) -> None:
    """Print all of it."""
    console.print(
        f"{report.url} for {report.seconds:.0f} s from {report.started}: {report.clients} clients "
        f"in rooms of {report.room_size}, {report.rate:g} messages/s due",
        highlight=False,
    )
    console.print(_figures(report, limits), _latencies(report))
    console.print(timeline(report, console.width))
    for letter, note in zip(_letters(), report.notes, strict=False):
        console.print(f"{letter}, second {note.second:.1f}: {escape(note.text)}", highlight=False)
    console.print(
        f"The checker took {report.checker_cores:.2f} cores, and was late by up to "
        f"{report.checker_stall:.2f} s.\n",
        highlight=False,
    )
    for figure, sentences in report.faults.items():
        if sentences:
            console.print(f"[bold]{FIGURES[figure].label}[/]: {len(sentences)}", highlight=False)
        for sentence in sentences[:SHOWN]:
            console.print(f"  {escape(sentence)}", highlight=False)
        if len(sentences) > SHOWN:
            console.print(f"  … and {len(sentences) - SHOWN} more")


def _figures(report: Report, limits: Mapping[str, float]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("limit", justify="right")
    table.add_column("where")
    allowed = with_defaults(limits)
    for name, meaning in FIGURES.items():
        figure, limit = report.figures[name], allowed.get(name)
        style = "" if limit is None else "red" if figure.value > limit else "green"
        table.add_row(
            meaning.label,
            Text(written(figure.value, meaning), style),
            "-" if limit is None else written(limit, meaning),
            escape(figure.where) if figure.value else "",
        )
    return table


def _latencies(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("seconds until")
    for column in ("count", "a second", "median", "90 %", "99 %", "longest"):
        table.add_column(column, justify="right")
    for what, spread in sorted(report.latencies.items()):
        times = (spread.p50, spread.p90, spread.p99, spread.longest)
        rate = f"{spread.count / report.seconds:.1f}"
        table.add_row(what, str(spread.count), rate, *(f"{value:.3f}" for value in times))
    return table


def timeline(report: Report, width: int) -> Table:
    """A row of bars for each row of the time line, its lowest and highest value beside it.

    Where a bar stands for several seconds it shows the worst of them.
    """
    seconds = max(len(values) for values in report.timeline.values())
    per_bar = max(1, math.ceil(seconds / max(10, width - 40)))
    table = Table(box=None, pad_edge=False)
    table.add_column(f"{per_bar} s a bar", style="bold")
    table.add_column(f"0 to {seconds} s", no_wrap=True)
    table.add_column("lowest", justify="right")
    table.add_column("highest", justify="right")
    for row, values in report.timeline.items():
        worst = min if row in STEADY else max
        bars = [worst(values[n : n + per_bar]) for n in range(0, seconds, per_bar)]
        digits = 2 if row == WAIT else 0
        whole = values[: int(report.seconds)]  # those in which something was due all the time
        extremes = (min(whole, default=0), max(values))
        table.add_row(row, _bars(bars), *(f"{value:.{digits}f}" for value in extremes))
    if report.notes:
        marks = [" "] * math.ceil(seconds / per_bar)
        for letter, note in zip(_letters(), report.notes, strict=False):
            marks[min(int(note.second / per_bar), len(marks) - 1)] = letter
        table.add_row("notes", "".join(marks))
    return table


def _bars(values: Sequence[float]) -> str:
    """As high as the value among all of them; what is not nothing is seen."""
    highest = max(values) or 1
    return "".join(BARS[math.ceil(value / highest * (len(BARS) - 1))] for value in values)


def _letters() -> Iterator[str]:
    return itertools.cycle(string.ascii_lowercase)
