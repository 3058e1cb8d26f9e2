"""How long a release of the application takes, beside a whole bake of the image ``node``.

    python -m tests.bench.release [--rounds 3]

It needs a running rehearsal (``rehearsal up``), and bakes into it. In each round an application's
source is changed and the whole image is baked; the source is changed again and released; then what
its dependencies are is changed, and released. What Packer says tells what the time was spent on.
The images are deleted in the end. The front end, which a release uploads meanwhile, is left out:
no whole bake does that.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import boto3
import yaml
from chatlift_rehearsal.settings import SERVICE_ADDRESS
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "examples/chat/backend"
STAGES = {
    "begin": "to be baked",
    "launch": "Launching a source AWS instance",
    "boot": "Waiting for SSH to become available",
    "provision": "Provisioning with Ansible",
    "stop": "Stopping the source instance",
    "snapshot": "Creating AMI",
    "end": "Terminating the source AWS instance",
}
"""What Packer says when each stage begins, in order."""
PROGRESS = re.compile(r"^image node: (?P<text>.*)$")
WHOLE, SOURCE, DEPENDENCIES = "whole bake", "release, source", "release, dependencies"


@dataclass(frozen=True)
class Run:
    """Seconds of a playbook, of Packer in it, and of Packer's stages."""

    playbook: float
    packer: float
    stages: dict[str, float]


class Application:
    """A copy of the example that changes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "backend"
        self._versions = 0
        shutil.copytree(EXAMPLE, self.directory, ignore=shutil.ignore_patterns("node_modules"))

    def change_source(self) -> None:
        """A line more in a file."""
        self._versions += 1
        with (self.directory / "src/index.js").open("a") as source:
            source.write(f"// {time.time()}\n")

    def change_dependencies(self) -> None:
        """Nothing else is installed, but nobody knows before."""
        self._versions += 1
        file = self.directory / "package.json"
        package = json.loads(file.read_text())
        file.write_text(json.dumps({**package, "engines": {"node": f">=20.{self._versions}"}}))


def measure(playbook: str, application: Application) -> Run:
    """Run a playbook that has an image to make, and note when Packer says what."""
    command = ["ansible-playbook", "-i", "inventories/rehearsal", f"playbooks/{playbook}.yml"]
    command += ["--limit", "image-node"]
    command += ["-e", f"chatlift_app_dir={application.directory}"]
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    said: list[str] = []
    marks: dict[str, float] = {}
    for line in process.stdout:
        said.append(line)
        now = time.monotonic()
        if progress := PROGRESS.match(line):
            for stage, text in STAGES.items():
                if progress["text"].startswith(text):
                    marks.setdefault(stage, now)
        elif "end" in marks:
            marks.setdefault("over", now)
    if process.wait() or "over" not in marks:
        raise SystemExit(f"{playbook}.yml made no image:\n{''.join(said)}")
    ends = [*marks.values()][1:]
    stages = {name: end - mark for (name, mark), end in zip(marks.items(), ends, strict=False)}
    return Run(time.monotonic() - began, marks["over"] - marks["begin"], stages)


@contextmanager
def images_deleted() -> Iterator[None]:
    """Delete in the end what was made meanwhile."""
    variables = yaml.safe_load(
        (REPOSITORY / "inventories/rehearsal/group_vars/all.yml").read_text()
    )
    ec2 = boto3.client(
        "ec2",
        region_name=variables["chatlift_region"],
        endpoint_url=f"http://{SERVICE_ADDRESS}:4566",
        aws_access_key_id="rehearsal",
        aws_secret_access_key="rehearsal",
    )

    def images() -> dict[str, Any]:
        return {one["ImageId"]: one for one in ec2.describe_images(Owners=["self"])["Images"]}

    before = images()
    try:
        yield
    finally:
        for image_id, image in images().items():
            if image_id not in before:
                ec2.deregister_image(ImageId=image_id)
                for device in image["BlockDeviceMappings"]:
                    if snapshot := device.get("Ebs", {}).get("SnapshotId"):
                        ec2.delete_snapshot(SnapshotId=snapshot)


def rounds(number: int, console: Console) -> dict[str, list[Run]]:
    """Bake and release, in turns."""
    runs: dict[str, list[Run]] = {WHOLE: [], SOURCE: [], DEPENDENCIES: []}
    with tempfile.TemporaryDirectory() as directory, images_deleted():
        application = Application(Path(directory))
        for turn in range(1, number + 1):
            application.change_source()
            runs[WHOLE].append(measure("bake", application))
            application.change_source()
            runs[SOURCE].append(measure("release", application))
            application.change_dependencies()
            runs[DEPENDENCIES].append(measure("release", application))
            shown = ", ".join(f"{name} {made[-1].packer:.1f} s" for name, made in runs.items())
            console.print(f"round {turn}: {shown}")
    return runs


def report(runs: dict[str, list[Run]], console: Console) -> None:
    """Print the medians, and how many times faster than a whole bake."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for column in ("playbook", "Packer", "lowest", "highest", *STAGES, "times faster"):
        table.add_column(column, justify="right")
    whole = median(run.packer for run in runs[WHOLE])
    for name, made in runs.items():
        packer = [run.packer for run in made]
        table.add_row(
            name,
            f"{median(run.playbook for run in made):.1f}",
            *(f"{value:.1f}" for value in (median(packer), min(packer), max(packer))),
            *(f"{median(run.stages.get(stage, 0) for run in made):.1f}" for stage in STAGES),
            f"{whole / median(packer):.1f}",
        )
    console.print(table, "Seconds, medians; lowest and highest are Packer's, and so is the split.")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3, help="how often (default 3)")
    chosen = parser.parse_args()
    console = Console(width=max(130, Console().width))
    report(rounds(chosen.rounds, console), console)


if __name__ == "__main__":
    main()
