"""What a check has found, as figures with limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.checker.measures import Spread


@dataclass(frozen=True)
class Meaning:
    """What a figure is. ``limit`` holds unless another is given; None: any value will do."""

    label: str
    unit: str = ""
    limit: float | None = None


FIGURES: Mapping[str, Meaning] = {
    "failed_requests": Meaning("failed HTTP requests"),
    "reconnects": Meaning("reconnects, the client with the most"),
    "failed_connections": Meaning("failed attempts to connect"),
    "delivery_gap": Meaning("longest gap without delivery, of a client", "s"),
    "silence": Meaning("longest gap without delivery, of all clients together", "s"),
    "message_wait": Meaning("longest wait until a message was acknowledged", "s"),
    "message_gap": Meaning("longest gap between acknowledgements in a room", "s"),
    "account_wait": Meaning("longest wait until an account was registered", "s"),
    "account_gap": Meaning("longest gap between registrations", "s"),
    "unacknowledged": Meaning("messages never acknowledged"),
    "lost": Meaning("acknowledged messages lost", limit=0),
    "duplicates": Meaning("messages that came twice", limit=0),
    "reordered": Meaning("messages that came after a later one", limit=0),
    "strays": Meaning("messages that nobody in the room had sent", limit=0),
    "lost_accounts": Meaning("registered accounts lost", limit=0),
}
"""Every figure, by the name it has in the report and in ``--max-…``."""


@dataclass(frozen=True)
class Figure:
    """A value, and the sentence that tells where and when."""

    value: float
    where: str = ""


@dataclass(frozen=True)
class Note:
    """Something that whoever ran the check has noted, and the second of the check it was."""

    second: float
    text: str


@dataclass(frozen=True)
class Report:
    """The outcome of one check.

    ``seconds`` are those in which messages were due; the second in every other place counts from
    ``started`` (ISO 8601, UTC). ``timeline`` has one value a second and row. ``faults`` are
    sentences by the figure that counts them. ``checker_cores`` is the CPU time the checker itself
    took a second, ``checker_stall`` the longest time (s) it came too late to send: gaps below that
    are its own.
    """

    url: str
    started: str
    seconds: float
    clients: int
    room_size: int
    rate: float
    figures: dict[str, Figure]
    totals: dict[str, float]
    latencies: dict[str, Spread]
    timeline: dict[str, list[float]]
    notes: list[Note]
    faults: dict[str, list[str]]
    checker_cores: float
    checker_stall: float

    def __getitem__(self, figure: str) -> float:
        """The value of one of `FIGURES`."""
        return self.figures[figure].value

    def exceeded(self, limits: Mapping[str, float] | None = None) -> list[str]:
        """A sentence for each figure above its limit; see `with_defaults`."""
        sentences = []
        for name, limit in with_defaults(limits or {}).items():
            figure, meaning = self.figures[name], FIGURES[name]
            if figure.value > limit:
                label = meaning.label[0].upper() + meaning.label[1:]
                value, most = written(figure.value, meaning), written(limit, meaning)
                sentences.append(
                    f"{label}: {value}, and {most} is the limit. {figure.where}".strip()
                )
        return sentences

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Report:
        """Read what `save` has written."""
        data: dict[str, Any] = json.loads(path.read_text())
        data["figures"] = {name: Figure(**value) for name, value in data["figures"].items()}
        data["latencies"] = {name: Spread(**value) for name, value in data["latencies"].items()}
        data["notes"] = [Note(**note) for note in data["notes"]]
        return cls(**data)


def with_defaults(limits: Mapping[str, float]) -> dict[str, float]:
    """The limits given, and those that hold without being given; raises KeyError."""
    unknown = set(limits) - set(FIGURES)
    if unknown:
        raise KeyError(f"{', '.join(sorted(unknown))}: the figures are {', '.join(FIGURES)}.")
    usual = {name: m.limit for name, m in FIGURES.items() if m.limit is not None}
    return {**usual, **limits}


def written(value: float, meaning: Meaning) -> str:
    """A figure as people read it."""
    return f"{value:.2f} {meaning.unit}" if meaning.unit else f"{value:.0f}"
