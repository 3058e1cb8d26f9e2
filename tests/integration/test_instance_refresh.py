"""chatlift.aws.instance_refresh on the emulated API, whose clock passes when the module waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from botocore.exceptions import EndpointConnectionError
from chatlift_rehearsal.emulator import state

from tests.integration.refreshing import NAME, NO_IMAGE, Account

PLUGINS = "ansible_collections.chatlift.aws.plugins"
V2 = {"name": NAME, "version": "2"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "false"
    made = Account()
    monkeypatch.setattr(state, "now", made.now)
    made.wait(100)
    yield made
    made.end()


@pytest.fixture
def said(collection: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was shown."""
    lines: list[str] = []
    action = import_module(f"{PLUGINS}.action.instance_refresh")
    monkeypatch.setattr(action.display, "display", lines.append)
    return lines


@pytest.fixture
def refresh(
    account: Account, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    action = import_module(f"{PLUGINS}.action.instance_refresh")
    watch = import_module(f"{PLUGINS}.module_utils.refresh_watch")
    clock = SimpleNamespace(sleep=account.wait, monotonic=account.now)
    monkeypatch.setattr(watch, "time", clock)
    monkeypatch.setattr(action, "boto3", account)

    def run(check: bool = False, **options: Any) -> dict[str, Any]:
        """Run the action; unless a test says otherwise, all are replaced at once."""
        task = MagicMock(check_mode=check, environment=[{"PROOF": "of the task"}], async_val=0)
        task.args = {"name": NAME, "max_healthy_percentage": 200, **options}
        plugin = action.ActionModule(
            task, MagicMock(), MagicMock(), DataLoader(), Templar(DataLoader()), MagicMock()
        )
        return dict(plugin.run(task_vars={}))

    return run


def tag(account: Account) -> str | None:
    tags = {one["Key"]: one["Value"] for one in account.group["Tags"]}
    return tags.get("chatlift:version-before")


def leave_running(refresh: Any, account: Account, seconds: int = 10) -> None:
    """A refresh to version 2, one instance at a time, that an earlier run left behind."""
    refresh(launch_template=V2, wait=False, max_healthy_percentage=110)
    account.wait(seconds)


def test_all_instances_are_replaced_and_nothing_the_second_time(
    refresh: Any, account: Account
) -> None:
    old = account.ids
    done = refresh(launch_template=V2)
    assert done["changed"]
    assert {one["id"] for one in done["replaced"]} == old
    assert done["refresh"]["status"] == "Successful"
    assert account.versions == ["2", "2", "2"]
    assert account.group["LaunchTemplate"]["Version"] == "2"
    again = refresh(launch_template=V2)
    assert not again["changed"]
    assert len(account.refreshes) == 1


def test_the_way_is_told(refresh: Any, account: Account, said: list[str]) -> None:
    done = refresh(launch_template=V2, max_healthy_percentage=110)
    assert any("to version 2 (InProgress, 33 %)" in line for line in said)
    for one in account.ids:
        assert any(f"{one} is in service after" in line for line in said)
    events = [(one["event"], one["status"]) for one in done["history"]]
    assert events.count(("launch", "Successful")) == 3
    assert events.count(("termination", "Successful")) == 3
    parts = done["seconds"]
    assert sum(parts[name] for name in ("launch", "leave", "wait")) == pytest.approx(
        parts["total"], abs=0.2
    )


def test_what_was_asked_for_reaches_aws(refresh: Any, account: Account) -> None:
    account.alarm("errors", "OK")
    refresh(
        launch_template=V2,
        wait=False,
        max_healthy_percentage=110,
        instance_warmup=5,
        checkpoint_percentages=[30, 100],
        checkpoint_delay=60,
        bake_time=30,
        alarms=["errors"],
        standby_instances="ignore",
        scale_in_protected_instances="refresh",
    )
    preferences = account.refreshes[0]["Preferences"]
    assert preferences == {
        "MinHealthyPercentage": 100,
        "MaxHealthyPercentage": 110,
        "InstanceWarmup": 5,
        "CheckpointPercentages": [30, 100],
        "CheckpointDelay": 60,
        "SkipMatching": True,
        "AutoRollback": True,
        "ScaleInProtectedInstances": "Refresh",
        "StandbyInstances": "Ignore",
        "AlarmSpecification": {"Alarms": ["errors"]},
        "BakeTime": 30,
    }


def test_check_mode_names_those_that_would_be_replaced(refresh: Any, account: Account) -> None:
    planned = refresh(check=True, launch_template=V2)
    assert planned["changed"]
    assert {one["id"] for one in planned["replaced"]} == account.ids
    group = f"group {NAME}"
    assert planned["diff"]["before"][group]["launch_template_version"] == "1"
    assert set(planned["diff"]["before"][group]["instances"]) == account.ids
    assert planned["diff"]["after"][group]["launch_template_version"] == "2"
    assert not account.refreshes
    assert tag(account) is None


def test_check_mode_knows_versions_that_are_not_made_yet(refresh: Any, account: Account) -> None:
    version = {"name": NAME, "version": "(known after apply)"}
    planned = refresh(check=True, launch_template=version)
    assert {one["id"] for one in planned["replaced"]} == account.ids


def test_only_those_that_are_old_are_replaced(refresh: Any, account: Account) -> None:
    leave_running(refresh, account)
    refresh(state="cancelled")
    kept = [one for one in account.group["Instances"] if one["LaunchTemplate"]["Version"] == "2"]
    assert kept
    done = refresh(launch_template=V2)
    assert kept[0]["InstanceId"] in account.ids
    assert len(done["replaced"]) == 3 - len(kept)


def test_the_group_is_brought_to_the_version_that_all_instances_have(
    refresh: Any, account: Account
) -> None:
    refresh(launch_template=V2)
    account.groups.update_auto_scaling_group(
        AutoScalingGroupName=NAME,
        LaunchTemplate={"LaunchTemplateName": NAME, "Version": "1"},
    )
    before = account.ids
    done = refresh(launch_template=V2)
    assert (done["changed"], done["replaced"]) == (True, [])
    assert account.ids == before
    assert account.group["LaunchTemplate"]["Version"] == "2"


def test_without_skip_matching_all_are_replaced_again(refresh: Any, account: Account) -> None:
    refresh(launch_template=V2)
    old = account.ids
    assert refresh(launch_template=V2, skip_matching=False)["changed"]
    assert not old & account.ids


def test_a_mixed_group_keeps_its_policy(refresh: Any, account: Account) -> None:
    account.groups.update_auto_scaling_group(
        AutoScalingGroupName=NAME,
        MixedInstancesPolicy={
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateName": NAME, "Version": "1"},
                "Overrides": [{"InstanceType": "t3.small"}, {"InstanceType": "t3.medium"}],
            },
            "InstancesDistribution": {"OnDemandPercentageAboveBaseCapacity": 50},
        },
    )
    assert refresh(launch_template=V2)["refresh"]["status"] == "Successful"
    policy = account.group["MixedInstancesPolicy"]
    assert policy["LaunchTemplate"]["LaunchTemplateSpecification"]["Version"] == "2"
    assert [one["InstanceType"] for one in policy["LaunchTemplate"]["Overrides"]] == [
        "t3.small",
        "t3.medium",
    ]
    assert policy["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] == 50
    assert not refresh(launch_template=V2)["changed"]


def test_a_warm_instance_of_old_is_replaced_too(refresh: Any, account: Account) -> None:
    refresh(launch_template=V2)
    account.groups.put_warm_pool(
        AutoScalingGroupName=NAME, MinSize=1, MaxGroupPreparedCapacity=3, PoolState="Running"
    )
    account.wait(10)
    assert not refresh(launch_template=V2)["changed"]
    account.add_version(InstanceType="t3.medium")
    version = {"name": NAME, "version": "3"}
    assert len(refresh(check=True, launch_template=version)["replaced"]) == 4
    assert refresh(launch_template=version)["refresh"]["status"] == "Successful"
    [warm] = account.groups.describe_warm_pool(AutoScalingGroupName=NAME)["Instances"]
    assert warm["LaunchTemplate"]["Version"] == "3"


# Refused.


@pytest.mark.parametrize("version", ["$Latest", "$Default", "newest", "0"])
def test_a_version_has_to_be_a_number(refresh: Any, version: str) -> None:
    refused = refresh(launch_template={"name": NAME, "version": version})
    assert refused["failed"]
    assert f"The launch template version {version} means another one" in refused["msg"]
    assert "Write the number" in refused["msg"]


def test_a_version_has_to_exist(refresh: Any) -> None:
    refused = refresh(launch_template={"name": NAME, "version": "9"})
    assert refused["msg"] == f"The launch template {NAME} has no version 9."


def test_a_group_has_to_exist(refresh: Any) -> None:
    refused = refresh(name="nobody", launch_template=V2)
    assert "There is no Auto Scaling group nobody" in refused["msg"]


def test_a_group_without_a_number_cannot_be_rolled_back(refresh: Any, account: Account) -> None:
    account.groups.update_auto_scaling_group(
        AutoScalingGroupName=NAME,
        LaunchTemplate={"LaunchTemplateName": NAME, "Version": "$Default"},
    )
    refused = refresh(launch_template=V2)
    assert "to which AWS rolls nothing back" in refused["msg"]
    assert not account.refreshes
    assert refresh(launch_template=V2, auto_rollback=False)["refresh"]["status"] == "Successful"


@pytest.mark.parametrize("found", ["ALARM", "INSUFFICIENT_DATA"])
def test_an_alarm_that_is_not_ok_is_named_with_its_reason(
    refresh: Any, account: Account, found: str
) -> None:
    account.alarm("errors", found)
    refused = refresh(launch_template=V2, alarms=["errors"])
    assert f"The alarm errors is in the state {found}" in refused["msg"]
    assert "a test" in refused["msg"]
    refused = refresh(launch_template=V2, alarms=["nobody"])
    assert "There is no alarm nobody" in refused["msg"]
    assert not account.refreshes


# Interrupted.


def test_a_refresh_to_the_same_version_is_taken_up(
    refresh: Any, account: Account, said: list[str]
) -> None:
    leave_running(refresh, account)
    done = refresh(launch_template=V2)
    assert done["changed"]
    assert done["refresh"]["status"] == "Successful"
    assert len(account.refreshes) == 1
    assert any("going on with the refresh to version 2" in line for line in said)


def test_a_refresh_to_another_version_is_refused(refresh: Any, account: Account) -> None:
    leave_running(refresh, account)
    refused = refresh(launch_template={"name": NAME, "version": "1"})
    assert "is being refreshed to version 2 (InProgress, 0 %), not to version 1" in refused["msg"]
    assert "state=rolled_back" in refused["msg"]
    assert account.refreshes[0]["Status"] == "InProgress"


def test_a_refresh_that_is_being_rolled_back_is_not_taken_up(
    refresh: Any, account: Account
) -> None:
    leave_running(refresh, account)
    refresh(state="rolled_back", wait=False)
    refused = refresh(launch_template=V2)
    assert "(RollbackInProgress" in refused["msg"]


def test_a_wait_that_is_too_short_says_how_far_it_is(refresh: Any, account: Account) -> None:
    late = refresh(launch_template=V2, wait_timeout=5)
    assert "Waited 5 s for the refresh of chatlift-demo-app to version 2" in late["msg"]
    assert "It goes on without this" in late["msg"]
    assert account.refreshes[0]["Status"] == "InProgress"
    assert refresh(launch_template=V2)["refresh"]["status"] == "Successful"


def test_errors_of_the_network_do_not_end_the_wait(
    refresh: Any, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe, calls = account.groups.describe_scaling_activities, count()

    def sometimes(**arguments: Any) -> Any:
        if next(calls) % 2:
            raise EndpointConnectionError(endpoint_url="it")
        return describe(**arguments)

    monkeypatch.setattr(account.groups, "describe_scaling_activities", sometimes)
    assert refresh(launch_template=V2)["refresh"]["status"] == "Successful"


# Failed.


def test_new_instances_that_fail_are_given_up_soon(refresh: Any, account: Account) -> None:
    old = account.ids
    account.add_version(ImageId=NO_IMAGE)
    began = account.seconds
    failed = refresh(launch_template={"name": NAME, "version": "3"}, max_healthy_percentage=110)
    assert failed["failed"]
    assert "ended as RollbackSuccessful: 3 new instances failed" in failed["msg"]
    assert NO_IMAGE in failed["msg"]
    assert "All instances run version 1 again" in failed["msg"]
    assert account.seconds - began < 120
    assert account.ids == old
    assert [one["status"] for one in failed["history"]] == ["Failed"] * 3


def test_a_launch_that_the_agent_gives_up_is_a_failure(refresh: Any, account: Account) -> None:
    account.groups.put_lifecycle_hook(
        AutoScalingGroupName=NAME,
        LifecycleHookName="launch",
        LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
        HeartbeatTimeout=600,
    )

    def abandon() -> None:
        for one in account.group["Instances"]:
            if one["LifecycleState"] == "Pending:Wait":
                account.groups.complete_lifecycle_action(
                    AutoScalingGroupName=NAME,
                    LifecycleHookName="launch",
                    InstanceId=one["InstanceId"],
                    LifecycleActionResult="ABANDON",
                )

    account.at_each_step.append(abandon)
    failed = refresh(launch_template=V2)
    assert "RollbackSuccessful: 3 new instances failed, the last one: Lifecycle" in failed["msg"]


def test_new_instances_that_turn_ill_are_failures(refresh: Any, account: Account) -> None:
    old = account.ids

    def sicken() -> None:
        for one in account.ids - old:
            account.groups.set_instance_health(InstanceId=one, HealthStatus="Unhealthy")

    account.at_each_step.append(sicken)
    failed = refresh(launch_template=V2)
    assert "RollbackSuccessful: 3 new instances failed" in failed["msg"]
    assert "health" in failed["msg"]
    assert account.ids == old


def test_without_rollback_it_is_cancelled_and_the_way_back_is_named(
    refresh: Any, account: Account
) -> None:
    account.add_version(ImageId=NO_IMAGE)
    failed = refresh(
        launch_template={"name": NAME, "version": "3"}, auto_rollback=False, max_failures=1
    )
    assert "ended as Cancelled: 1 new instances failed" in failed["msg"]


def test_an_alarm_rolls_back_what_was_replaced(refresh: Any, account: Account) -> None:
    account.alarm("errors", "OK")

    def fire() -> None:
        if account.versions.count("2") > 1 and account.refreshes[0]["Status"] == "InProgress":
            account.alarm("errors", "ALARM")

    account.at_each_step.append(fire)
    failed = refresh(launch_template=V2, alarms=["errors"], max_healthy_percentage=110)
    assert "ended as RollbackSuccessful: The alarm errors is in the ALARM state" in failed["msg"]
    assert account.versions == ["1", "1", "1"]
    assert "undone_image" not in failed  # both versions have the same


def test_the_image_that_was_undone_is_told(refresh: Any, account: Account) -> None:
    account.add_version(ImageId=NO_IMAGE)
    failed = refresh(launch_template={"name": NAME, "version": "3"}, max_failures=1)
    assert (failed["failed"], failed["undone_image"]["id"]) == (True, NO_IMAGE)
    again = refresh(state="rolled_back")  # by the next one, when the first was interrupted
    assert (again["changed"], again["undone_image"]) == (False, failed["undone_image"])


def test_a_refresh_that_fails_for_good_names_those_that_are_left(
    refresh: Any, account: Account
) -> None:
    account.alarm("errors", "OK")

    def fire() -> None:
        if account.versions.count("2") > 1 and account.refreshes[0]["Status"] == "InProgress":
            account.alarm("errors", "ALARM")

    account.at_each_step.append(fire)
    failed = refresh(
        launch_template=V2, alarms=["errors"], auto_rollback=False, max_healthy_percentage=110
    )
    assert "ended as Failed: The alarm errors is in the ALARM state" in failed["msg"]
    assert "The group has version 1, but not i-" in failed["msg"]
    assert "playbooks/rollback.yml" in failed["msg"]
    account.at_each_step.clear()
    account.wait(10)
    back = refresh(state="rolled_back")
    assert back["changed"]
    assert account.versions == ["1", "1", "1"]


# Back.


def test_what_is_under_way_is_rolled_back(refresh: Any, account: Account) -> None:
    old = account.ids
    leave_running(refresh, account)
    planned = refresh(check=True, state="rolled_back")
    assert planned["changed"]
    assert {one["launch_template_version"] for one in planned["replaced"]} == {"2"}
    assert account.refreshes[0]["Status"] == "InProgress"
    done = refresh(state="rolled_back")
    assert (done["changed"], done["refresh"]["status"]) == (True, "RollbackSuccessful")
    assert account.ids == old
    assert not refresh(state="rolled_back")["changed"]


def test_what_has_ended_is_refreshed_to_the_version_before(refresh: Any, account: Account) -> None:
    refresh(launch_template=V2)
    assert tag(account) == "1"
    account.alarm("errors", "ALARM")  # it may be why
    done = refresh(state="rolled_back", alarms=["errors"])
    assert (done["changed"], done["refresh"]["status"]) == (True, "Successful")
    assert "undone_image" not in done
    assert account.versions == ["1", "1", "1"]
    assert not refresh(state="rolled_back")["changed"]


def test_who_goes_back_already_is_not_turned_round(refresh: Any, account: Account) -> None:
    account.add_version(ImageId=NO_IMAGE)
    account.groups.update_auto_scaling_group(
        AutoScalingGroupName=NAME, LaunchTemplate={"LaunchTemplateName": NAME, "Version": "3"}
    )
    scaling_group = import_module(f"{PLUGINS}.module_utils.scaling_group")
    scaling_group.note_version_before(account.groups, NAME, "1")
    refresh(state="rolled_back", wait=False, skip_matching=False)
    account.wait(5)
    assert account.refreshes[0]["Status"] == "InProgress"
    done = refresh(state="rolled_back")
    assert done["refresh"]["status"] == "Successful"
    assert account.versions == ["1", "1", "1"]
    assert done["undone_image"]["id"] == NO_IMAGE


def test_the_version_to_go_back_to_can_be_named(refresh: Any, account: Account) -> None:
    account.add_version(InstanceType="t3.medium")
    refresh(launch_template=V2)
    refresh(launch_template={"name": NAME, "version": "3"})
    assert tag(account) == "2"
    refresh(state="rolled_back", launch_template={"name": NAME, "version": "1"})
    assert account.versions == ["1", "1", "1"]


def test_without_a_past_there_is_no_way_back(refresh: Any) -> None:
    refused = refresh(state="rolled_back")
    assert "Nothing tells which version the group chatlift-demo-app had before" in refused["msg"]
    assert "Name the version in launch_template" in refused["msg"]


def test_a_refresh_without_a_desired_version_cannot_be_rolled_back(
    refresh: Any, account: Account
) -> None:
    account.groups.start_instance_refresh(AutoScalingGroupName=NAME)
    refused = refresh(state="rolled_back")
    assert "AWS cannot roll back the refresh of chatlift-demo-app" in refused["msg"]
    assert "state=cancelled" in refused["msg"]


def test_what_an_earlier_cancellation_left_is_replaced_too(refresh: Any, account: Account) -> None:
    leave_running(refresh, account)
    refresh(state="cancelled")
    assert "2" in account.versions
    leave_running(refresh, account)
    refresh(state="rolled_back")
    assert account.versions == ["1", "1", "1"]


# Cancelled.


def test_a_refresh_is_cancelled_once(refresh: Any, account: Account) -> None:
    assert not refresh(state="cancelled")["changed"]
    leave_running(refresh, account)
    assert refresh(check=True, state="cancelled")["changed"]
    assert account.refreshes[0]["Status"] == "InProgress"
    done = refresh(state="cancelled")
    assert (done["changed"], done["refresh"]["status"]) == (True, "Cancelled")
    assert not refresh(state="cancelled")["changed"]


def test_the_documentation_has_the_options_of_the_action(collection: None) -> None:
    action = import_module(f"{PLUGINS}.action.instance_refresh")
    module = import_module(f"{PLUGINS}.modules.instance_refresh")
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert options.keys() == action.ARGUMENTS.keys()
    for name, said in options.items():
        spec = action.ARGUMENTS[name]
        for key in ("type", "required", "default", "choices", "elements"):
            assert said.get(key) == spec.get(key), (name, key)
