"""How long a release takes from release.yml until the last instance serves it, beside containers.

    python -m tests.bench.deployment [--rounds 3]

It needs the stack that ``make rehearse`` makes. In each round the application's source is changed
and deployed: by an image of instances (``deploy.yml``), and by an image of containers on the same
hosts (see `tests.bench.containers`). Containers would be warmed up and drained for as long as
instances are: these are settings, and count for both.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.bench.containers import Containers, containers
from tests.bench.release import Application
from tests.e2e.releases import deploy, running
from tests.e2e.stack import Stack

STAGES = ("bake", "launch", "boot", "warm-up", "drain")
SHARED = ("warm-up", "drain")
PATH = "/api/ready"
Split = Mapping[str, float]
"""Seconds of each of `STAGES`."""


class Watch(threading.Thread):
    """Notes when the image was there, and of each instance of the application when it was first
    seen in each state, and last at all."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self._stack = stack
        self._ended = threading.Event()
        self._ec2 = stack.client("ec2")
        self._images = self._available()
        self.baked = 0.0
        self.first: dict[str, dict[str, float]] = defaultdict(dict)
        self.last: dict[str, float] = {}

    def run(self) -> None:
        """Look four times a second."""
        name = f"chatlift-{self._stack.name}-app"
        autoscaling, elb = self._stack.client("autoscaling"), self._stack.client("elbv2")
        target_group = elb.describe_target_groups(Names=[name])["TargetGroups"][0]
        arn = target_group["TargetGroupArn"]
        while not self._ended.wait(0.25):
            if not self.baked and self._available() - self._images:
                self.baked = time.monotonic()
            groups = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])
            now = time.monotonic()
            for one in groups["AutoScalingGroups"][0]["Instances"]:
                self.first[one["InstanceId"]].setdefault(one["LifecycleState"], now)
                self.last[one["InstanceId"]] = now
            health = elb.describe_target_health(TargetGroupArn=arn)
            for target in health["TargetHealthDescriptions"]:
                if target["TargetHealth"]["State"] == "healthy":
                    self.first[target["Target"]["Id"]].setdefault("healthy", now)

    def _available(self) -> set[str]:
        found = self._ec2.describe_images(
            Owners=["self"], Filters=[{"Name": "state", "Values": ["available"]}]
        )
        return {one["ImageId"] for one in found["Images"]}

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join()


def of_instances(stack: Stack, application: Application) -> Split:
    """Deploy a version in an image of instances."""
    before, watch = running(stack).keys(), Watch(stack)
    watch.start()
    began = time.monotonic()
    deploy(stack, chatlift_app_dir=str(application.directory))
    watch.end()
    new = [seen for one, seen in watch.first.items() if one not in before]
    launched = min(min(seen.values()) for seen in new)
    serving = max(seen["healthy"] for seen in new)
    leaving = min(
        at
        for one in before
        for state, at in watch.first[one].items()
        if state.startswith("Terminating")
    )
    gone = max(watch.last[one] for one in before)
    ends = (began, watch.baked, launched, serving, max(leaving, serving), gone)
    return {stage: ends[i + 1] - ends[i] for i, stage in enumerate(STAGES)}


def of_containers(stack: Stack, application: Application, made: Containers, same: Split) -> Split:
    """Deploy a version in an image of containers."""
    bake = made.build(application.directory)
    try:
        boot = made.start(stack.instances("app"), PATH)
    finally:
        made.stop()
    return {"bake": bake, "launch": 0, "boot": boot, **{name: same[name] for name in SHARED}}


def report(runs: Mapping[str, list[Split]], console: Console) -> None:
    """Print the medians of each stage, and the ratio of instances to containers."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("seconds, medians")
    for column in (*STAGES, "until the last serves", "in all"):
        table.add_column(column, justify="right")
    serving = {name: median(_serving(split) for split in splits) for name, splits in runs.items()}
    whole = {name: median(sum(split.values()) for split in s) for name, s in runs.items()}
    for name, splits in runs.items():
        stages = (median(split[stage] for split in splits) for stage in STAGES)
        figures: list[Any] = [*stages, serving[name], whole[name]]
        table.add_row(name, *(f"{figure:.1f}" for figure in figures))
    blank = [""] * len(STAGES)
    ratios = (values["instances"] / values["containers"] for values in (serving, whole))
    table.add_row("ratio", *blank, *(f"{ratio:.2f}" for ratio in ratios))
    console.print(table)


def _serving(split: Split) -> float:
    return sum(seconds for stage, seconds in split.items() if stage not in SHARED)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stack", default="demo")
    parser.add_argument("--rounds", type=int, default=3, help="how often (default 3)")
    chosen = parser.parse_args()
    console, stack = Console(width=max(110, Console().width)), Stack(chosen.stack)
    runs: dict[str, list[Split]] = {"instances": [], "containers": []}
    with (
        tempfile.TemporaryDirectory() as directory,
        containers(stack.instances("app")[0]) as made,
    ):
        application = Application(Path(directory))
        for number in range(1, chosen.rounds + 1):
            application.change_source()
            instances = of_instances(stack, application)
            runs["instances"].append(instances)
            application.change_source()
            runs["containers"].append(of_containers(stack, application, made, instances))
            shown = (f"{name} {sum(made[-1].values()):.0f} s" for name, made in runs.items())
            console.print(f"round {number}: {', '.join(shown)}")
    report(runs, console)


if __name__ == "__main__":
    main()
