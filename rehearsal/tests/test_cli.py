from __future__ import annotations

import json
import os
import shutil

import pytest
from chatlift_rehearsal import launcher, status
from chatlift_rehearsal.cli import main
from chatlift_rehearsal.edge import DistributionView
from chatlift_rehearsal.machine.process import Process
from chatlift_rehearsal.model import AlarmView, Attachment, VolumeView
from click.testing import CliRunner

from .views import balancer, cloud, instance, target

SITE = DistributionView(
    "E1",
    "arn:aws:cloudfront::123456789012:distribution/E1",
    "chat",
    "198.18.0.16",
    "d1.cloudfront.net",
    enabled=True,
    deployed=True,
    origins=(),
    behaviors=(),
    aliases=("chat.demo.test",),
)


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("REHEARSAL_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    from chatlift_rehearsal.settings import Settings

    return Settings.from_environment()


@pytest.fixture
def running(settings):
    """A rehearsal whose process is this one."""
    own = Process.of(os.getpid())
    assert own is not None
    settings.run.mkdir()
    state = {"pid": own.pid, "started": own.started}
    (settings.run / "state").write_text(json.dumps(state))
    members = [
        instance("i-1", name="web", tags={"chatlift:member": "redis-a1"}),
        instance("i-2", name="web", attachments=(Attachment("vol-1", "/dev/sdf"),)),
        instance("i-3", name="web"),
    ]
    view = cloud(
        instances=tuple(members),
        volumes=(VolumeView("vol-1", 8, "in-use"),),
        load_balancers=(balancer(),),
        alarms=(AlarmView("chatlift-demo-serving", "The rule is True."),),
        distributions=(SITE,),
    )
    hosts = {"i-1": "running", "i-2": "dead", "i-3": "running"}
    health = {"arn:app": {target("i-3"): "healthy"}}
    settings.status.write_text(json.dumps(status.describe(view, hosts, health, lambda _: 64 << 20)))
    return own


def invoke(*words):
    return CliRunner().invoke(main, words)


def test_a_second_up_says_so_and_changes_nothing(running, monkeypatch):
    monkeypatch.setattr(launcher, "up", lambda *_: pytest.fail("it was started again"))
    result = invoke("up")
    assert result.exit_code == 0
    assert "runs already" in result.output


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("root", "run it as root"),
        ("podman", "podman"),
        ("account", "AWS_PROFILE"),
    ],
)
def test_up_refuses_in_one_sentence_and_changes_nothing(settings, monkeypatch, what, sentence):
    monkeypatch.setattr(launcher, "up", lambda *_: pytest.fail("it was started"))
    monkeypatch.setattr(shutil, "which", lambda command: None if what == command else command)
    if what == "root":
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    if what == "account":
        monkeypatch.setenv("AWS_PROFILE", "production")
    result = invoke("up")
    assert result.exit_code == 1
    assert sentence in result.output
    assert result.output.startswith("Error: ")
    assert "Traceback" not in result.output
    assert list(settings.home.iterdir()) == []


def test_commands_need_a_rehearsal(settings):
    result = invoke("status")
    assert result.exit_code == 1
    assert "`rehearsal up` starts one" in result.output


def test_a_number_that_was_used_again_is_no_rehearsal(settings, running):
    state = {"pid": running.pid, "started": running.started - 1}
    (settings.run / "state").write_text(json.dumps(state))
    assert launcher.running(settings) is None


def test_status_shows_what_there_is(settings, running):
    output = invoke("status").output
    for expected in (
        "redis-a1",
        "dead",
        "10.42.0.9",
        "http://10.42.0.9/",
        "vol-1",
        "healthy",
        "192 MiB",
        "chatlift-demo-serving",
        "https://chat.demo.test/",
        "Ask 198.18.0.1 for names",
    ):
        assert expected in output
    found = json.loads(invoke("status", "--json").output)
    assert found["volumes"][0]["instance"] == "i-2"
    assert found["authority"] == str(settings.home / "cache" / "authority" / "ca.crt")


def test_an_unknown_name_lists_the_known(running):
    result = invoke("kill", "redis-z9")
    assert result.exit_code == 1
    assert "No instance is called redis-z9; instances: redis-a1, web." in result.output


def test_a_name_of_several_instances_asks_which(running):
    result = invoke("kill", "web")
    assert result.exit_code == 1
    assert "i-1, i-2, i-3" in result.output


def test_what_is_dead_is_not_killed(running):
    result = invoke("kill", "i-2")
    assert result.exit_code == 1
    assert "does not run" in result.output


def test_two_commands_do_not_work_at_once(settings):
    with launcher._alone(settings):
        result = invoke("down")
    assert result.exit_code == 1
    assert "wait until it has ended" in result.output
