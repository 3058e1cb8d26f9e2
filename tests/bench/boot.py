"""How large the images are, and how soon an instance of each is in service.

    python -m tests.bench.boot [--rounds 5]

It needs the stack that ``make rehearse`` makes. Instances are terminated one after the other, but
no leader; their groups launch others, whose activities say how long that took: from the launch to
InService. The journal of the launched instance says what the time was spent on.
"""

from __future__ import annotations

import argparse
import json
import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.e2e.stack import Instance, Stack, rehearsal, wait_for

IMAGES = {"app": "node", "redis": "redis", "mysql": "mysql"}
STEPS = {
    "systemd": "the first line of the journal",
    "agent": "This is ",
    "prepare": "Preparing.",
    "start": "Starting.",
    "join": "Joining.",
}
"""What the beginning of each step says, in order; what follows the last one is the joining."""

IN_SERVICE = 600  # seconds
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Size:
    """Bytes of the files of an image."""

    whole: int
    own: int
    """Without those of the source image that it leaves as they are."""


@dataclass(frozen=True)
class Boot:
    """Seconds from the launch until each step began, and until the instance was in service."""

    steps: dict[str, float]
    in_service: float


def measure_size(image_id: str) -> Size:
    """The size of an image whose layers the rehearsal keeps."""
    home = Path(os.environ.get("REHEARSAL_HOME") or "/var/lib/chatlift-rehearsal")
    description = json.loads((home / "cache/images" / image_id / "image.json").read_text())
    files: dict[str, int] = {}
    own = 0
    for layer in reversed(description["layers"]):
        own = 0
        root = home / "cache" / layer
        for path in root.rglob("*"):
            name, state = str(path.relative_to(root)), path.lstat()
            if stat.S_ISCHR(state.st_mode) and state.st_rdev == 0:  # a whiteout: removed here
                for gone in [n for n in files if n == name or n.startswith(f"{name}/")]:
                    del files[gone]
            elif stat.S_ISREG(state.st_mode):
                files[name] = state.st_size
                own += state.st_size
    return Size(sum(files.values()), own)


def measure_boot(stack: Stack, tier: str) -> Boot:
    """Terminate an instance of the tier, and see another one into service."""
    lost = next(i for i in stack.instances(tier) if tier == "app" or i.role == "replica")
    group = f"chatlift-{stack.name}-{lost.name if lost.volume_id else tier}"
    autoscaling = stack.client("autoscaling")
    known = {activity["ActivityId"] for activity in _activities(autoscaling, group)}
    autoscaling.terminate_instance_in_auto_scaling_group(
        InstanceId=lost.id, ShouldDecrementDesiredCapacity=False
    )

    def launched() -> dict[str, Any] | None:
        for activity in _activities(autoscaling, group):
            new = activity["ActivityId"] not in known
            if new and activity["Description"].startswith("Launching"):
                return activity if activity["StatusCode"] == "Successful" else None
        return None

    activity = wait_for(f"the successor of {lost.name} to be in service", launched, IN_SERVICE)
    start, end = activity["StartTime"], activity["EndTime"]
    wait_for("the tier to be whole", lambda: _is_whole(stack, tier, lost), IN_SERVICE)
    instance_id = activity["Description"].rpartition(" ")[2]
    return Boot(_steps(instance_id, start), (end - start).total_seconds())


def _activities(autoscaling: Any, group: str) -> list[dict[str, Any]]:
    found = autoscaling.describe_scaling_activities(AutoScalingGroupName=group)["Activities"]
    return list(found)


def _is_whole(stack: Stack, tier: str, lost: Instance) -> bool:
    instances = stack.instances(tier)
    good = [i for i in instances if i.role in ("app", "primary", "replica")]
    return len(good) == len(instances) and lost.id not in {i.id for i in instances}


def _steps(instance_id: str, start: datetime) -> dict[str, float]:
    """Seconds from ``start`` until the lines of `STEPS` stand in the instance's journal."""
    journal = rehearsal("ssh", instance_id, "journalctl -b -o json --output-fields=MESSAGE")
    entries = [json.loads(line) for line in journal.splitlines()]
    first = entries[0]
    steps = {}
    for step, text in STEPS.items():
        said = (e for e in entries if str(e.get("MESSAGE", "")).startswith(text))
        entry = first if step == "systemd" else next(said)
        steps[step] = int(entry["__REALTIME_TIMESTAMP"]) / 1e6 - start.timestamp()
    return steps


def report(boots: dict[str, list[Boot]], sizes: dict[str, Size], console: Console) -> None:
    """Print the sizes, and the medians of the rounds."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("image")
    for column in ("MiB", "own MiB", *STEPS, "in service", "lowest", "highest"):
        table.add_column(column, justify="right")
    for tier, rounds in boots.items():
        seconds = [boot.in_service for boot in rounds]
        size = sizes[tier]
        table.add_row(
            IMAGES[tier],
            *(f"{bytes_ / MEBIBYTE:.0f}" for bytes_ in (size.whole, size.own)),
            *(f"{median(boot.steps[step] for boot in rounds):.1f}" for step in STEPS),
            *(f"{value:.1f}" for value in (median(seconds), min(seconds), max(seconds))),
        )
    console.print(table, "Seconds since the launch: medians; of the last, all rounds' range.")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stack", default="demo")
    parser.add_argument("--rounds", type=int, default=5, help="instances a tier (default 5)")
    chosen = parser.parse_args()
    stack, console = Stack(chosen.stack), Console(width=max(120, Console().width))
    sizes = {tier: measure_size(stack.instances(tier)[0].image_id) for tier in IMAGES}
    boots: dict[str, list[Boot]] = {tier: [] for tier in IMAGES}
    for number in range(1, chosen.rounds + 1):
        for tier, rounds in boots.items():
            rounds.append(measure_boot(stack, tier))
            console.print(f"round {number}: {IMAGES[tier]} {rounds[-1].in_service:.1f} s")
    report(boots, sizes, console)


if __name__ == "__main__":
    main()
