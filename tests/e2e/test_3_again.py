"""What an operator does to a stack that stands, and is not supposed to change."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.e2e.stack import Stack, rehearsal_environment


def _playbook(*arguments: str) -> str:
    result = subprocess.run(
        ["ansible-playbook", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **rehearsal_environment(), "ANSIBLE_FORCE_COLOR": "0"},
    )
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    return result.stdout


@pytest.mark.parametrize("mode", [[], ["--check"]], ids=["run", "check"])
def test_site_again_changes_nothing(mode: list[str], stack: Stack) -> None:
    before = stack.instances()
    output = _playbook("playbooks/site.yml", *mode)
    changed = re.findall(r"^(\S+) +: .*changed=(\d+)", output, re.MULTILINE)
    assert changed, "the recap has no line"
    assert all(count == "0" for _, count in changed), changed
    assert [i.id for i in stack.instances()] == [i.id for i in before]
