"""What a role's preflight says about hosts with different settings, all in one run of Ansible."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROLES = Path(__file__).parents[3] / "roles"

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Tell the fact
      ansible.builtin.set_fact: {ansible_architecture: "{{ processor }}", cacheable: true}
      when: processor is defined
    - name: Check
      ansible.builtin.include_role: {name: ROLE, tasks_from: preflight}
"""


def refusals(root: Path, role: str, hosts: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The messages for each host, by name; nothing for those that were found good.

    ``hosts`` are the variables of each; ``root`` is an empty directory. The fact about the
    processor is a host's variable ``processor``.
    """
    (root / "ansible.cfg").touch()
    (root / "play.yml").write_text(PLAY.replace("ROLE", role))
    (root / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    program = shutil.which("ansible-playbook")
    assert program
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(ROLES),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
        "ANSIBLE_STRATEGY": "free",
        "ANSIBLE_FORKS": "4",
    }
    run = subprocess.run(
        [program, "--connection=local", "--inventory", root / "hosts.json", root / "play.yml"],
        env=environment,
        capture_output=True,
        text=True,
    )
    tasks = json.loads(run.stdout)["plays"][0]["tasks"]
    return {
        host: " ".join(
            [str(result["msg"]), *(str(r.get("msg")) for r in result.get("results", []))]
        )
        for task in tasks
        for host, result in task["hosts"].items()
        if result.get("failed")
    }
