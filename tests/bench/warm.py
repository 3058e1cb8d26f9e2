"""How soon the app tier is larger by an instance: launched, or taken from a warm pool.

    python -m tests.bench.warm [--rounds 5]

It needs the stack that ``make rehearse`` makes. What is told is what the group's activities say:
from the decision to InService. The rehearsal starts a machine faster than EC2 does; ``rehearsal up
--aws-delays`` gives both kinds of start the same 15 s more.
"""

from __future__ import annotations

import argparse
from statistics import median
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.e2e.stack import Stack, wait_for

KINDS = {"none": "launched", "stopped": "from the pool, stopped", "running": "… running"}
IN_SERVICE = 600  # seconds


class AppTier:
    """The group of the app tier, grown and shrunk by one."""

    def __init__(self, stack: Stack) -> None:
        self._groups = stack.client("autoscaling")
        self._name = f"chatlift-{stack.name}-app"
        self._usual = int(self._group()["DesiredCapacity"])

    def _group(self) -> dict[str, Any]:
        found = self._groups.describe_auto_scaling_groups(AutoScalingGroupNames=[self._name])
        return dict(found["AutoScalingGroups"][0])

    def _pool(self) -> dict[str, Any]:
        return dict(self._groups.describe_warm_pool(AutoScalingGroupName=self._name))

    def _activities(self) -> list[dict[str, Any]]:
        found = self._groups.describe_scaling_activities(AutoScalingGroupName=self._name)
        return list(found["Activities"])

    def keep_warm(self, kind: str) -> None:
        """Have a pool of one instance of this kind, or none."""
        if "WarmPoolConfiguration" in self._pool():
            self._groups.delete_warm_pool(AutoScalingGroupName=self._name, ForceDelete=True)
            gone = "WarmPoolConfiguration"
            wait_for("the pool to be gone", lambda: gone not in self._pool(), IN_SERVICE)
        if kind != "none":
            self._groups.put_warm_pool(
                AutoScalingGroupName=self._name,
                PoolState=kind.capitalize(),
                MinSize=1,
                MaxGroupPreparedCapacity=0,
            )

    def grow(self, kind: str) -> float:
        """Seconds until one instance more was in service; then the group is as it was."""
        ready = [] if kind == "none" else [f"Warmed:{kind.capitalize()}"]
        wait_for("the pool to be ready", lambda: self._states() == ready, IN_SERVICE)
        known = {activity["ActivityId"] for activity in self._activities()}
        self._resize(self._usual + 1)
        where = "from warm pool" if ready else "EC2 instance:"

        def grown() -> dict[str, Any] | None:
            for activity in self._activities():
                if activity["ActivityId"] not in known and where in activity["Description"]:
                    return activity if activity["StatusCode"] == "Successful" else None
            return None

        done = wait_for("one instance more", grown, IN_SERVICE)
        self._resize(self._usual)
        whole = lambda: len(self._group()["Instances"]) == self._usual  # noqa: E731
        wait_for("the group to be as it was", whole, IN_SERVICE)
        return float((done["EndTime"] - done["StartTime"]).total_seconds())

    def _states(self) -> list[str]:
        return [str(one["LifecycleState"]) for one in self._pool()["Instances"]]

    def _resize(self, desired: int) -> None:
        self._groups.set_desired_capacity(AutoScalingGroupName=self._name, DesiredCapacity=desired)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--stack", default="demo")
    parser.add_argument("--rounds", type=int, default=5, help="of each kind (default 5)")
    chosen = parser.parse_args()
    tier, console = AppTier(Stack(chosen.stack)), Console()
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("instance", "in service", "lowest", "highest"):
        table.add_column(column, justify="right" if column != "instance" else "left")
    for kind, words in KINDS.items():
        tier.keep_warm(kind)
        seconds = [tier.grow(kind) for _ in range(chosen.rounds)]
        table.add_row(words, *(f"{f(seconds):.1f}" for f in (median, min, max)))
    tier.keep_warm("none")
    console.print(table, "Seconds: medians, and all rounds' range.")


if __name__ == "__main__":
    main()
