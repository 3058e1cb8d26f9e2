"""When a release keeps the dependencies of the image below it, as the role decides it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).parents[3] / "roles"

# Every host first tells what it would write down, and then, as if another host had written that,
# whether it would keep the dependencies.
PLAY = """
- hosts: all
  gather_facts: false
  vars:
    node_app_dir: ROOT/app
    __node_packed: {stdout: "{{ packed | to_json }}"}
    __node_record: {content: "{{ hostvars[inventory_hostname].built | default('') }}"}
  tasks:
    - name: Read the role's variables
      ansible.builtin.include_vars: {dir: ROLES/node/vars/main}
    - name: Decide
      ansible.builtin.debug:
        msg:
          kept: "{{ _node_kept }}"
          outdated: "{{ _node_outdated }}"
          wanted: "{{ _node_wanted }}"
"""

# What the image below has more than, or differently from, what is wanted.
KEPT: dict[str, dict[str, Any]] = {
    "source": {"archive": "1"},
    "nothing": {},
}
# Name of a host → its variables, and what the image below has differently.
INSTALLED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "dependencies": ({}, {"dependencies": "c"}),
    "unknown": ({"packed": {"checksum": "2", "dependencies": ""}}, {"dependencies": ""}),
    "script": ({}, {"install_scripts": ["bcrypt"]}),
    "older": ({}, {"install_scripts": None}),
    "built": ({"node_build_command": "npm run build"}, {}),
    "thawed": ({"node_frozen": "never"}, {}),
    "overridden": ({"node_dependency_overrides": {"ms": "2.1.2"}}, {}),
    "manager": ({}, {"package_manager": ["yarn", "1.22.22", [], []]}),
    "runtime": ({}, {"runtime": ["npm", "22.0.0"]}),
    "debian": ({"node_runtime": "debian"}, {"runtime": ["npm", "22.0.0"]}),
}


def _run(root: Path, hosts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    defaults = yaml.safe_load((ROLES / "node/defaults/main.yml").read_text())
    variables = {**defaults, "packed": {"checksum": "2", "dependencies": "d"}}
    inventory = {"all": {"vars": variables, "hosts": hosts}}
    (root / "hosts.json").write_text(json.dumps(inventory))
    program = shutil.which("ansible-playbook")
    assert program
    run = subprocess.run(
        [program, "--connection=local", "--inventory", root / "hosts.json", root / "play.yml"],
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        },
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    tasks = json.loads(run.stdout[run.stdout.index("{\n") :])["plays"][0]["tasks"]
    return {host: result["msg"] for host, result in tasks[-1]["hosts"].items()}


def _record(wanted: dict[str, Any], differing: dict[str, Any]) -> str:
    """What the image below wrote down, as the role reads it; None leaves a part out."""
    written = {**wanted, "install_scripts": [], **differing}
    text = json.dumps({key: value for key, value in written.items() if value is not None})
    return b64encode(text.encode()).decode()


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    root = tmp_path_factory.mktemp("release")
    (root / "app").mkdir()
    (root / "app" / "package.json").write_text('{"scripts": {"start": "node ."}}')
    (root / "app" / "package-lock.json").write_text("{}")
    (root / "ansible.cfg").touch()
    (root / "play.yml").write_text(PLAY.replace("ROLES", str(ROLES)).replace("ROOT", str(root)))
    cases = {name: ({}, differing) for name, differing in KEPT.items()} | INSTALLED
    # An image with Debian's Node.js says which one that was.
    first = {
        name: {**variables, "built": _record({"runtime": ["debian", "20"]}, {})}
        for name, (variables, _) in cases.items()
    }
    wanted = _run(root, first)
    second = {
        name: {**variables, "built": _record(wanted[name]["wanted"], differing)}
        for name, (variables, differing) in cases.items()
    }
    return _run(root, second)


@pytest.mark.parametrize("name", KEPT)
def test_dependencies_that_would_be_the_same_are_kept(decided: Any, name: str) -> None:
    assert decided[name]["kept"]


@pytest.mark.parametrize("name", INSTALLED)
def test_others_are_installed(decided: Any, name: str) -> None:
    assert not decided[name]["kept"]


def test_what_changed_is_built_again(decided: Any) -> None:
    outdated = {name for name, told in decided.items() if told["outdated"]}
    assert {"source", "dependencies", "manager", "runtime"} <= outdated
    assert not outdated & {"nothing", "built", "script"}
