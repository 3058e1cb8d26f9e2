"""Bad input ends every playbook before it changes anything, with what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible import run_playbook


def _messages(**variables: Any) -> str:
    outcome = run_playbook("preflight", variables=variables)
    assert outcome.code != 0, outcome.text
    return "\n".join(outcome.messages)


def test_the_inventory_of_the_rehearsal_is_sound() -> None:
    outcome = run_playbook("preflight")
    assert outcome.code == 0, outcome.text
    assert not outcome.changed


def test_the_inventory_for_production_is_sound() -> None:
    outcome = run_playbook("preflight", "--inventory", "inventories/production")
    assert outcome.code == 0, outcome.text


def test_everything_that_is_wrong_is_said_at_once_with_the_right_form(tmp_path: Path) -> None:
    said = _messages(
        data_tier_volume_sise=9,
        chatlift_stak="x",
        chatlift_stack="Demo_1",
        chatlift_network_cidr="10.42.0.0/21",
        chatlift_availability_zones=["eu-central-1a", "eu-central-1b"],
        chatlift_app_dir=str(tmp_path),
        edge_price_class="PriceClass_1000",
        app_tier_min_size="three",
    )
    for sentence in (
        "data_tier_volume_sise is known to no role. Did you mean data_tier_volume_size?",
        "chatlift_stak is known to no role. Did you mean chatlift_stack?",
        "chatlift_stack is 'Demo_1'. Write 1 to 16 lower-case",
        "chatlift_network_cidr is 10.42.0.0/21, which is too small",
        "has 2 of the three zones",
        "has no package.json",
        "Value of edge_price_class must be one of: PriceClass_100, PriceClass_200, PriceClass_All,"
        " got: PriceClass_1000",
        "Argument 'app_tier_min_size' is of type str and we were unable to convert to int",
    ):
        assert sentence in said


def test_what_the_image_and_the_load_balancer_disagree_on_is_refused() -> None:
    said = _messages(app_tier_deregistration_delay=40)
    assert "app_tier_deregistration_delay is 40; the load balancer would cut connections" in said


@pytest.mark.parametrize("playbook", ["site", "bake", "release"])
def test_an_old_packer_is_refused_before_anything_is_made(tmp_path: Path, playbook: str) -> None:
    program = tmp_path / "packer"
    program.write_text("#!/bin/sh\necho Packer v1.5.0\n")
    program.chmod(0o755)
    outcome = run_playbook(playbook, first_in_path=tmp_path)
    assert outcome.code != 0
    assert outcome.messages == [
        "Packer v1.5.0 is too old to bake images: install Packer 1.6.6 or newer."
    ]
    assert len(outcome.plays) == 1, "a play ran after the preflight"


def test_a_bake_refuses_a_mistyped_variable_of_a_role() -> None:
    outcome = run_playbook("bake", variables={"redis_maxmemory_persent": 40})
    assert outcome.code != 0
    assert "redis_maxmemory_persent is known to no role." in outcome.messages[0]


def test_other_playbooks_stop_there_too() -> None:
    outcome = run_playbook("site", variables={"chatlift_stack": "Demo_1"})
    assert outcome.code != 0
    assert len(outcome.plays) == 1, "a play ran after the preflight"
