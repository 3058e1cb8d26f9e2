# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checks the inventory on the controller. An action plugin, because it reads every host's
variables and the roles' specifications."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible_collections.chatlift.aws.plugins.plugin_utils import preflight
from ansible_collections.chatlift.aws.plugins.plugin_utils.controller import ControllerAction

ROLES = Path(__file__).parents[2] / "roles"

ARGUMENTS: dict[str, dict[str, Any]] = {
    "stack": {"type": "str", "required": True},
    "region": {"type": "str", "required": True},
    "cidr": {"type": "str", "required": True},
    "availability_zones": {"type": "list", "elements": "str", "required": True},
    "app_dir": {"type": "str", "required": True},
    "packer": {"type": "bool", "default": False},
    "redis": {"type": "list", "elements": "str", "required": True},
    "mysql": {"type": "list", "elements": "str", "required": True},
}


class ActionModule(ControllerAction):
    def run(
        self, tmp: str | None = None, task_vars: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        zones = options["availability_zones"]
        variables = task_vars or {}
        known, roles = _specified()
        problems = [
            *preflight.check_variables(_variables(variables), set(known), roles),
            *_wrong_values(variables["hostvars"], known),
            *preflight.check_stack(options["stack"]),
            *preflight.check_cidr(options["cidr"]),
            *preflight.check_zones(zones, options["region"]),
            *preflight.check_application(options["app_dir"]),
            *(preflight.check_packer("packer") if options["packer"] else ()),
            *(preflight.check_pip(sys.executable) if options["packer"] else ()),
            *preflight.check_members("redis", options["redis"], len(zones)),
            *preflight.check_members("mysql", options["mysql"], len(zones)),
        ]
        return {"failed": bool(problems), "msg": "\n".join(problems), "problems": problems}


def _variables(task_vars: dict[str, Any]) -> set[str]:
    """The names of all variables of all hosts, wherever they were set."""
    hostvars = task_vars["hostvars"]
    return set(task_vars).union(*(hostvars.raw_get(host) for host in hostvars))


def _wrong_values(hostvars: Any, known: dict[str, dict[str, Any]]) -> Iterator[str]:
    """What is wrong with the values that hosts have, each value once."""
    seen = set()
    for host in hostvars:
        given, values = hostvars.raw_get(host), hostvars[host]
        for name in sorted(known.keys() & given.keys()):
            value = (name, repr(given[name]))
            if value not in seen:
                seen.add(value)
                with suppress(AnsibleError):  # of what is only known later in a run
                    yield from preflight.check_value(name, values[name], known[name])


def _specified() -> tuple[dict[str, dict[str, Any]], set[str]]:
    """The variables that the roles' argument specifications know, and the roles."""
    known: dict[str, dict[str, Any]] = {}
    specifications = list(ROLES.glob("*/meta/argument_specs.yml"))
    for path in specifications:
        for entry_point in yaml.safe_load(path.read_text())["argument_specs"].values():
            known.update(entry_point.get("options", {}))
    return known, {path.parents[1].name for path in specifications}
