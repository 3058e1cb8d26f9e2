"""Batches keep to the limits of PutLogEvents, and entries of any kind become events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chatlift_member.logs_batch import (
    BATCH_BYTES,
    BATCH_EVENTS,
    BATCH_SPAN,
    EVENT_OVERHEAD,
    FUTURE,
    LONGEST_NAME,
    LONGEST_TEXT,
    Batch,
    Event,
    parse_entry,
)

NOW = 1_800_000_000_000


def _event(timestamp: int = NOW, message: str = "x") -> Event:
    return Event(cursor=f"c{timestamp}", timestamp=timestamp, message=message)


def _line(**fields: Any) -> str:
    entry = {
        "__CURSOR": "s=ab;i=1",
        "__REALTIME_TIMESTAMP": "1800000000123456",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "node",
        "_SYSTEMD_UNIT": "chatlift-app@1.service",
        "MESSAGE": "hello",
    }
    return json.dumps({**entry, **fields})


def test_an_entry_becomes_an_event() -> None:
    event = parse_entry(_line())
    assert (event.cursor, event.timestamp) == ("s=ab;i=1", 1_800_000_000_123)
    assert json.loads(event.message) == {
        "unit": "chatlift-app@1.service",
        "identifier": "node",
        "priority": 4,
        "message": "hello",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([104, 105, 255], "hi�"),
        (["one", "two"], "one\ntwo"),
        (["one", [116, 119, 111]], "one\ntwo"),
        ([], ""),
        (None, ""),
        ("\ud800", "?"),
        ("{no json", "{no json"),
        ('{"a": "\\ud800"}', '{"a": "\\ud800"}'),
        ("{" * 100_000, "{" * 100_000),
        ("grüße\n", "grüße\n"),
    ],
)
def test_messages_of_any_kind_become_text(value: Any, text: str) -> None:
    event = parse_entry(_line(MESSAGE=value))
    assert json.loads(event.message)["message"] == text
    assert event.size > EVENT_OVERHEAD


def test_an_entry_of_the_kernel_has_no_unit_and_may_lack_the_rest() -> None:
    line = json.dumps({"__CURSOR": "s=ab;i=1", "__REALTIME_TIMESTAMP": "1000"})
    assert json.loads(parse_entry(line).message) == {
        "unit": "",
        "identifier": "",
        "priority": 6,
        "message": "",
    }


@pytest.mark.parametrize("nonsense", ["urgent", ["1", "2"], [0, 255], None, "9" * 5000])
def test_no_program_can_break_the_forwarding_by_what_it_says_of_itself(nonsense: Any) -> None:
    event = parse_entry(_line(PRIORITY=nonsense, SYSLOG_IDENTIFIER=nonsense))
    document = json.loads(event.message)
    assert document["priority"] == 6
    assert len(document["identifier"]) <= LONGEST_NAME


def test_an_application_that_writes_json_is_not_wrapped_in_text() -> None:
    event = parse_entry(_line(MESSAGE='{"level": "warn", "room": 7}'))
    assert json.loads(event.message)["message"] == {"level": "warn", "room": 7}


@pytest.mark.parametrize("character", ["a", '"', "\x01", "€", "😀"])
def test_an_entry_longer_than_an_event_is_cut_and_says_so(character: str) -> None:
    event = parse_entry(_line(MESSAGE=character * 1_100_000))
    document = json.loads(event.message)
    assert document["message"] == character * LONGEST_TEXT
    assert document["characters"] == 1_100_000
    assert event.size <= BATCH_BYTES


@pytest.mark.parametrize("line", ["-- Boot --", "{}", '{"__CURSOR": "c"}'])
def test_what_is_no_entry_is_refused(line: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        parse_entry(line)


def test_a_batch_ends_at_ten_thousand_events() -> None:
    batch = Batch()
    assert all(batch.add(_event()) for _ in range(BATCH_EVENTS))
    assert not batch.add(_event())
    assert len(batch.events) == BATCH_EVENTS


def test_a_batch_ends_at_its_bytes_which_count_utf8_and_overhead() -> None:
    batch = Batch()
    half = _event(message="ü" * ((BATCH_BYTES // 2 - EVENT_OVERHEAD) // 2))
    assert batch.add(half)
    assert batch.add(half)
    assert batch.size == BATCH_BYTES
    assert not batch.add(_event(message=""))


def test_one_event_may_fill_a_batch() -> None:
    assert Batch().add(_event(message="x" * (BATCH_BYTES - EVENT_OVERHEAD)))


@pytest.mark.parametrize("direction", [1, -1])
def test_a_batch_spans_a_day_whichever_way_the_clock_went(direction: int) -> None:
    batch = Batch()
    assert batch.add(_event(NOW))
    assert batch.add(_event(NOW + direction * BATCH_SPAN))
    assert not batch.add(_event(NOW - direction))
    assert batch.cursor == f"c{NOW + direction * BATCH_SPAN}"


def test_events_are_sent_by_time_but_the_cursor_is_that_of_the_last_one_read() -> None:
    batch = Batch()
    for timestamp in (NOW + 5, NOW - 5, NOW):
        batch.add(_event(timestamp))
    request = batch.request(NOW)
    assert [event["timestamp"] for event in request] == [NOW - 5, NOW, NOW + 5]
    assert batch.cursor == f"c{NOW}"


def test_an_event_of_the_future_gets_the_present() -> None:
    batch = Batch()
    for timestamp in (NOW + FUTURE + 1, NOW + FUTURE, NOW):
        batch.add(_event(timestamp))
    stamps = [event["timestamp"] for event in batch.request(NOW)]
    assert stamps == [NOW, NOW, NOW + FUTURE]
