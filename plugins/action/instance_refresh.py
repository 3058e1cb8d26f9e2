# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Refreshes a group and shows how far it is. An action plugin, because a module cannot."""

from __future__ import annotations

import os
import sys
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.chatlift.aws.plugins.module_utils.changes import Changes, ChatliftError
from ansible_collections.chatlift.aws.plugins.module_utils.refresh_states import Refresher
from ansible_collections.chatlift.aws.plugins.plugin_utils.controller import ControllerAction

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError:  # run() says so
    boto3 = None

display = Display()

ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "region": {"type": "str"},
    "state": {
        "type": "str",
        "choices": ["started", "rolled_back", "cancelled"],
        "default": "started",
    },
    "launch_template": {
        "type": "dict",
        "options": {
            "id": {"type": "str"},
            "name": {"type": "str"},
            "version": {"type": "str", "required": True},
        },
        "required_one_of": [["id", "name"]],
        "mutually_exclusive": [["id", "name"]],
    },
    "min_healthy_percentage": {"type": "int", "default": 100},
    "max_healthy_percentage": {"type": "int", "default": 110},
    "instance_warmup": {"type": "int"},
    "checkpoint_percentages": {"type": "list", "elements": "int", "default": []},
    "checkpoint_delay": {"type": "int", "default": 3600},
    "bake_time": {"type": "int", "default": 0},
    "alarms": {"type": "list", "elements": "str", "default": []},
    "auto_rollback": {"type": "bool", "default": True},
    "skip_matching": {"type": "bool", "default": True},
    "scale_in_protected_instances": {
        "type": "str",
        "choices": ["refresh", "ignore", "wait"],
        "default": "wait",
    },
    "standby_instances": {
        "type": "str",
        "choices": ["terminate", "ignore", "wait"],
        "default": "wait",
    },
    "max_failures": {"type": "int", "default": 3},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 7200},
}


class ActionModule(ControllerAction):
    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        super().run(tmp, task_vars)
        if boto3 is None:
            raise AnsibleActionFail(
                f"{sys.executable} lacks boto3: install the packages of requirements.txt into the"
                " environment that ansible-playbook runs in."
            )
        _validated, options = self.validate_argument_spec(
            argument_spec=ARGUMENTS, required_if=[("state", "started", ["launch_template"])]
        )
        # This process serves one task, and boto3 reads the environment itself.
        os.environ.update(self.task_environment())
        name = options["name"]
        refresher = Refresher(
            client=lambda service: _client(service, options["region"]),
            options=options,
            changes=Changes(self._task.check_mode),
            say=lambda text: display.display(f"{name}: {text}"),
            is_passing=_is_passing,
        )
        try:
            return refresher.reach(options["state"])
        except ChatliftError as error:
            return {**refresher.result(), "failed": True, "msg": str(error)}
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(
                f"AWS refused a request for the group {name}: {error}"
            ) from error


def _client(service: str, region: str | None) -> Any:
    # As Ansible's modules do, it says who asks.
    return boto3.client(
        service, region_name=region, config=Config(user_agent_extra="Ansible/chatlift.aws")
    )


def _is_passing(error: Exception) -> bool:
    """Whether it is no answer to the question: the next one may be."""
    if not isinstance(error, ClientError):
        return isinstance(error, BotoCoreError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500 or "Throttling" in str(error.response.get("Error", {}).get("Code"))
