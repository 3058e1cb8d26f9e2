"""No service gets certificates that it cannot serve with."""

from __future__ import annotations

from datetime import timedelta

import pytest
from authority import NOW, YEAR, Authority
from chatlift_member.certificates import check, end, fingerprint
from chatlift_member.errors import AgentError

ARN = "arn:secret"
HOUR = timedelta(hours=1)
AUTHORITY = Authority()


def test_a_good_secret_passes_whichever_of_its_authorities_signed() -> None:
    secret = AUTHORITY.issue()
    check(ARN, secret)
    check(ARN, {**secret, "ca": Authority().pem + AUTHORITY.pem})
    check(ARN, {"ca": AUTHORITY.pem})


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"ca": "no PEM"}, "is not PEM"),
        ({"certificate": "no PEM"}, "is not PEM"),
        ({"private_key": "no PEM"}, "is not PEM"),
        ({"private_key": AUTHORITY.issue()["private_key"]}, "is not that of its certificate"),
        ({"ca": Authority().pem}, "No authority in ca"),
        (AUTHORITY.issue(start=NOW + HOUR), "is good from .* by this instance's clock .* chronyc"),
        (
            AUTHORITY.issue(end=NOW - HOUR),
            "was good until .*rotate_certificates.yml, or .*chronyc",
        ),
    ],
)
def test_a_bad_one_is_refused_in_a_sentence(changed: dict[str, str], sentence: str) -> None:
    with pytest.raises(AgentError, match=sentence) as refusal:
        check(ARN, {**AUTHORITY.issue(), **changed})
    assert ARN in str(refusal.value)
    assert "PRIVATE KEY" not in str(refusal.value)


def test_the_end_is_that_of_the_certificate_or_of_the_last_authority() -> None:
    old, new = Authority(end=NOW + HOUR), Authority(end=NOW + YEAR)
    certificates, authority = "rotate_certificates", "rotate_authority"
    for secret, moment, playbook in (
        (new.issue(end=NOW + 2 * HOUR), NOW + 2 * HOUR, certificates),
        ({"ca": old.pem + new.pem}, NOW + YEAR, authority),
        (old.issue(end=NOW + YEAR), NOW + HOUR, authority),
    ):
        assert end(secret) == (moment, f"playbooks/{playbook}.yml")


def test_the_fingerprint_changes_with_what_is_served_and_with_what_is_trusted() -> None:
    secret = AUTHORITY.issue()
    same = {**secret, "app_password": "x"}
    seen = {fingerprint(s) for s in (secret, same, AUTHORITY.issue(), {"ca": AUTHORITY.pem})}
    assert len(seen) == 3
