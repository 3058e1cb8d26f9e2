"""What a busy account does to a run: calls that are throttled or fail, quotas that are reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.cloud import Cloud


@pytest.fixture(autouse=True)
def quiet_afterwards(cloud: Cloud) -> Iterator[None]:
    yield
    cloud.trouble(0)


def test_a_quota_is_named_with_what_helps(cloud: Cloud, play: Any) -> None:
    cloud.trouble(0, AllocateAddress="AddressLimitExceeded")
    refused = play("network", ok=False)
    assert "has reached its quota 'EC2-VPC Elastic IPs'" in refused.messages[0]
    assert "set network_nat to one" in refused.messages[0]


def test_site_converges_though_one_call_in_ten_fails(
    cloud: Cloud, play: Any, images: dict[str, str]
) -> None:
    cloud.trouble(0.1)
    play("site")
    assert play("site").changed == []


def test_a_quota_that_forbids_a_launch_is_named_at_once(play: Any, cloud: Cloud) -> None:
    cloud.trouble(0, RunInstances="VcpuLimitExceeded")
    refused = play("app_tier", ok=False, app_tier_min_size=4, app_tier_launch_timeout=300)
    assert "The group of app lacks an instance." in refused.messages[0]
    assert "quota 'Running On-Demand Standard" in refused.messages[0]
