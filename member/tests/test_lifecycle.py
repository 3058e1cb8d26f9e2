"""Hooks are completed when they wait, and their absence is understood."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chatlift_member.errors import NotInTime
from chatlift_member.imds import ImdsError
from chatlift_member.lifecycle import Lifecycle
from member_factory import facts


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "so"}}, "CompleteLifecycleAction")


class AutoScaling:
    """Answers the calls one after the other; an exception is raised."""

    def __init__(self, *answers: Exception | None, states: tuple[str, ...] = ()) -> None:
        self.answers = list(answers)
        self.states = list(states)
        self.calls: list[dict[str, str]] = []

    def complete_lifecycle_action(self, **call: str) -> None:
        self.calls.append(call)
        if answer := self.answers.pop(0):
            raise answer

    record_lifecycle_action_heartbeat = complete_lifecycle_action

    def describe_auto_scaling_instances(self, **_: Any) -> dict[str, Any]:
        state = self.states.pop(0) if self.states else None
        if state == "unknown":
            raise refusal("Throttling")
        return {"AutoScalingInstances": [{"LifecycleState": state}] if state else []}


class Metadata:
    def __init__(self, answer: str | Exception | None) -> None:
        self.answer = answer

    def get(self, path: str) -> str | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def lifecycle(autoscaling: Any = None, imds: Any = None) -> Lifecycle:
    return Lifecycle(autoscaling, facts(), imds)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


def test_a_waiting_hook_is_completed() -> None:
    api = AutoScaling(None)
    assert lifecycle(api).complete("chatlift-launch", "CONTINUE") is True
    assert api.calls == [
        {
            "LifecycleHookName": "chatlift-launch",
            "AutoScalingGroupName": "chatlift-demo-redis-a1",
            "InstanceId": "i-0123456789abcdef0",
            "LifecycleActionResult": "CONTINUE",
        }
    ]


@pytest.mark.parametrize("states", [(), ("InService",)])
def test_no_pending_hook_is_no_failure(states: tuple[str, ...]) -> None:
    api = AutoScaling(refusal("ValidationError"), states=states)
    assert lifecycle(api).complete("chatlift-launch", "CONTINUE") is False


def test_a_group_that_has_not_come_to_its_hook_is_waited_for() -> None:
    api = AutoScaling(refusal("ValidationError"), None, states=("Pending",))
    assert lifecycle(api).complete("chatlift-launch", "CONTINUE") is True


def test_a_group_that_comes_to_its_hook_after_the_refusal_is_answered_then() -> None:
    api = AutoScaling(refusal("ValidationError"), None, states=("Terminating:Wait",))
    assert lifecycle(api).complete("chatlift-terminate", "CONTINUE") is True


def test_an_instance_that_waits_at_another_hook_only_is_left_there() -> None:
    refused = refusal("ValidationError")
    api = AutoScaling(refused, refused, states=("Terminating:Wait", "Terminating:Wait"))
    assert lifecycle(api).complete("chatlift-terminate", "CONTINUE") is False
    assert len(api.calls) == 2


def test_an_api_that_does_not_answer_is_asked_again() -> None:
    api = AutoScaling(refusal("Throttling"), None)
    assert lifecycle(api).complete("chatlift-launch", "CONTINUE") is True


def test_a_refusal_that_lasts_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatlift_member.wait.Deadline.remaining", lambda _: 0.0)
    with pytest.raises(NotInTime, match="last seen: CompleteLifecycleAction answered AccessDenied"):
        lifecycle(AutoScaling(refusal("AccessDenied"))).complete("chatlift-launch", "ABANDON")


@pytest.mark.parametrize(
    ("answer", "leaving"),
    [
        ("Terminated", True),
        ("Warmed:Terminated", True),
        ("InService", False),
        ("Warmed:Stopped", False),
        (None, False),
        (ImdsError("away"), False),
    ],
)
def test_an_instance_leaves_only_when_it_is_told_so(answer: Any, leaving: bool) -> None:
    assert lifecycle(imds=Metadata(answer)).is_leaving() is leaving


@pytest.mark.parametrize(
    ("answer", "state", "warm"),
    [
        ("Warmed:Stopped", "", True),
        ("Warmed:Running", "", True),
        ("Warmed:Terminated", "", False),
        ("InService", "Warmed:Pending", False),
        (None, "Warmed:Pending", True),
        (None, "Pending", False),
        (None, "", False),
        (ImdsError("away"), "unknown", False),
    ],
)
def test_an_instance_is_warm_when_metadata_or_else_the_group_says_so(
    answer: Any, state: str, warm: bool
) -> None:
    api = AutoScaling(states=(state,))
    assert lifecycle(api, Metadata(answer)).is_warm() is warm


def test_the_hook_before_the_pool_is_completed_when_it_waits() -> None:
    api = AutoScaling(None, states=("Warmed:Pending", "Warmed:Pending:Wait"))
    assert lifecycle(api).enter_pool("chatlift-launch") is True
    assert [call["LifecycleActionResult"] for call in api.calls] == ["CONTINUE"]


@pytest.mark.parametrize("state", ["Pending", "Pending:Wait", "Warmed:Running", "Warmed:Stopped"])
def test_no_other_hook_is_taken_for_the_one_before_the_pool(state: str) -> None:
    api = AutoScaling(states=(state,))
    assert lifecycle(api).enter_pool("chatlift-launch") is False
    assert api.calls == []


def beats(monkeypatch: pytest.MonkeyPatch, api: AutoScaling) -> None:
    """Let heartbeats go on until they end by themselves."""
    monkeypatch.setattr("chatlift_member.lifecycle.HEARTBEAT_SECONDS", 0)
    with lifecycle(api).heartbeats("chatlift-heartbeats"):
        for thread in threading.enumerate():
            if thread.name == "heartbeat chatlift-heartbeats":
                thread.join(5)
                assert not thread.is_alive()


@pytest.mark.parametrize("state", ["Pending", "Warmed:Pending", "Pending:Wait", "unknown"])
def test_heartbeats_go_on_while_an_action_may_come(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    none_pending = refusal("ValidationError")
    api = AutoScaling(none_pending, None, none_pending, states=(state, "InService"))
    beats(monkeypatch, api)
    assert not api.answers
    assert api.calls[0] == {
        "LifecycleHookName": "chatlift-heartbeats",
        "AutoScalingGroupName": "chatlift-demo-redis-a1",
        "InstanceId": "i-0123456789abcdef0",
    }


@pytest.mark.parametrize("states", [(), ("InService",), ("Pending:Proceed",)])
def test_heartbeats_end_where_no_action_can_come(
    monkeypatch: pytest.MonkeyPatch, states: tuple[str, ...]
) -> None:
    api = AutoScaling(refusal("ValidationError"), None, states=states)
    beats(monkeypatch, api)
    assert len(api.calls) == 1


def test_a_heartbeat_that_fails_is_logged_and_followed_by_the_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    api = AutoScaling(refusal("Throttling"), None, refusal("ValidationError"))
    beats(monkeypatch, api)
    assert not api.answers
    assert "No heartbeat for the hook chatlift-heartbeats" in caplog.text
