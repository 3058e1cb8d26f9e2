"""The rules of composite alarms, by what they mean and by what cannot be read."""

from __future__ import annotations

import pytest
from chatlift_rehearsal.emulator.alarm_rule import RuleError, parse

STATES = {"one": "ALARM", "two": "OK", "three three": "INSUFFICIENT_DATA"}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ('ALARM("one")', True),
        ("ALARM(one)", True),
        ("OK('one')", False),
        ('INSUFFICIENT_DATA("three three")', True),
        ("ALARM(arn:aws:cloudwatch:eu-central-1:123456789012:alarm:one)", True),
        ("ALARM(two) OR ALARM(one)", True),
        ("ALARM(one) AND OK(two)", True),
        ("NOT ALARM(one)", False),
        ("NOT (ALARM(two) OR FALSE)", True),
        ("ALARM(one) OR ALARM(two) AND FALSE", True),
        ("(ALARM(one) OR ALARM(two)) AND FALSE", False),
        ("NOT ALARM(two) AND ALARM(one)", True),
        ("\n ALARM ( one )\n OR\n TRUE ", True),
    ],
)
def test_what_a_rule_means(rule: str, holds: bool) -> None:
    assert parse(rule).holds(STATES) is holds


def test_a_rule_names_its_alarms() -> None:
    assert parse('ALARM("a b") OR NOT (OK(c) AND TRUE)').alarms == {"a b", "c"}


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("ALARM(one) ALARM(two)", "nothing can follow at position 11"),
        ("ALARM(one", "cannot be read from position 0"),
        ("(ALARM(one)", "opened at position 0 is not closed"),
        ("ALARM(one) AND", "ends where a condition is expected"),
        ("AND ALARM(one)", "AND cannot stand at position 0"),
        ("", "ends where a condition is expected"),
        ("alarm(one)", "cannot be read"),
    ],
)
def test_a_rule_that_cannot_be_read_says_where(rule: str, says: str) -> None:
    with pytest.raises(RuleError, match=says):
        parse(rule)
