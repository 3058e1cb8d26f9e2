"""The role's alarms over what the agents publish: quiet while all is well, raised for what is not.

The agents are only their publishers here, and the test turns CloudWatch's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from chatlift_member.health import Status
from chatlift_member.metrics_cloudwatch import Figures, Publisher
from chatlift_rehearsal.emulator import server, state

from tests.integration.ansible import run_playbook

REGION = "eu-central-1"
STACK = "demo"
MINUTES = 40
"""How many pass at most until alarms are as wanted; some look at a quarter of an hour."""

TIERS = {
    "redis": [f"redis-{zone}{number}" for zone in "abc" for number in (1, 2)],
    "mysql": [f"mysql-{zone}1" for zone in "abc"],
}
WELL = {
    "disk_used_ratio": 0.3,
    "certificate_expiry_seconds": 90 * 86400.0,
    "redis_slots_uncovered": 0.0,
    "redis_replication_link_down": 0.0,
    "redis_memory_used_ratio": 0.2,
    "redis_connected_clients": 20.0,
    "redis_connections_used_ratio": 0.1,
    "mysql_members_online": 3.0,
    "mysql_replication_lag_seconds": 0.0,
    "mysql_applier_queue_transactions": 0.0,
    "mysql_connections": 20.0,
    "mysql_connections_used_ratio": 0.1,
}


@dataclass
class Account:
    """An emulated account with a load balancer, and members that publish their figures."""

    emulator: server.MotoEmulator
    members: dict[str, Status] = field(default_factory=dict)
    seconds: float = 960.0  # a full minute
    session: boto3.Session = field(
        default_factory=lambda: boto3.Session("rehearsal", "rehearsal", region_name=REGION)
    )

    def now(self) -> float:
        return self.seconds

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.emulator.endpoint,
            "AWS_ACCESS_KEY_ID": "rehearsal",
            "AWS_SECRET_ACCESS_KEY": "rehearsal",
            "AWS_REGION": REGION,
        }

    def client(self, service: str) -> Any:
        return self.session.client(service, endpoint_url=self.emulator.endpoint)

    def states(self) -> dict[str, str]:
        """The state of each alarm of members, without ``chatlift-<stack>-``."""
        prefix = f"chatlift-{STACK}-"
        found = self.client("cloudwatch").describe_alarms(AlarmNamePrefix=prefix, MaxRecords=100)
        return {
            alarm["AlarmName"].removeprefix(prefix): alarm["StateValue"]
            for alarm in found["MetricAlarms"]
            if alarm["Namespace"] == "chatlift" and "app" not in alarm["AlarmName"]
        }

    def pass_minutes(self, wanted: Callable[[dict[str, str]], bool]) -> None:
        """Let every member publish, minute by minute, until the alarms are as wanted."""
        cloudwatch = self.client("cloudwatch")
        for _ in range(MINUTES):
            if wanted(self.states()):
                return
            self.seconds += 20
            for name, status in self.members.items():
                tier = name.split("-")[0]
                of_tier = {"Stack": STACK, "Tier": tier}
                figures = Figures(tier).of(status)
                series = [of_tier, {**of_tier, "Member": name}]
                Publisher(cloudwatch, series, lambda figures=figures: figures).publish()  # type: ignore[misc]
            self.seconds += 40
            self.emulator.step()
        raise AssertionError(f"after {MINUTES} minutes: {self.states()}")


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    made = Account(server.start("127.0.0.1", 0))
    patch = pytest.MonkeyPatch()
    patch.setattr(state, "now", made.now)
    ec2, elb = made.client("ec2"), made.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.42.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.42.{number}.0/24", AvailabilityZone=f"{REGION}{letter}"
        )["Subnet"]["SubnetId"]
        for number, letter in enumerate("ab")
    ]
    elb.create_load_balancer(Name=f"chatlift-{STACK}", Subnets=subnets)
    elb.create_target_group(Name=f"chatlift-{STACK}-app", Protocol="HTTP", Port=8080, VpcId=vpc)
    outcome = run_playbook("observability", variables={"chatlift_environment": made.environment})
    assert outcome.code == 0, outcome.text
    yield made
    patch.undo()
    made.emulator.stop()


@pytest.fixture(autouse=True)
def well(account: Account) -> None:
    """Everybody is well, and every alarm knows."""
    account.members = {
        name: Status(True, name.endswith("1"), "primary", "ok", metrics=WELL)
        for names in TIERS.values()
        for name in names
    }
    account.pass_minutes(lambda seen: set(seen.values()) == {"OK"})


def _raised(seen: dict[str, str]) -> set[str]:
    return {name for name, state in seen.items() if state == "ALARM"}


def _with(**figures: float) -> Status:
    return Status(True, False, "replica", "ok", metrics={**WELL, **figures})


@pytest.mark.parametrize(
    ("member", "status", "alarms"),
    [
        ("mysql-b1", Status.down("DOWN", ""), {"mysql-unhealthy"}),
        ("mysql-b1", _with(mysql_members_online=2), {"mysql-members"}),
        ("mysql-b1", _with(mysql_replication_lag_seconds=90), {"mysql-replication-lag"}),
        ("mysql-b1", _with(mysql_connections_used_ratio=0.9), {"mysql-connections"}),
        ("mysql-b1", _with(disk_used_ratio=0.9), {"mysql-data-volume"}),
        ("redis-a2", _with(certificate_expiry_seconds=86400.0), {"redis-certificates"}),
        ("redis-a2", _with(redis_replication_link_down=1), {"redis-replication-link"}),
        ("redis-a2", _with(redis_memory_used_ratio=0.95), {"redis-memory"}),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, set) else "",
)
def test_what_ails_one_member_raises_its_alarm_alone(
    account: Account, member: str, status: Status, alarms: set[str]
) -> None:
    account.members[member] = status
    account.pass_minutes(lambda seen: _raised(seen) == alarms)


def test_a_tier_that_nobody_leads_is_told(account: Account) -> None:
    for name in TIERS["mysql"]:
        account.members[name] = _with()
    account.pass_minutes(lambda seen: _raised(seen) == {"mysql-no-primary"})
    serving = account.client("cloudwatch").describe_alarms(
        AlarmNames=[f"chatlift-{STACK}-serving"], AlarmTypes=["CompositeAlarm"]
    )["CompositeAlarms"][0]
    assert serving["StateValue"] == "ALARM"


def test_slots_count_as_uncovered_only_where_all_say_so(account: Account) -> None:
    for name in TIERS["redis"][1:]:
        account.members[name] = _with(redis_slots_uncovered=5461)
    account.pass_minutes(lambda seen: not _raised(seen))
    account.members[TIERS["redis"][0]] = _with(redis_slots_uncovered=5461)
    account.pass_minutes(lambda seen: _raised(seen) == {"redis-slots-uncovered"})


@pytest.mark.parametrize(
    ("restarts", "wanted"), [([0, 1, 2, 3, 4, 5], "ALARM"), ([0, 4, 4, 4, 4, 4], "OK")]
)
def test_processes_that_end_again_and_again_are_told(
    account: Account, restarts: list[int], wanted: str
) -> None:
    cloudwatch, figures = account.client("cloudwatch"), Figures("app")
    group = f"chatlift-{STACK}-app"
    series = {"Stack": STACK, "Tier": "app", "AutoScalingGroupName": group}
    for count in restarts:
        account.seconds += 20
        found = figures.of(Status(True, False, "app", "", metrics={"app_restarts": count}))
        Publisher(cloudwatch, [series], lambda found=found: found).publish()  # type: ignore[misc]
        account.seconds += 40
        account.emulator.step()
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[f"{group}-restarts"])["MetricAlarms"]
    assert alarm["StateValue"] == wanted


def test_silence_of_a_tier_is_a_breach_of_what_serves(account: Account) -> None:
    for name in TIERS["mysql"]:
        del account.members[name]
    account.pass_minutes(lambda seen: _raised(seen) == {"mysql-no-primary", "mysql-unhealthy"})
