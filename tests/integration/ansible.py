"""Run the playbooks as an operator does, and read what they did."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]

WITHOUT_EDGE = {"chatlift_domain": "", "network_ingress": "direct"}
"""Variables of a stack whose load balancer is reached by its own name."""

WITH_EDGE = {
    "chatlift_domain": "chat.demo.test",
    "network_ingress": "cloudfront",
    # Nobody answers there, which is no evidence against a delegation.
    "edge_resolvers": ["127.0.0.1"],
}
"""Variables of a stack behind CloudFront, where nobody serves the domain's zone."""


@dataclass(frozen=True)
class Outcome:
    """How a playbook ended. ``stats`` are the recap's figures by host."""

    code: int
    stats: dict[str, dict[str, int]]
    plays: list[dict[str, Any]]
    text: str

    @property
    def changed(self) -> list[str]:
        """Each change, as ``host: task``."""
        return [
            f"{host}: {task['task']['name']}"
            for task in self._tasks()
            for host, result in task["hosts"].items()
            if result.get("changed")
        ]

    @property
    def messages(self) -> list[str]:
        """What failed tasks said."""
        return [
            str(result.get("msg"))
            for task in self._tasks()
            for result in task["hosts"].values()
            if result.get("failed")
        ]

    def result(self, host: str, task_name: str) -> dict[str, Any]:
        """What a task returned on a host."""
        return next(
            dict(task["hosts"][host])
            for task in self._tasks()
            if task["task"]["name"].endswith(task_name) and host in task["hosts"]
        )

    def _tasks(self) -> list[dict[str, Any]]:
        return [task for play in self.plays for task in play["tasks"]]


def run_playbook(
    name: str,
    *arguments: str,
    variables: dict[str, Any] | None = None,
    first_in_path: Path | None = None,
    timeout: float = 300,
) -> Outcome:
    """Run ``playbooks/<name>.yml`` with the rehearsal's inventory and these variables.

    Programs in ``first_in_path`` are taken before those of the machine.
    """
    extra_variables = json.dumps(variables or {})
    what = ("-i", "inventories/rehearsal", f"playbooks/{name}.yml", "-e", extra_variables)
    path = [str(first_in_path), os.environ["PATH"]] if first_in_path else [os.environ["PATH"]]
    process = subprocess.Popen(
        ["ansible-playbook", *what, *arguments],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "PATH": os.pathsep.join(path),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    start = stdout.find("{\n")
    try:
        report, _end = json.JSONDecoder().raw_decode(stdout[max(start, 0) :])
    except ValueError:
        report = {"stats": {}, "plays": []}
    return Outcome(process.returncode, report["stats"], report["plays"], stdout + stderr)
