# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs a playbook in check mode and tells what it would change. An action plugin, because the
playbook gets the options of the one that asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible_collections.chatlift.aws.plugins.module_utils import plan
from ansible_collections.chatlift.aws.plugins.plugin_utils.controller import ControllerAction

ARGUMENTS: dict[str, dict[str, Any]] = {"playbook": {"type": "path", "required": True}}


class ActionModule(ControllerAction):
    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        report = _check(Path(options["playbook"]).absolute())
        failures = plan.failures(report)
        changes = plan.changes(report)
        return {
            "failed": bool(failures),
            "changed": bool(changes),
            "msg": "\n".join(failures) or f"{len(changes)} changes",
            "changes": changes,
        }


def _check(playbook: Path) -> dict[str, Any]:
    """What the callback ansible.posix.json reports of a run in check mode."""
    asking = set(context.CLIARGS["args"])
    options = [str(playbook) if word in asking else word for word in sys.argv[1:]]
    ended = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", *options, "--check", "--diff"],
        env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    # Warnings may stand before the report.
    start = ended.stdout.find("{\n")
    try:
        report, _end = json.JSONDecoder().raw_decode(ended.stdout[max(start, 0) :])
    except ValueError as error:
        raise AnsibleActionFail(
            f"{playbook.name} ended in check mode without a report: "
            f"{(ended.stderr or ended.stdout).strip()[-2000:]}"
        ) from error
    return dict(report)
