"""What an operator does to a stack that stands, and is not supposed to change."""

from __future__ import annotations

import re

import pytest

from tests.e2e.stack import Stack


@pytest.mark.parametrize("mode", [[], ["--check"]], ids=["run", "check"])
def test_site_again_changes_nothing(mode: list[str], stack: Stack) -> None:
    before = stack.instances()
    output = stack.run_playbook("playbooks/site.yml", *mode)
    changed = re.findall(r"^(\S+) +: .*changed=(\d+)", output, re.MULTILINE)
    assert changed, "the recap has no line"
    assert all(count == "0" for _, count in changed), changed
    assert [i.id for i in stack.instances()] == [i.id for i in before]
