"""The journal is delivered at least once, whatever AWS answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from chatlift_member import logs
from chatlift_member.errors import AgentError
from chatlift_member.journal import Journal, read_cursor, write_cursor
from chatlift_member.logs import Forwarder, Stream
from moto import mock_aws

GROUP = "/chatlift/demo/redis"
CURSOR = "s=0123456789abcdef0123456789abcdef;i="
NAMES = {"logGroupName": GROUP, "logStreamName": "i-1"}


def _line(number: int, **fields: Any) -> bytes:
    entry = {
        "__CURSOR": f"{CURSOR}{number}",
        "__REALTIME_TIMESTAMP": str(int(time.time() * 1_000_000)),
        "MESSAGE": f"line {number}",
    }
    return json.dumps({**entry, **fields}).encode()


class FakeJournal:
    """Lines that are there from the beginning; ``then`` is called once they are delivered."""

    def __init__(self, *lines: bytes) -> None:
        self.lines = list(lines)
        self.then: Any = None
        self.closed = False
        self._silent = 0

    def line(self, timeout: float) -> bytes | None:
        if self.lines:
            return self.lines.pop(0)
        self._silent += 1
        if self.then and self._silent > 1:
            self.then()
        return None

    def close(self) -> None:
        self.closed = True


class FakeLogs:
    """PutLogEvents that answers from a list of errors, then takes everything."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.streams = 0
        self.taken: list[list[str]] = []
        self.answer: dict[str, Any] = {}

    def create_log_stream(self, **names: str) -> None:
        assert names == NAMES
        self.streams += 1

    def put_log_events(self, *, logEvents: list[dict[str, Any]], **names: str) -> dict[str, Any]:
        assert names == NAMES
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append([json.loads(event["message"])["message"] for event in logEvents])
        return self.answer


def _error(code: str, operation: str = "PutLogEvents") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were waited for, in no time."""
    waited: list[float] = []
    wait = threading.Event.wait

    def pause(event: threading.Event, timeout: float | None = None) -> bool:
        waited.append(timeout or 0)
        return wait(event, 0)

    monkeypatch.setattr(threading.Event, "wait", pause)
    return waited


def _forward(client: Any, tmp_path: Path, *lines: bytes) -> Forwarder:
    journal = FakeJournal(*lines)
    forwarder = Forwarder(Stream(client, GROUP, "i-1"), journal, tmp_path / "cursor")  # type: ignore[arg-type]
    journal.then = forwarder.stop
    forwarder.run()
    assert journal.closed
    return forwarder


def test_what_is_there_goes_out_as_one_batch_and_its_end_is_kept(tmp_path: Path) -> None:
    client = FakeLogs()
    _forward(client, tmp_path, _line(1), _line(2), b"-- no entry --", _line(3))
    assert client.taken == [["line 1", "line 2", "line 3"]]
    assert client.streams == 1
    assert read_cursor(tmp_path / "cursor") == f"{CURSOR}3"


def test_a_batch_that_is_full_is_followed_by_another(tmp_path: Path) -> None:
    long = "x" * 150_000
    client = FakeLogs()
    _forward(client, tmp_path, *(_line(number, MESSAGE=long) for number in range(10)))
    assert [len(batch) for batch in client.taken] == [6, 4]


@pytest.mark.parametrize(
    "error",
    [
        _error("ThrottlingException"),
        _error("ServiceUnavailableException"),
        EndpointConnectionError(endpoint_url="https://logs"),
    ],
)
def test_a_refused_batch_is_sent_again_ever_more_slowly(
    tmp_path: Path, pauses: list[float], caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    caplog.set_level("INFO")
    client = FakeLogs(*[error] * 9)
    _forward(client, tmp_path, _line(1))
    assert client.taken == [["line 1"]]
    assert all(
        limit / 2 <= pause <= limit
        for pause, limit in zip(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True)
    )
    messages = [record.message for record in caplog.records]
    assert len(messages) == 2, "the same reason is said once"
    assert messages[0].startswith(f"CloudWatch Logs does not take entries for {GROUP}: ")
    assert messages[1] == f"Forwarding to {GROUP} again."


def test_the_place_in_the_journal_is_not_kept_before_delivery(
    tmp_path: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    client = FakeLogs(_error("ThrottlingException"))
    put = client.put_log_events

    def put_and_look(**request: Any) -> dict[str, Any]:
        seen.append(read_cursor(tmp_path / "cursor"))
        return put(**request)

    monkeypatch.setattr(client, "put_log_events", put_and_look)
    _forward(client, tmp_path, _line(1))
    assert seen == [None, None]


def test_stopping_in_a_pause_leaves_the_batch_to_the_next_start(tmp_path: Path) -> None:
    journal = FakeJournal(_line(1))
    client = FakeLogs(*[_error("ThrottlingException")] * 5)
    forwarder = Forwarder(Stream(client, GROUP, "i-1"), journal, tmp_path / "cursor")  # type: ignore[arg-type]
    forwarder.stop()
    forwarder.run()
    assert client.taken == []
    assert read_cursor(tmp_path / "cursor") is None


def test_a_missing_group_is_said_and_waited_for(
    tmp_path: Path, pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    with mock_aws():
        client = boto3.client(
            "logs", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        create = client.create_log_group
        forwarder = Forwarder(
            Stream(client, GROUP, "i-1"),
            FakeJournal(_line(1)),  # type: ignore[arg-type]
            tmp_path / "cursor",
        )
        forwarder.journal.then = forwarder.stop  # type: ignore[attr-defined]
        explain = forwarder._explain

        def explain_and_mend(error: Exception) -> str:
            create(logGroupName=GROUP)
            return explain(error)

        forwarder._explain = explain_and_mend  # type: ignore[method-assign]
        forwarder.run()
        found = client.get_log_events(**NAMES)["events"]
    assert [json.loads(event["message"])["message"] for event in found] == ["line 1"]
    assert f"The log group {GROUP} or" in caplog.text
    assert "playbooks/observability.yml" in caplog.text


def test_a_stream_that_was_deleted_is_made_again(tmp_path: Path, pauses: list[float]) -> None:
    client = FakeLogs(_error("ResourceNotFoundException"))
    _forward(client, tmp_path, _line(1))
    assert client.streams == 2
    assert client.taken == [["line 1"]]


def test_a_stream_of_an_earlier_start_is_used(tmp_path: Path) -> None:
    client = boto3.client("logs", "eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub:
        stub.add_client_error("create_log_stream", "ResourceAlreadyExistsException")
        stub.add_response("put_log_events", {})
        _forward(client, tmp_path, _line(1))
        stub.assert_no_pending_responses()


def test_one_invalid_entry_does_not_hold_up_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Picky(FakeLogs):
        def put_log_events(
            self, *, logEvents: list[dict[str, Any]], **names: str
        ) -> dict[str, Any]:
            if any("line 3" in event["message"] for event in logEvents):
                raise _error("InvalidParameterException")
            return super().put_log_events(logEvents=logEvents, **names)

    client = Picky()
    forwarder = _forward(client, tmp_path, *(_line(number) for number in range(6)))
    assert list(chain(*client.taken)) == ["line 0", "line 1", "line 2", "line 4", "line 5"]
    assert forwarder.stream.rejected == 1
    assert "An entry is left out (1 so far): PutLogEvents answered" in caplog.text


@pytest.mark.parametrize(
    ("info", "count"),
    [
        ({"tooOldLogEventEndIndex": 1}, 2),
        ({"tooOldLogEventEndIndex": 0, "expiredLogEventEndIndex": 1}, 2),
        ({"tooNewLogEventStartIndex": 2}, 1),
        ({"tooOldLogEventEndIndex": 0, "tooNewLogEventStartIndex": 2}, 2),
        ({}, 0),
    ],
)
def test_rejected_entries_are_counted_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, info: dict[str, int], count: int
) -> None:
    client = FakeLogs()
    client.answer = {"rejectedLogEventsInfo": info}
    forwarder = _forward(client, tmp_path, _line(1), _line(2), _line(3))
    assert forwarder.stream.rejected == count
    assert (f"({count} so far)" in caplog.text) == bool(count)
    assert read_cursor(tmp_path / "cursor") == f"{CURSOR}3", "they are not sent again"


def test_a_full_disk_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, cursor: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(logs, "write_cursor", full)
    client = FakeLogs()
    _forward(client, tmp_path, _line(1))
    assert client.taken == [["line 1"]]
    assert "No space left on device" in caplog.text


@pytest.mark.parametrize("kept", ["", "s=;i=", "\0\0\0\0", "cursor"])
def test_a_damaged_cursor_is_none(tmp_path: Path, kept: str) -> None:
    (tmp_path / "cursor").write_text(kept)
    assert read_cursor(tmp_path / "cursor") is None


@pytest.fixture
def journalctl(tmp_path: Path) -> Iterator[Path]:
    """A program that prints its arguments and a line, then follows for ever."""
    program = tmp_path / "journalctl"
    program.write_text(
        '#!/bin/sh\necho "$@"\necho entry\n[ ! -e "$0.ends" ] || exit 7\nexec sleep 60\n'
    )
    program.chmod(0o755)
    yield program


@pytest.mark.parametrize(
    ("kept", "begins"), [(None, "--boot"), (f"{CURSOR}1", f"--after-cursor={CURSOR}1")]
)
def test_the_journal_is_read_from_where_it_was_left(
    journalctl: Path, tmp_path: Path, kept: str | None, begins: str
) -> None:
    if kept:
        write_cursor(tmp_path / "kept", kept)
    journal = Journal(read_cursor(tmp_path / "kept"), str(journalctl))
    arguments = (journal.line(10) or b"").decode().split()
    assert begins in arguments
    assert {"--follow", "--no-tail", "--all", "--output=json"} < set(arguments)
    assert journal.line(10) == b"entry\n"
    assert journal.line(0) is None
    journal.close()


def test_a_journalctl_that_ends_is_noticed_after_its_last_line(journalctl: Path) -> None:
    Path(f"{journalctl}.ends").touch()
    journal = Journal(None, str(journalctl))
    journal.line(10)
    assert journal.line(10) == b"entry\n"
    journal._reader.join(10)
    with pytest.raises(AgentError, match=r"journalctl has ended \(7\)"):
        journal.line(0)
