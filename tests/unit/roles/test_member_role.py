"""The role installs what the agent's code needs."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
CLIENT = re.compile(r"\bclient\(\s*\"([a-z0-9-]+)\"")


def test_the_image_describes_every_service_that_the_agent_asks() -> None:
    sources = (ROOT / "member/src/chatlift_member").glob("*.py")
    asked = {name for source in sources for name in CLIENT.findall(source.read_text())}
    described = yaml.safe_load((ROOT / "roles/member/vars/main.yml").read_text())
    assert asked == set(described["_member_aws_services"])
