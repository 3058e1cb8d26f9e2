from __future__ import annotations

import os
import subprocess
import threading
import time

import pytest
from chatlift_rehearsal.environment import exports
from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.jobs import Jobs
from chatlift_rehearsal.machine import shell
from chatlift_rehearsal.machine.instance_types import GIB, memory_bytes, vcpus
from chatlift_rehearsal.machine.network import leg_of
from chatlift_rehearsal.machine.process import Process
from chatlift_rehearsal.settings import DEFAULT_HOME, Settings


@pytest.mark.parametrize(
    ("instance_type", "gib"),
    [
        ("t3.nano", 0.5),
        ("t3.small", 2),
        ("t4g.medium", 4),
        ("m7g.large", 8),
        ("c6i.xlarge", 8),
        ("r6g.large", 16),
        ("m5.4xlarge", 64),
    ],
)
def test_memory_of_an_instance_type(instance_type, gib):
    assert memory_bytes(instance_type) == gib * GIB


@pytest.mark.parametrize("instance_type", ["t3.24xlarge", "p5.48xlarge", "m5.metal", "nonsense"])
def test_an_unknown_instance_type_has_no_limit(instance_type):
    assert memory_bytes(instance_type) is None


@pytest.mark.parametrize(
    ("instance_type", "count"),
    [("t3.small", 2), ("t3.xlarge", 4), ("c7i.medium", 1), ("c7i.large", 2), ("r7i.4xlarge", 16)],
)
def test_an_instance_type_says_how_many_processors_there_are(
    instance_type: str, count: int
) -> None:
    assert vcpus(instance_type) == count


def test_names_fit_into_what_the_kernel_allows(tmp_path):
    assert Settings(DEFAULT_HOME).bridge == "chatlift"
    assert len(Settings(tmp_path).bridge) <= 15
    assert Settings(tmp_path).tag != Settings(tmp_path / "other").tag
    assert len(leg_of("i-0123456789abcdef0")) == 15


def test_a_process_is_told_from_a_later_one_with_its_number():
    own = Process.of(os.getpid())
    assert own is not None
    assert own.alive
    assert not Process(own.pid, own.started - 1).alive


def test_a_process_that_ignores_the_request_is_made_to_end():
    child = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo ready; sleep 60 & wait; wait"], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    process = Process.of(child.pid)
    assert process is not None
    process.end(grace=0.1)
    assert not process.alive
    child.wait()


def test_a_failed_command_is_a_sentence():
    with pytest.raises(RehearsalError) as error:
        shell.run("sh", "-c", "echo first >&2; echo why >&2; exit 3")
    assert str(error.value).endswith("ended with status 3: why.")


def test_a_command_that_does_not_end_is_stopped():
    with pytest.raises(RehearsalError, match=r"after 0\.1 seconds"):
        shell.run("sleep", "5", timeout=0.1)


def test_a_key_is_busy_while_its_job_runs_and_rests_after_a_failure(caplog):
    jobs, go = Jobs(workers=1), threading.Event()

    def fail():
        go.wait(5)
        raise RehearsalError("It is broken.")

    jobs.submit("key", fail)
    assert jobs.busy() == {"key"}
    go.set()
    assert jobs.done.wait(5)
    assert jobs.busy() == {"key"}
    assert "It is broken." in caplog.text
    jobs.stop()


def test_a_key_is_free_after_its_job():
    jobs = Jobs(workers=1)
    jobs.submit("key", lambda: time.sleep(0))
    assert jobs.done.wait(5)
    assert jobs.busy() == set()
    jobs.stop()


def test_the_environment_points_at_the_rehearsal_and_nowhere_else(tmp_path):
    script = exports(Settings(tmp_path)) + "env"
    before = {"PATH": os.environ["PATH"], "AWS_PROFILE": "prod", "AWS_ACCESS_KEY_ID": "AKIA"}
    after = subprocess.check_output(["sh", "-c", script], env=before, text=True)
    assert "AWS_ENDPOINT_URL=http://198.18.0.1:4566\n" in after
    assert "AWS_ACCESS_KEY_ID=rehearsal\n" in after
    assert "AWS_SHARED_CREDENTIALS_FILE=/dev/null\n" in after
    assert "AWS_PROFILE" not in after
