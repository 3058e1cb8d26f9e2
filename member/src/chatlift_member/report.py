"""What is asked of a member, and what it answers: two tags of its instance.

The account speaks to a member, and hears from it, through the EC2 API alone. Its words are
``key=value``, apart by blanks, within the 256 characters that a tag's value may have.
"""

from __future__ import annotations

from dataclasses import dataclass

from .health import Status

REQUEST_TAG = "chatlift:request"
REPORT_TAG = "chatlift:report"

LONGEST = 256
"""Characters of a tag's value.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html
"""

FIGURES = {
    "mysql_replication_lag_seconds": "lag",
    "redis_replication_lag_seconds": "lag",
    "mysql_oldest_transaction_seconds": "oldest",
    "redis_slots_uncovered": "uncovered",
}
"""Those of the member's own figures (`Status.metrics`) that a report has, and their names in it."""


@dataclass(frozen=True)
class Request:
    """What the account asks of this member."""

    id: str
    do: str
    """``report`` or ``lead``."""
    until: float
    """Seconds since the epoch; from then on nobody waits for it any more."""


@dataclass(frozen=True)
class Answer:
    """What became of a request."""

    id: str = ""
    word: str = ""
    """``done``, ``refused`` or ``failed``; empty while nothing was asked."""
    said: str = ""
    """Why not, as a sentence."""


def parse_request(text: str) -> Request:
    """The request in a tag's value; raises `ValueError`, whose text is what is wrong."""
    words = _words(text)
    try:
        request = Request(words["id"], words["do"], float(words["until"]))
    except KeyError as missing:
        raise ValueError(f"it has no {missing}") from None
    if request.do not in ("report", "lead"):
        raise ValueError(f"do is {request.do!r}, and has to be report or lead")
    return request


def answered(report: str) -> Answer:
    """What became of the request that a report answers, without the reason."""
    words = _words(report.partition(" said=")[0])
    return Answer(words.get("id", ""), words.get("answer", ""))


def write(status: Status, answer: Answer) -> str:
    """The report: what was asked last, how the member is, and what there is to be said about it."""
    words = {
        "id": answer.id,
        "answer": answer.word,
        "role": status.role,
        "healthy": "yes" if status.healthy else "no",
        "leader": status.leader,
        "version": status.version,
    }
    for key, name in FIGURES.items():
        if key in status.metrics:
            words[name] = f"{status.metrics[key]:.1f}"
    said = answer.said or ("" if status.healthy else status.detail)
    # Last, for it may have any character.
    words["said"] = said
    return " ".join(f"{key}={value}" for key, value in words.items() if value)[:LONGEST]


def _words(text: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in text.split() if "=" in word)
