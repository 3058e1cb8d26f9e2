"""Every wrong setting of the role app_tier is refused with a sentence, before anything changes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .refusals import refusals

# What the image was told, and settings that go with it.
IMAGE = {"node_drain_seconds": 100, "node_stickiness": "source", "node_forwarded_hops": 1}
FITTING = {"app_tier_stickiness": "cookie", "app_tier_deregistration_delay": 121}

GOOD: dict[str, dict[str, Any]] = {
    "image-node": IMAGE,
    "good-warm": {"app_tier_warm_pool": "stopped"},
    "good-warm-more": {
        "app_tier_warm_pool": "running",
        "app_tier_warm_pool_min_size": 2,
        "app_tier_warm_pool_max_prepared_capacity": 0,
        "app_tier_other_instance_types": ["c7a.large"],
    },
    "good-slow": {"app_tier_slow_start": 60, "app_tier_algorithm": "round_robin"},
}

# Name of a host → what is wrong about it, and a part of what is said.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "sizes": (
        {"app_tier_min_size": 4, "app_tier_max_size": 3},
        "app_tier_min_size is 4 and app_tier_max_size is 3",
    ),
    "none": ({"app_tier_min_size": 0}, "must be at least 1 and at most the largest"),
    "delay": (
        {"app_tier_deregistration_delay": 120},
        r"app_tier_deregistration_delay is 120; .* Set it to more than 120: node_drain_seconds",
    ),
    "sticky": (
        {"app_tier_stickiness": "none"},
        "node_stickiness is source, .*set app_tier_stickiness to cookie",
    ),
    "warm-none": (
        {"app_tier_warm_pool_min_size": 2},
        "app_tier_warm_pool is none, but app_tier_warm_pool_min_size is 2",
    ),
    "warm-empty": (
        {"app_tier_warm_pool": "stopped", "app_tier_warm_pool_max_prepared_capacity": 3},
        "would have 0 instances beside 3 in service. It needs one at least",
    ),
    "warm-useless": (
        {"app_tier_warm_pool": "stopped", "app_tier_warm_pool_max_prepared_capacity": 7},
        r"would have 4 instances .*-1 or up to app_tier_max_size \(6\)",
    ),
    "warm-spot": (
        {"app_tier_warm_pool": "stopped", "app_tier_on_demand_percentage": 50},
        "app_tier_on_demand_percentage is 50; AWS has no warm pools of spot instances",
    ),
    "slow": (
        {"app_tier_slow_start": 60},
        "app_tier_slow_start is 60, which AWS allows with .* round_robin only",
    ),
    "hops": (
        {"chatlift_domain": "chat.example.com"},
        r"node_forwarded_hops is 1, but with a domain two .* Set node_forwarded_hops to 2",
    ),
    "idle": ({"app_tier_idle_timeout": 0}, "app_tier_idle_timeout is 0; AWS takes 1 to 4000 s"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What Ansible said about each host; nothing about those it found good."""
    settings = GOOD | {name: wrong for name, (wrong, _) in WRONG.items()}
    hosts = {name: FITTING | values for name, values in settings.items()}
    return refusals(tmp_path_factory.mktemp("preflight"), "app_tier", hosts)


@pytest.mark.parametrize("name", GOOD)
def test_good_settings_pass(said: dict[str, str], name: str) -> None:
    assert name not in said, said[name]


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_refused_in_a_sentence(said: dict[str, str], name: str) -> None:
    assert name in said, "nothing was said"
    assert re.search(WRONG[name][1], said[name]), said[name]
