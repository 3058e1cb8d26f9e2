"""The tier's secret: fetched from Secrets Manager, kept in memory and tmpfs, never logged."""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Any

from .aws import API_ERRORS, describe
from .errors import AgentError
from .files import write_atomically
from .tier import Tls
from .wait import Deadline, NotYet, wait_for


def fetch_secret(client: Any, arn: str, keys: Set[str], deadline: Deadline) -> dict[str, str]:
    """The secret ``arn`` as a dictionary that holds at least ``keys``.

    While the secret cannot be read, for instance because nobody has written it yet or the role's
    credentials are not there, it is asked for again and the journal says so. A secret that can be
    read but breaks the contract is an `AgentError` at once: time does not mend it.
    """

    def probe() -> str:
        try:
            return str(client.get_secret_value(SecretId=arn)["SecretString"])
        except API_ERRORS as error:
            raise NotYet(describe(error)) from None

    text = wait_for(f"the secret {arn}", probe, deadline, interval=1, growth=1.5)
    return check_secret(arn, text, keys)


def check_secret(arn: str, text: str, keys: Set[str]) -> dict[str, str]:
    """``text`` decoded; raises an `AgentError` that names keys, never values."""
    try:
        secret = json.loads(text)
    except json.JSONDecodeError:
        raise AgentError(f"The secret {arn} is not JSON.") from None
    if not isinstance(secret, dict):
        raise AgentError(f"The secret {arn} is not a JSON object.")
    wrong = sorted(
        {key for key in keys if not secret.get(key)}
        | {key for key, value in secret.items() if not isinstance(value, str)}
    )
    if wrong:
        raise AgentError(
            f"The secret {arn} lacks a non-empty string for: {', '.join(wrong)}; "
            "see docs/contracts.md, Secrets."
        )
    return secret


def write_tls(secret: dict[str, str], tls: Tls, key_group: str) -> None:
    """Write the PEM files of ``secret``; an app instance's secret has the CA only."""
    write_atomically(tls.ca, secret["ca"], mode=0o644)
    if "certificate" in secret:
        write_atomically(tls.certificate, secret["certificate"], mode=0o640, group=key_group)
        write_atomically(tls.private_key, secret["private_key"], mode=0o640, group=key_group)
