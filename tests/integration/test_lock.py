"""One controller at a time changes a stack, and one that was killed is no obstacle to the next."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from tests.integration.ansible import REPOSITORY, WITHOUT_EDGE
from tests.integration.cloud import Cloud

NAME = "/chatlift/demo/lock"


def _holder(cloud: Cloud) -> dict[str, Any]:
    """Who has the lock; nobody is an empty dictionary."""
    ssm = cloud.client("ssm")
    try:
        found = ssm.get_parameter(Name=NAME)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        return {}
    return dict(json.loads(found))


def _await_lock(cloud: Cloud, held: bool, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while bool(_holder(cloud)) != held:
        assert time.monotonic() < deadline, _holder(cloud)
        time.sleep(0.2)


@pytest.fixture
def controller(cloud: Cloud) -> Iterator[subprocess.Popen[bytes]]:
    """A run that has the lock and waits for launches that nobody completes."""
    variables = {"chatlift_environment": cloud.environment, **WITHOUT_EDGE}
    with subprocess.Popen(
        [
            *("ansible-playbook", "-i", "inventories/rehearsal"),
            *("playbooks/network.yml", "-e", json.dumps(variables)),
        ],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        _await_lock(cloud, held=True)
        yield process
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    _await_lock(cloud, held=False)


def test_a_second_run_refuses_and_says_who_is_at_work(
    controller: subprocess.Popen[bytes], play: Any
) -> None:
    refused = play("observability", ok=False)
    assert "The stack demo is being changed by" in refused.messages[0]
    assert f"(network.yml, process {controller.pid}) since" in refused.messages[0]


def test_check_mode_needs_no_lock(controller: subprocess.Popen[bytes], play: Any) -> None:
    play("observability", "--check")
    assert controller.poll() is None


def test_a_killed_run_is_no_obstacle(
    controller: subprocess.Popen[bytes], cloud: Cloud, play: Any
) -> None:
    os.killpg(controller.pid, signal.SIGKILL)
    controller.wait()
    play("network")
    assert play("network").changed == []


def test_without_its_keeper_the_lock_is_taken_over(
    controller: subprocess.Popen[bytes], cloud: Cloud, play: Any
) -> None:
    """As after a loss of the whole machine, but that process numbers tell here."""
    os.kill(_holder(cloud)["keeper"][0], signal.SIGKILL)
    os.killpg(controller.pid, signal.SIGKILL)
    controller.wait()
    assert _holder(cloud)
    play("secrets")


def test_a_run_that_failed_gives_the_lock_back(cloud: Cloud, play: Any) -> None:
    play("app_tier", ok=False, app_tier_image_id="ami-0000000000000dead")
    _await_lock(cloud, held=False, seconds=5)
