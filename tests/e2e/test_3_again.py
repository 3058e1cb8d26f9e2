"""What an operator does to a stack that stands, and is not supposed to change."""

from __future__ import annotations

import re

import pytest

from tests.e2e.stack import Stack


def _what_changed(output: str) -> str:
    """The tasks that changed something, each with its diff."""
    tasks = re.split(r"^(?=TASK \[)", output, flags=re.MULTILINE)
    return "\n".join(task for task in tasks if re.search(r"^changed: ", task, re.MULTILINE))


@pytest.mark.parametrize("mode", [[], ["--check"]], ids=["run", "check"])
def test_site_again_changes_nothing(mode: list[str], stack: Stack) -> None:
    before = stack.instances()
    output = stack.run_playbook("playbooks/site.yml", "--diff", *mode)
    changed = re.findall(r"^(\S+) +: .*changed=(\d+)", output, re.MULTILINE)
    assert changed, "the recap has no line"
    assert all(count == "0" for _, count in changed), _what_changed(output)
    assert [i.id for i in stack.instances()] == [i.id for i in before], stack.activities("app")
