"""The server itself."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from chatlift_rehearsal.emulator import server, state


def test_port_in_use_is_an_error_at_once(cloud: Any, port: int) -> None:
    with pytest.raises(OSError, match="in use"):
        server.start("127.0.0.1", port)


def test_new_session_begins_empty(cloud: Any, port: int, debian: Any) -> None:
    cloud.run()
    cloud.emulator.stop()
    cloud.emulator = server.start("127.0.0.1", port, [debian])
    assert cloud.ec2.describe_instances()["Reservations"] == []


def test_api_and_controllers_may_act_at_once(cloud: Any) -> None:
    """Eight clients launch and terminate while the loop turns and looks."""
    _, subnets = cloud.network()
    cloud.template("app")
    cloud.group("app", VPCZoneIdentifier=",".join(subnets))
    errors: list[BaseException] = []

    def guarded(action: Any) -> None:
        try:
            action()
        except BaseException as error:
            errors.append(error)

    def use() -> None:
        for _ in range(5):
            instance = cloud.run(SubnetId=subnets[0])
            cloud.ec2.terminate_instances(InstanceIds=[instance])

    users = [threading.Thread(target=guarded, args=(use,)) for _ in range(8)]
    for user in users:
        user.start()
    while any(user.is_alive() for user in users):
        guarded(cloud.stop_bodies)
        guarded(cloud.start_bodies)
    for user in users:
        user.join()
    cloud.stop_bodies()
    assert errors == []
    assert [instance.group for instance in cloud.instances()] == ["app"]


@pytest.mark.parametrize(
    ("service", "question"),
    [
        ("autoscaling", "describe_auto_scaling_groups"),
        ("cloudwatch", "describe_alarms"),
        ("ec2", "describe_vpcs"),
        ("elbv2", "describe_load_balancers"),
        ("ssm", "describe_parameters"),
    ],
)
def test_controllers_are_not_disturbed_while_they_look(
    cloud: Any, service: str, question: str
) -> None:
    asked = threading.Thread(target=getattr(cloud.client(service), question))
    with state.lock:
        asked.start()
        asked.join(0.3)
        assert asked.is_alive()
    asked.join(10)
    assert not asked.is_alive()
