from __future__ import annotations

import pytest
from chatlift_rehearsal.controllers.instances import (
    RemoveHost,
    ReportDied,
    ReportStarted,
    ReportStopped,
    StartHost,
    StopHost,
    is_booting,
    plan_instances,
)

from .views import cloud, instance


@pytest.mark.parametrize(
    ("state", "phase", "action"),
    [
        ("pending", "running", ReportStarted("i-1")),
        ("pending", "failed", ReportDied("i-1")),
        ("running", "running", None),
        ("running", "dead", ReportDied("i-1")),
        ("running", "stopped", None),  # an image is being made of it
        ("stopping", "running", StopHost("i-1")),
        ("stopping", "dead", StopHost("i-1")),  # its mounts and addresses are still there
        ("stopping", "stopped", ReportStopped("i-1")),
        ("stopped", "stopped", None),
        ("shutting-down", "running", RemoveHost("i-1")),
        ("shutting-down", "dead", RemoveHost("i-1")),
        ("shutting-down", "stopped", RemoveHost("i-1")),
        ("shutting-down", None, ReportStopped("i-1")),
        ("shutting-down", "ending", None),
        ("stopping", "ending", None),
    ],
)
def test_a_host_follows_its_instance(state, phase, action):
    hosts = {"i-1": phase} if phase else {}
    expected = [action] if action else []
    assert plan_instances(cloud(instances=(instance(state=state),)), hosts) == expected


def test_a_rebooting_host_is_started_again():
    running = instance()
    hosts = {"i-1": "rebooting"}
    assert plan_instances(cloud(instances=(running,)), hosts) == [StartHost(running)]


@pytest.mark.parametrize("hosts", [{}, {"i-1": "stopped"}])
def test_a_pending_instance_is_started_anew_or_again(hosts):
    pending = instance(state="pending")
    assert plan_instances(cloud(instances=(pending,)), hosts) == [StartHost(pending)]


def test_a_host_that_the_api_does_not_know_is_removed():
    assert plan_instances(cloud(), {"i-9": "dead"}) == [RemoveHost("i-9")]


@pytest.mark.parametrize(
    ("lifecycle_state", "expected"),
    [
        ("", False),
        ("Pending", True),
        ("Pending:Wait", True),
        ("Warmed:Pending:Proceed", True),
        ("InService", False),
        ("Terminating:Wait", False),
    ],
)
def test_an_instance_boots_until_its_group_counts_on_it(
    lifecycle_state: str, expected: bool
) -> None:
    assert is_booting(instance(lifecycle_state=lifecycle_state)) is expected
