"""Run the playbooks as an operator does, and read what they did."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


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
    name: str, *arguments: str, variables: dict[str, Any] | None = None, timeout: float = 300
) -> Outcome:
    """Run ``playbooks/<name>.yml`` with the rehearsal's inventory and these variables."""
    done = subprocess.run(
        [
            "ansible-playbook",
            f"playbooks/{name}.yml",
            "--extra-vars",
            json.dumps(variables or {}),
            *arguments,
        ],
        cwd=REPOSITORY,
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    start = done.stdout.find("{\n")
    try:
        report, _end = json.JSONDecoder().raw_decode(done.stdout[max(start, 0) :])
    except ValueError:
        report = {"stats": {}, "plays": []}
    text = done.stdout + done.stderr
    return Outcome(done.returncode, report["stats"], report["plays"], text)
