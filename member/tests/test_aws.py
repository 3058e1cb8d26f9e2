"""Errors of the API as sentences; a wrong clock is named in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.credentials import InstanceMetadataFetcher
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    SSLError,
)
from chatlift_member import aws
from chatlift_member.aws import describe
from member_factory import facts

ENDPOINT = "https://secretsmanager.eu-central-1.amazonaws.com/"


def _refused(code: str, **headers: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": "Signature expired"},
        "ResponseMetadata": {"HTTPHeaders": headers},
    }
    return ClientError(answer, "GetSecretValue")


def _clock_of_aws(**offset: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(**offset), usegmt=True)


@pytest.mark.parametrize(
    ("offset", "says"),
    [({"hours": 3, "seconds": 5}, "3 h 0 min"), ({"days": 2, "minutes": 7}, "48 h 7 min")],
)
def test_a_clock_that_is_late_is_named(offset: dict[str, float], says: str) -> None:
    line = describe(_refused("RequestTimeTooSkewed", date=_clock_of_aws(**offset)))
    assert "GetSecretValue answered RequestTimeTooSkewed (Signature expired); " in line
    assert f"this instance's clock is {says} behind AWS's: see chronyc tracking" in line


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "RequestExpired", "AuthFailure"])
def test_a_clock_that_is_early_is_named_whatever_the_code(code: str) -> None:
    line = describe(_refused(code, date=_clock_of_aws(hours=-5)))
    assert " ahead of AWS's" in line


@pytest.mark.parametrize(
    "headers",
    [{}, {"date": "soon"}, {"date": "Mon, 23 Nov 2026 10:00:00 -0000"}],
    ids=["none", "unreadable", "zoneless"],
)
def test_an_answer_without_a_usable_date_accuses_no_clock(headers: dict[str, str]) -> None:
    assert describe(_refused("SignatureDoesNotMatch", **headers)) == (
        "GetSecretValue answered SignatureDoesNotMatch (Signature expired)"
    )


def test_a_right_clock_is_not_mentioned() -> None:
    assert "clock" not in describe(_refused("AccessDenied", date=_clock_of_aws(seconds=-20)))


def test_a_certificate_out_of_date_may_be_a_wrong_clock() -> None:
    error = SSLError(endpoint_url=ENDPOINT, error="certificate is not yet valid (_ssl.c:1029)")
    assert "this instance's clock says 20" in describe(error)
    assert "clock" not in describe(SSLError(endpoint_url=ENDPOINT, error="self-signed"))
    assert "clock" not in describe(EndpointConnectionError(endpoint_url=ENDPOINT))


def test_a_client_gets_credentials_though_there_were_none_when_it_was_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    known: dict[str, str] = {}
    monkeypatch.setattr(
        InstanceMetadataFetcher, "retrieve_iam_role_credentials", lambda fetcher: dict(known)
    )
    aws._session.cache_clear()
    made = aws.client("ec2", facts(endpoint_url="http://127.0.0.1:9").identity)
    aws._session.cache_clear()
    with pytest.raises(NoCredentialsError):
        made.describe_tags()
    known |= {
        "role_name": "chatlift",
        "access_key": "AKIDEXAMPLE",
        "secret_key": "example",
        "token": "example",
        "expiry_time": f"{datetime.now(UTC) + timedelta(hours=6):%Y-%m-%dT%H:%M:%SZ}",
    }
    with pytest.raises(EndpointConnectionError):
        made.describe_tags()
