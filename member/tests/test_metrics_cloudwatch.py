"""What is published to CloudWatch, and that no failure of it reaches the agent."""

from __future__ import annotations

import threading
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from chatlift_member import metrics_cloudwatch as module
from chatlift_member.health import Status
from chatlift_member.metrics_cloudwatch import Metric, Publisher, dimensions, metrics_of
from member_factory import facts

UNREACHABLE = EndpointConnectionError(endpoint_url="https://monitoring.eu-central-1.amazonaws.com")
REFUSED = ClientError(
    {"Error": {"Code": "AccessDenied", "Message": "not authorized"}}, "PutMetricData"
)
APP = facts(tier="app", member=None, volume_id=None, asg="chatlift-demo-app").identity


class CloudWatch:
    """PutMetricData that answers from a list of errors, then takes everything."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.taken: list[dict[str, Any]] = []

    def put_metric_data(self, **request: Any) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append(request)


def publisher(cloudwatch: Any, *metrics: Metric) -> Publisher:
    return Publisher(cloudwatch, dimensions(APP), lambda: metrics)


def test_an_app_instance_publishes_its_connections() -> None:
    status = Status(True, False, "app", "serving", metrics={"app_connections": 7, "app_other": 1})
    assert metrics_of(status) == [Metric("WebSocketConnections", 7, "Count")]


def test_a_service_that_is_down_publishes_nothing() -> None:
    cloudwatch = CloudWatch()
    publisher(cloudwatch, *metrics_of(Status.down("stopped", ""))).publish()
    assert not cloudwatch.taken


def test_the_request_is_one_that_the_api_knows() -> None:
    client = boto3.client("cloudwatch", region_name="eu-central-1")
    wanted = {
        "Namespace": "chatlift",
        "MetricData": [
            {
                "MetricName": "WebSocketConnections",
                "Value": 7,
                "Unit": "Count",
                "Dimensions": [
                    {"Name": "Stack", "Value": "demo"},
                    {"Name": "Tier", "Value": "app"},
                    {"Name": "AutoScalingGroupName", "Value": "chatlift-demo-app"},
                ],
            }
        ],
    }
    with Stubber(client) as stub:
        stub.add_response("put_metric_data", {}, wanted)
        pause = publisher(client, Metric("WebSocketConnections", 7)).publish()
        stub.assert_no_pending_responses()
    assert pause == module.PERIOD_SECONDS


def test_a_durable_member_has_its_own_series() -> None:
    assert dimensions(facts().identity) == {"Stack": "demo", "Tier": "redis", "Member": "redis-a1"}


@pytest.mark.parametrize("error", [UNREACHABLE, REFUSED, ZeroDivisionError("a defect")])
def test_no_failure_reaches_the_agent(error: Exception) -> None:
    assert publisher(CloudWatch(error), Metric("Depth", 1)).publish() >= module.PERIOD_SECONDS


def test_it_asks_less_and_less_often_while_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.random, "uniform", lambda _, most: most)
    refused = publisher(CloudWatch(*[REFUSED] * 5), Metric("Depth", 1))
    assert [refused.publish() for _ in range(6)] == [120, 240, 480, 600, 600, 60]


def test_the_journal_says_once_what_is_wrong_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    refused = publisher(CloudWatch(REFUSED, REFUSED), Metric("Depth", 1))
    for _ in range(4):
        refused.publish()
    assert [record.message for record in caplog.records] == [
        "CloudWatch takes no metrics of this instance: PutMetricData answered AccessDenied "
        "(not authorized).",
        "CloudWatch takes the metrics of this instance again.",
    ]


def test_it_publishes_at_once_and_ends_when_told() -> None:
    published = threading.Event()
    cloudwatch = CloudWatch()
    made = Publisher(cloudwatch, dimensions(APP), lambda: [Metric("Depth", 1)])
    cloudwatch.put_metric_data = lambda **_: published.set()  # type: ignore[method-assign]
    made.start()
    assert published.wait(5)
    made.stop()
    [thread] = [t for t in threading.enumerate() if t.name == "metrics"] or [None]
    if thread:
        thread.join(5)
        assert not thread.is_alive()
