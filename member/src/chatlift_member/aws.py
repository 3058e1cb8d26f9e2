"""Clients of the AWS API, and its errors as sentences."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    DeferredRefreshableCredentials,
    InstanceMetadataFetcher,
    InstanceMetadataProvider,
)
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, SSLError

from .facts import Identity

API_ERRORS = (BotoCoreError, ClientError)
"""Everything a call can raise: not reachable, no credentials yet, refused."""

CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far this clock may be from AWS's before an error mentions it. AWS refuses signatures that are
more than five minutes off: https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
"""

_CONFIG = Config(
    connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
)
_METADATA_SECONDS = 5.0
"""For one answer of the metadata service; botocore's own second is short for a busy machine."""

_OUT_OF_DATE = ("certificate is not yet valid", "certificate has expired")


class _RoleLater(CredentialProvider):  # type: ignore[misc] # botocore has no types
    """The credentials of the instance's role, asked for until the metadata service has them.

    Without it, a client that is made while the service is slow, or does not know the role yet,
    never gets any.
    """

    METHOD = "iam-role-later"

    def load(self) -> DeferredRefreshableCredentials:
        """Credentials that are fetched when the first call needs them."""
        return DeferredRefreshableCredentials(refresh_using=_of_the_role, method=self.METHOD)


def _of_the_role() -> dict[str, Any]:
    fetcher = InstanceMetadataFetcher(timeout=_METADATA_SECONDS, num_attempts=1)
    found: dict[str, Any] = fetcher.retrieve_iam_role_credentials()
    if not found:
        raise NoCredentialsError
    return found


@cache
def _session() -> Any:
    session = botocore.session.get_session()
    resolver = session.get_component("credential_provider")
    resolver.insert_after(InstanceMetadataProvider.METHOD, _RoleLater())
    # It would tell with a stack trace what the failing call says in a line.
    logging.getLogger("botocore.credentials").setLevel(logging.CRITICAL)
    return boto3.Session(botocore_session=session)


def client(service: str, identity: Identity) -> Any:
    """A client of ``service``; its credentials are those of the instance's role."""
    return _session().client(
        service,
        region_name=identity.region,
        endpoint_url=identity.endpoint_url or None,
        config=_CONFIG,
    )


def error_code(error: Exception) -> str:
    """The API's code, such as ``VolumeInUse``; empty when no answer came."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def describe(error: Exception) -> str:
    """The error in one line: which operation, which code, what AWS said.

    A wrong clock shows as RequestTimeTooSkewed, SignatureDoesNotMatch, RequestExpired, AuthFailure
    and other codes, by service. Each answer says what time it is for AWS, so the line names the
    clock whenever the two differ, and by how much.
    """
    if isinstance(error, ClientError):
        said = error.response["Error"]
        line = f"{error.operation_name} answered {said['Code']} ({said.get('Message', '')})"
        return line + _about_the_clock(error)
    line = " ".join(str(error).split())
    if isinstance(error, SSLError) and any(reason in line for reason in _OUT_OF_DATE):
        line += f"; this instance's clock says {_now():%Y-%m-%d %H:%M} UTC: if that is wrong, "
        line += "see chronyc tracking"
    return line


def _about_the_clock(error: ClientError) -> str:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        theirs = parsedate_to_datetime(headers["date"])
        offset = _now() - theirs
    except (KeyError, ValueError, TypeError):  # no date, not a date, a date without its zone
        return ""
    if abs(offset) <= CLOCK_TOLERANCE:
        return ""
    # No seconds: the same difference has to make the same line, which is then logged once.
    hours, minutes = divmod(round(abs(offset) / timedelta(minutes=1)), 60)
    side = "ahead of" if offset > timedelta() else "behind"
    return f"; this instance's clock is {hours} h {minutes} min {side} AWS's: see chronyc tracking"


def _now() -> datetime:
    return datetime.now(UTC)
