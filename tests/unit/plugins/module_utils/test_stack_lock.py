"""The lock of a stack: who gets it, who is refused, and what becomes of one that is left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from ...conftest import STACK

NAME = f"/chatlift/{STACK}/lock"


@pytest.fixture
def stack_lock(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = import_module("ansible_collections.chatlift.aws.plugins.module_utils.stack_lock")
    for name, seconds in (
        ("EXPIRY_SECONDS", 0.5),
        ("SETTLE_SECONDS", 0.1),
        ("LOOK_SECONDS", 0.05),
        ("RENEW_SECONDS", 0.1),
    ):
        monkeypatch.setattr(module, name, seconds)
    return module


@pytest.fixture
def programs() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that stand for other controllers and keepers."""
    started = [subprocess.Popen(["sleep", "600"]) for _number in range(2)]
    yield started
    for program in started:
        program.kill()
        program.wait()


@pytest.fixture
def lock(stack_lock: Any, aws: Any) -> Any:
    """The lock as this process asks for it, as its own controller."""
    return stack_lock.Lock(aws("ssm"), STACK, stack_lock.process(os.getpid()), "site.yml")


def _held(aws: Any, stack_lock: Any, **changes: Any) -> dict[str, Any]:
    """Somebody else's lock."""
    value = {
        "token": "another",
        "by": "ada@example",
        "what": "site.yml",
        "since": "2026-11-24 04:00:00 UTC",
        "machine": stack_lock.machine(),
        "controller": [1, "none"],
        "keeper": [1, "none"],
        **changes,
    }
    aws("ssm").put_parameter(Name=NAME, Value=json.dumps(value), Type="String")
    return value


def _holder(aws: Any) -> dict[str, Any]:
    return dict(json.loads(aws("ssm").get_parameter(Name=NAME)["Parameter"]["Value"]))


def _no_words(sentence: str) -> None:
    raise AssertionError(sentence)


def test_a_free_lock_is_taken_and_given_back(aws: Any, lock: Any) -> None:
    assert lock.acquire(_no_words)
    assert _holder(aws)["what"] == "site.yml"
    lock.release()
    with pytest.raises(aws("ssm").exceptions.ParameterNotFound):
        _holder(aws)


def test_the_same_controller_has_it_already(aws: Any, stack_lock: Any, lock: Any) -> None:
    lock.acquire(_no_words)
    again = stack_lock.Lock(aws("ssm"), STACK, stack_lock.process(os.getpid()), "site.yml")
    assert not again.acquire(_no_words)


def test_a_living_holder_here_refuses_at_once(
    aws: Any, stack_lock: Any, lock: Any, programs: Any
) -> None:
    controller = stack_lock.process(programs[0].pid).id
    _held(aws, stack_lock, controller=controller)
    with pytest.raises(stack_lock.LockError, match=r"ada@example .*since 2026-11-24 04:00:00 UTC"):
        lock.acquire(_no_words)


def test_what_a_dead_holder_here_left_is_taken_over(aws: Any, stack_lock: Any, lock: Any) -> None:
    _held(aws, stack_lock)
    said: list[str] = []
    assert lock.acquire(said.append)
    assert _holder(aws)["token"] != "another"
    assert "ada@example" in said[0]


def test_a_keeper_that_still_ends_workers_is_waited_for(
    aws: Any, stack_lock: Any, lock: Any, programs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = programs[0]
    _held(aws, stack_lock, keeper=stack_lock.process(keeper.pid).id)
    looks = iter(range(10))

    def sleep(seconds: float) -> None:
        if next(looks) == 5:
            keeper.kill()
            keeper.wait()

    monkeypatch.setattr(stack_lock.time, "sleep", sleep)
    assert lock.acquire(lambda sentence: None)
    assert keeper.returncode


def test_a_holder_elsewhere_that_renews_refuses(
    aws: Any, stack_lock: Any, lock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = _held(aws, stack_lock, machine="another")

    def renew(seconds: float) -> None:
        aws("ssm").put_parameter(Name=NAME, Value=json.dumps(value), Overwrite=True)

    monkeypatch.setattr(stack_lock.time, "sleep", renew)
    with pytest.raises(stack_lock.LockError):
        lock.acquire(lambda sentence: None)
    assert _holder(aws)["token"] == "another"


def test_a_lock_from_elsewhere_that_nobody_renews_expires(
    aws: Any, stack_lock: Any, lock: Any
) -> None:
    _held(aws, stack_lock, machine="another")
    begin = time.monotonic()
    assert lock.acquire(lambda sentence: None)
    assert time.monotonic() - begin >= 0.5
    assert _holder(aws)["token"] != "another"


def test_of_two_who_take_over_at_once_one_gives_way(
    aws: Any, stack_lock: Any, lock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _held(aws, stack_lock)

    def other_takes_over(seconds: float) -> None:
        aws("ssm").delete_parameter(Name=NAME)
        _held(aws, stack_lock, token="a third", by="grace@example")

    monkeypatch.setattr(stack_lock.time, "sleep", other_takes_over)
    with pytest.raises(stack_lock.LockError, match="grace@example"):
        lock.acquire(lambda sentence: None)


def test_a_lock_that_was_removed_by_hand_comes_back(aws: Any, lock: Any) -> None:
    lock.acquire(_no_words)
    aws("ssm").delete_parameter(Name=NAME)
    assert lock.renew() is None
    assert _holder(aws)["what"] == "site.yml"


def test_a_lock_that_was_taken_away_is_left_alone(aws: Any, stack_lock: Any, lock: Any) -> None:
    lock.acquire(_no_words)
    aws("ssm").delete_parameter(Name=NAME)
    _held(aws, stack_lock)
    assert "ada@example" in lock.lost(lock.renew())
    lock.release()
    assert _holder(aws)["token"] == "another"


def test_what_a_killed_controller_began_is_ended(stack_lock: Any) -> None:
    """Like Ansible's: a worker is a fork with a session of its own, and has a child."""
    program = (
        "import os, subprocess, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    child = subprocess.Popen(['sleep', '600'])\n"
        "    print(os.getpid(), child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    command = [sys.executable, "-c", program]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as started,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as another,
    ):
        assert started.stdout
        numbers = [int(number) for number in started.stdout.readline().split()]
        image = stack_lock.image(started.pid)
        # A controller that lives keeps its workers, and so does another run of the same playbook.
        assert image
        assert not stack_lock.workers_of(image)
        started.kill()
        started.wait()
        assert all(stack_lock.process(number) for number in numbers)
        stack_lock.end_workers(image, lambda: None, timeout=0.2)
        assert not any(stack_lock.process(number) for number in numbers)
        assert another.poll() is None
        image = stack_lock.image(another.pid)
        another.kill()
        another.wait()
        stack_lock.end_workers(image, lambda: None, timeout=0.2)
