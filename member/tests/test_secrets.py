"""A secret is waited for, checked by key, and never quoted."""

import grp
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from authority import Authority
from botocore.exceptions import ClientError
from chatlift_member.errors import AgentError, NotInTime
from chatlift_member.secrets import Secret, Source, check_secret, recall, remember, write_tls
from chatlift_member.tier import Tls
from chatlift_member.wait import Deadline

ARN = "arn:secret"
CA = Authority().pem
GOOD = json.dumps({"ca": CA})


class Manager:
    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:
        answer = self.answers.pop(0) if self.answers else ""
        if not answer:
            error = {"Error": {"Code": "ResourceNotFoundException", "Message": "no value yet"}}
            raise ClientError(error, "GetSecretValue")
        return {"SecretString": answer, "VersionId": "v1"}


def test_a_missing_secret_is_asked_for_ever_more_rarely(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []
    # The module's own: threads of other tests sleep, too.
    monkeypatch.setattr("chatlift_member.wait.time", SimpleNamespace(sleep=pauses.append))
    caplog.set_level("INFO")
    source = Source(Manager(*[""] * 8, GOOD), ARN, {"ca"})
    assert source.wait(Deadline(500)) == Secret("v1", {"ca": CA})
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert [record.message for record in caplog.records] == [
        f"Waiting for the secret {ARN}: GetSecretValue answered ResourceNotFoundException "
        "(no value yet)."
    ]


@pytest.mark.parametrize("broken", ["hunter2", "{}", json.dumps({"ca": "hunter2"})])
def test_a_broken_secret_may_be_mended_meanwhile(
    broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    caplog.set_level("INFO")
    assert Source(Manager(broken, GOOD), ARN, {"ca"}).wait(Deadline(5)).values["ca"] == CA
    [line] = [record.message for record in caplog.records]
    assert line.startswith(f"Waiting for the secret {ARN}: The secret {ARN} ")
    assert "hunter2" not in line


def test_a_secret_that_never_comes_is_a_sentence() -> None:
    with pytest.raises(NotInTime, match="the secret arn:secret; last seen: GetSecretValue"):
        Source(Manager(), ARN, {"ca"}).wait(Deadline(0))


def test_a_restarted_agent_recalls_the_secret_that_its_services_use(tmp_path: Path) -> None:
    assert recall(tmp_path, {"ca"}) is None
    remember(tmp_path, Secret("v1", {"ca": CA}))
    assert recall(tmp_path, {"ca"}) == Secret("v1", {"ca": CA})
    assert (tmp_path / "secret.json").stat().st_mode & 0o777 == 0o600


def test_what_an_older_agent_did_not_need_is_fetched(tmp_path: Path) -> None:
    remember(tmp_path, Secret("v1", {"ca": CA}))
    assert recall(tmp_path, {"ca", "sentinel_password"}) is None


def test_a_secret_does_not_show_its_values() -> None:
    assert "hunter2" not in repr(Secret("v1", {"password": "hunter2"}))


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
