"""A report is a tag's value: short, in order, and with the reason where there is one."""

from __future__ import annotations

import pytest
from chatlift_member.health import Status
from chatlift_member.report import LONGEST, Answer, Request, answered, parse_request, write

PRIMARY = Status(
    True,
    True,
    "primary",
    "ONLINE",
    metrics={"mysql_replication_lag_seconds": 0.04, "mysql_oldest_transaction_seconds": 2.26},
    leader="mysql-a1",
    version="9.7.0",
)


def test_a_request_says_what_to_do_and_until_when() -> None:
    assert parse_request("id=1f do=lead until=1790000000.5") == Request("1f", "lead", 1790000000.5)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("do=lead until=1", "it has no 'id'"),
        ("id=1f do=dance until=1", "do is 'dance', and has to be report or lead"),
        ("id=1f do=lead until=soon", "could not convert"),
    ],
)
def test_another_request_is_refused_with_the_reason(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_request(text)


def test_a_report_has_all_that_a_gate_asks_for() -> None:
    assert write(PRIMARY, Answer("1f", "done")) == (
        "id=1f answer=done role=primary healthy=yes leader=mysql-a1 version=9.7.0 "
        "lag=0.0 oldest=2.3"
    )


def test_what_is_not_known_is_left_out() -> None:
    replica = Status(True, False, "replica", "ok", metrics={"redis_slots_uncovered": 0})
    assert write(replica, Answer()) == "role=replica healthy=yes uncovered=0.0"


def test_the_reason_comes_last_and_is_cut_to_what_a_tag_holds() -> None:
    down = Status.down("DOWN", "MySQL does not answer = bad.")
    assert write(down, Answer()).endswith("healthy=no said=MySQL does not answer = bad.")
    refused = write(PRIMARY, Answer("1f", "refused", "x" * 300))
    assert len(refused) == LONGEST
    assert answered(refused) == Answer("1f", "refused")


def test_words_of_the_reason_are_no_words_of_the_report() -> None:
    refused = write(PRIMARY, Answer("1f", "refused", "It has id=2e answer=done."))
    assert answered(refused) == Answer("1f", "refused")


@pytest.mark.parametrize("report", ["", "role=replica healthy=yes"])
def test_a_report_that_nobody_asked_for_answers_nothing(report: str) -> None:
    assert answered(report) == Answer()
