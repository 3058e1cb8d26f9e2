"""A secret is waited for, checked by key, and never quoted."""

import grp
import json
import os
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from chatlift_member.errors import AgentError, NotInTime
from chatlift_member.secrets import check_secret, fetch_secret, write_tls
from chatlift_member.tier import Tls
from chatlift_member.wait import Deadline

ARN = "arn:secret"


class Manager:
    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:
        answer = self.answers.pop(0) if self.answers else ""
        if not answer:
            error = {"Error": {"Code": "ResourceNotFoundException", "Message": "no value yet"}}
            raise ClientError(error, "GetSecretValue")
        return {"SecretString": answer}


def test_a_missing_secret_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    caplog.set_level("INFO")
    manager = Manager("", "", json.dumps({"ca": "x"}))
    assert fetch_secret(manager, ARN, {"ca"}, Deadline(5)) == {"ca": "x"}
    assert [record.message for record in caplog.records] == [
        f"Waiting for the secret {ARN}: GetSecretValue answered ResourceNotFoundException "
        "(no value yet)."
    ]


def test_a_secret_that_never_comes_is_a_sentence() -> None:
    with pytest.raises(NotInTime, match="the secret arn:secret; last seen: GetSecretValue"):
        fetch_secret(Manager(), ARN, {"ca"}, Deadline(0))


@pytest.mark.parametrize(
    "text", ["no json: hunter2", '["hunter2"]', '{"a": "hunter2", "b": ""}', '{"b": ["hunter2"]}']
)
def test_a_broken_secret_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(AgentError) as raised:
        check_secret(ARN, text, {"a", "b"})
    assert ARN in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_the_private_key_is_for_the_service_alone(tmp_path: Path) -> None:
    tls = Tls(tmp_path / "tls/ca.crt", tmp_path / "tls/server.crt", tmp_path / "tls/server.key")
    group = grp.getgrgid(os.getgid()).gr_name
    write_tls({"ca": "A", "certificate": "B", "private_key": "C"}, tls, group)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tls.ca.parent.iterdir()}
    assert modes == {"ca.crt": "0o644", "server.crt": "0o640", "server.key": "0o640"}
    assert tls.private_key.read_text() == "C\n"


def test_an_app_instance_has_the_authority_only(tmp_path: Path) -> None:
    tls = Tls(tmp_path / "ca.crt", tmp_path / "server.crt", tmp_path / "server.key")
    write_tls({"ca": "A"}, tls, "root")
    assert [path.name for path in tmp_path.iterdir()] == ["ca.crt"]
