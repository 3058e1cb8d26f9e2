"""Clients of the AWS API, and its errors as sentences."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .facts import Identity

API_ERRORS = (BotoCoreError, ClientError)
"""Everything a call can raise: not reachable, no credentials yet, refused."""

_CONFIG = Config(
    connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
)


def client(service: str, identity: Identity) -> Any:
    """A client of ``service``; its credentials are those of the instance's role."""
    return boto3.client(
        service,
        region_name=identity.region,
        endpoint_url=identity.endpoint_url or None,
        config=_CONFIG,
    )


def error_code(error: Exception) -> str:
    """The API's code, such as ``VolumeInUse``; empty when no answer came."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def describe(error: Exception) -> str:
    """The error in one line: which operation, which code, what AWS said."""
    if isinstance(error, ClientError):
        said = error.response["Error"]
        return f"{error.operation_name} answered {said['Code']} ({said.get('Message', '')})"
    return " ".join(str(error).split())
