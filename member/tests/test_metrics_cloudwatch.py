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
from chatlift_member.metrics_cloudwatch import Figures, Metric, Publisher, dimensions
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


def publisher(cloudwatch: Any, *metrics: Metric, **settings: Any) -> Publisher:
    return Publisher(cloudwatch, dimensions(APP), lambda: metrics, **settings)


def test_an_app_instance_publishes_its_connections() -> None:
    status = Status(True, False, "app", "serving", metrics={"app_connections": 7, "app_other": 1})
    assert Figures("app").of(status) == [
        Metric("Healthy", 1, "Count"),
        Metric("WebSocketConnections", 7, "Count"),
    ]


@pytest.mark.parametrize(("tier", "leads"), [("redis", "MasterOfShard"), ("mysql", "Primary")])
def test_a_service_that_is_down_says_so_and_has_no_figures(tier: str, leads: str) -> None:
    status = Status.down("stopped", "", {"disk_used_ratio": 0.25})
    assert Figures(tier).of(status) == [
        Metric("Healthy", 0),
        Metric("DataVolumeUsedPercent", 25, "Percent"),
        Metric(leads, 0),
    ]


def test_the_figures_are_those_of_port_8008_in_units_of_cloudwatch() -> None:
    values = {"certificate_expiry_seconds": 43200.0, "mysql_connections_used_ratio": 0.5}
    found = Figures("mysql").of(Status(True, True, "primary", "ONLINE", metrics=values))
    assert Metric("CertificateDaysLeft", 0.5, "None") in found
    assert Metric("ConnectionsUsedPercent", 50, "Percent") in found


def test_of_what_grows_the_growth_is_published() -> None:
    figures = Figures("app")

    def published(restarts: int) -> float:
        status = Status(True, False, "app", "serving", metrics={"app_restarts": restarts})
        [value] = [one.value for one in figures.of(status) if one.name == "ProcessRestarts"]
        return value

    assert [published(restarts) for restarts in (7, 7, 9, 0, 1)] == [0, 0, 2, 0, 1]


def test_every_period_has_one_figure() -> None:
    moments, now = [], 1_000_000.0
    made = publisher(CloudWatch(), clock=lambda: now)
    for _ in range(50):
        now += made.publish() + 0.001
        moments.append(now // module.PERIOD_SECONDS)
    assert moments == [moments[0] + number for number in range(50)]


def test_no_request_carries_more_than_the_api_takes() -> None:
    cloudwatch = CloudWatch()
    publisher(cloudwatch, *[Metric("Depth", number) for number in range(2500)]).publish()
    assert [len(request["MetricData"]) for request in cloudwatch.taken] == [1000, 1000, 500]


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
        assert publisher(client, Metric("WebSocketConnections", 7)).publish() > 0
        stub.assert_no_pending_responses()


def test_a_durable_member_has_series_of_its_own_and_its_tiers() -> None:
    assert dimensions(facts().identity) == [
        {"Stack": "demo", "Tier": "redis"},
        {"Stack": "demo", "Tier": "redis", "Member": "redis-a1"},
    ]


@pytest.mark.parametrize("error", [UNREACHABLE, REFUSED, ZeroDivisionError("a defect")])
def test_no_failure_reaches_the_agent(error: Exception) -> None:
    assert publisher(CloudWatch(error), Metric("Depth", 1)).publish() > 0


def test_it_asks_less_and_less_often_while_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.random, "uniform", lambda _, most: most)
    refused = publisher(
        CloudWatch(*[REFUSED] * 5), Metric("Depth", 1), offset=0.5, clock=lambda: 30.0
    )
    assert [refused.publish() for _ in range(6)] == [120, 240, 480, 660, 660, 60]


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
