"""Packer's output is understood, and a Packer that is interrupted gets to clean up."""

from __future__ import annotations

import sys
import textwrap
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ARTIFACT = "1,amazon-ebs.node,artifact,0,id,eu-central-1:ami-0123456789abcdef0"


@pytest.fixture
def packer(collection: None) -> Any:
    return import_module("ansible_collections.chatlift.aws.plugins.plugin_utils.packer")


def _ansible(text: str) -> str:
    return "1,,ui,message,    amazon-ebs.node: " + text.replace(",", "%!(PACKER_COMMA)")


def _program(tmp_path: Path, body: str) -> str:
    program = tmp_path / "packer"
    program.write_text(f"#!{sys.executable}\n{textwrap.dedent(body)}")
    program.chmod(0o755)
    return str(program)


def _build(packer: Any, tmp_path: Path, body: str, **options: Any) -> tuple[Any, list[str]]:
    progress: list[str] = []
    settings = {"progress": progress.append, **options}
    output = packer.build(
        [_program(tmp_path, body)],
        directory=tmp_path,
        environment={},
        log=tmp_path / "log",
        **settings,
    )
    return output, progress


def test_the_image_is_the_artifact_not_a_text_that_looks_like_one(packer: Any) -> None:
    output = packer.Output()
    output.feed(_ansible("ok: ami-11111111111111111"))
    assert output.image_id is None
    output.feed(ARTIFACT)
    output.feed("1,amazon-ebs.node,artifact,0,string,AMIs were created:\\neu-central-1: ami-2")
    assert output.image_id == "ami-0123456789abcdef0"


def test_progress_is_the_steps_and_the_tasks(packer: Any) -> None:
    output = packer.Output()
    shown = [
        output.feed(line)
        for line in (
            "1,,version,1.6.6",
            "1,,ui,say,==> amazon-ebs.node: Connected to SSH!",
            _ansible("TASK [node : Install, and start] *************"),
            _ansible("changed: [default]"),
            "1,,ui,say,==> amazon-ebs.node: Executing Ansible: ansible-playbook -e a",
            "1,,ui,say,\\n==> Builds finished.",
            "not a line of Packer's",
        )
    ]
    assert [text for text in shown if text] == ["Connected to SSH!", "node : Install, and start"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('fatal: [default]: FAILED! => {"msg": "No package matching"}', "No package matching"),
        (
            'failed: [default] (item=x) => {"msg": "non-zero return code", "stderr": "a\\nb\\n"}',
            "non-zero return code: a / b",
        ),
        ('fatal: [default]: UNREACHABLE! => {"msg": "timed out"}', "timed out"),
        ("fatal: [default]: FAILED! => not JSON", "not JSON"),
    ],
)
def test_a_failure_is_the_task_and_its_message(packer: Any, line: str, reason: str) -> None:
    output = packer.Output()
    output.feed(_ansible("TASK [base : Install the packages] ****"))
    output.feed(_ansible(line))
    output.feed("1,,ui,error,Build 'amazon-ebs.node' errored: exit status 2")
    assert output.failure == f"the task 'base : Install the packages' failed: {reason}"


def test_without_a_task_the_failure_is_what_packer_says(packer: Any) -> None:
    output = packer.Output()
    output.feed("1,,ui,error,==> amazon-ebs.node: No AMI was found matching filters")
    assert output.failure == "No AMI was found matching filters"


def test_a_build_gives_the_image_and_keeps_the_log(packer: Any, tmp_path: Path) -> None:
    output, progress = _build(
        packer, tmp_path, f"print('1,,ui,say,==> amazon-ebs.node: Hello')\nprint('{ARTIFACT}')"
    )
    assert output.image_id == "ami-0123456789abcdef0"
    assert progress == ["Hello"]
    assert (tmp_path / "log").read_text().splitlines()[1] == ARTIFACT


@pytest.mark.parametrize("body", ["raise SystemExit(1)", "print('1,,ui,say,Done')"])
def test_a_failed_build_or_one_without_an_image_names_the_log(
    packer: Any, tmp_path: Path, body: str
) -> None:
    with pytest.raises(Exception, match=r"The bake failed: .*The whole log is .*log\."):
        _build(packer, tmp_path, body)


def test_an_interrupted_packer_is_waited_for(packer: Any, tmp_path: Path) -> None:
    body = f"""
        import pathlib, signal, time
        # A shell starts what runs in the background with this signal ignored; Packer listens to it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            print("1,,ui,say,==> amazon-ebs.node: Launching", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            pathlib.Path("{tmp_path}/terminated").touch()
            print("1,,ui,say,Terminating the source AWS instance", flush=True)
    """

    def interrupt(text: str) -> None:
        if text == "Launching":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _build(packer, tmp_path, body, progress=interrupt)
    assert (tmp_path / "terminated").exists()
    assert "Terminating" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("Packer v1.6.5", r"Packer v1\.6\.5 is too old .* install Packer 1\.6\.6 or newer"),
        ("cracklib", "is not HashiCorp's Packer"),
    ],
)
def test_an_unfit_packer_is_refused(
    packer: Any, tmp_path: Path, answer: str, complaint: str
) -> None:
    with pytest.raises(Exception, match=complaint):
        packer.check_version(_program(tmp_path, f"print({answer!r})"))


@pytest.mark.parametrize("version", ["1.6.6", "1.9.4", "1.15.0"])
def test_a_fit_packer_is_accepted(packer: Any, tmp_path: Path, version: str) -> None:
    packer.check_version(_program(tmp_path, f"print('Packer v{version}')"))


def test_a_missing_packer_is_one_sentence(packer: Any) -> None:
    with pytest.raises(Exception, match=r"no command 'no-such-packer'.*install Packer 1\.6\.6"):
        packer.check_version("no-such-packer")
