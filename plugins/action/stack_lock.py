# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes the lock of a stack. An action plugin, because the lock belongs to the controller."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, cast

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.chatlift.aws.plugins.module_utils import stack_lock
from ansible_collections.chatlift.aws.plugins.plugin_utils.controller import ControllerAction

display = Display()

ARGUMENTS: dict[str, dict[str, Any]] = {
    "stack": {"type": "str", "required": True},
    "region": {"type": "str", "required": True},
}


class ActionModule(ControllerAction):
    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        if not self._task.check_mode:
            # A task runs in a worker, whose parent is the controller.
            self._take({**options, "controller": os.getppid(), "what": _playbooks()})
        return {"changed": False}

    def _take(self, request: dict[str, Any]) -> None:
        """Start the keeper, which outlives this task, and hear what it says."""
        keeper = subprocess.Popen(
            [sys.executable, stack_lock.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.task_environment()},
            text=True,
            start_new_session=True,
        )
        requests, answers = cast(IO[str], keeper.stdin), cast(IO[str], keeper.stdout)
        with requests, answers:
            requests.write(json.dumps(request) + "\n")
            requests.flush()
            for line in answers:
                said = json.loads(line)
                if "waiting" in said:
                    display.display(said["waiting"])
                elif "failed" in said:
                    raise AnsibleActionFail(said["failed"])
                else:
                    return
        raise AnsibleActionFail(
            f"The process that takes the lock of the stack {request['stack']} ended without a word:"
            f" {sys.executable} needs boto3, as all modules here do."
        )


def _playbooks() -> str:
    """What was asked for, such as ``site.yml``."""
    return " ".join(Path(name).name for name in context.CLIARGS.get("args", ())) or "ansible"
