"""The rules of composite alarms: ``ALARM("a") OR (NOT OK(b) AND FALSE)``.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

States = Mapping[str, str]
"""The state of each alarm by name."""

_TOKEN = re.compile(
    r"""\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"(?P<quoted>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>[^\s()"']+))\s*\)
      |(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<bracket>[()]))""",
    re.VERBOSE,
)


class RuleError(ValueError):
    """The rule cannot be read; the text says where."""


@dataclass(frozen=True)
class Rule:
    """A rule: whether it holds, and on which alarms that depends."""

    holds: Callable[[States], bool]
    alarms: frozenset[str]


@dataclass(frozen=True)
class _Token:
    kind: str
    alarm: str
    at: int


def parse(text: str) -> Rule:
    """The rule that ``text`` says; raises `RuleError`.

    ``NOT`` binds closest, then ``AND``, then ``OR``.
    """
    parser = _Parser(text)
    rule = parser.disjunction()
    if (left := parser.peek()) is not None:
        raise RuleError(f"nothing can follow at position {left.at}: {text[left.at :]!r}")
    return rule


def name_of(alarm: str) -> str:
    """The name of an alarm that is given by name or ARN."""
    return alarm.split(":alarm:", 1)[1] if alarm.startswith("arn:") else alarm


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))

    def peek(self) -> _Token | None:
        return self._tokens[0] if self._tokens else None

    def _take(self, kind: str) -> bool:
        if self._tokens and self._tokens[0].kind == kind:
            self._tokens.pop(0)
            return True
        return False

    def disjunction(self) -> Rule:
        rule = self._conjunction()
        while self._take("OR"):
            rule = _both(rule, self._conjunction(), any)
        return rule

    def _conjunction(self) -> Rule:
        rule = self._negation()
        while self._take("AND"):
            rule = _both(rule, self._negation(), all)
        return rule

    def _negation(self) -> Rule:
        if self._take("NOT"):
            inner = self._negation()
            return Rule(lambda states: not inner.holds(states), inner.alarms)
        return self._term()

    def _term(self) -> Rule:
        if not self._tokens:
            raise RuleError(f"it ends where a condition is expected: {self._text!r}")
        token = self._tokens.pop(0)
        if token.kind == "(":
            rule = self.disjunction()
            if not self._take(")"):
                raise RuleError(f"a bracket opened at position {token.at} is not closed")
            return rule
        if token.kind in ("TRUE", "FALSE"):
            return Rule(lambda _: token.kind == "TRUE", frozenset())
        if token.alarm:
            name = name_of(token.alarm)
            return Rule(lambda states: states.get(name) == token.kind, frozenset({name}))
        raise RuleError(f"{token.kind} cannot stand at position {token.at}")


def _both(one: Rule, other: Rule, how: Callable[[list[bool]], bool]) -> Rule:
    return Rule(
        lambda states: how([one.holds(states), other.holds(states)]), one.alarms | other.alarms
    )


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if not match:
            raise RuleError(f"it cannot be read from position {at} on: {text[at:]!r}")
        found = match.groupdict()
        alarm = found["quoted"] or found["single"] or found["plain"] or ""
        kind = found["state"] or found["word"] or found["bracket"]
        yield _Token(kind, alarm, match.start() + len(match.group()) - len(match.group().lstrip()))
        at = match.end()
