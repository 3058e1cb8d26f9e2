"""The role's security groups are the design: docs/contracts.md, as the end-to-end tests have it."""

from __future__ import annotations

from pathlib import Path

import yaml

from tests.e2e.reachability import TIERS

ROLE = Path(__file__).parents[3] / "roles" / "network"


def test_the_groups_of_the_tiers_let_in_whom_the_design_names() -> None:
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    allowed = {
        (group["name"], rule["port"]): frozenset(rule["groups"])
        for group in variables["_network_security_groups"]
        if group["name"] != "alb"
        for rule in group["rules"]
    }
    assert allowed == TIERS
