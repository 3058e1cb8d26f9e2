"""The tier's secret: fetched from Secrets Manager, kept in memory and tmpfs, never logged."""

from __future__ import annotations

import json
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import certificates
from .aws import API_ERRORS, describe
from .errors import AgentError
from .files import write_atomically
from .tier import Tls
from .wait import Deadline, NotYet, wait_for

STATE = "secret.json"
"""Below ``/run/chatlift``: the secret as this instance uses it, for a restart of the agent."""

LONGEST_PAUSE = 60.0
"""Seconds between two attempts to get the secret, at the most."""


@dataclass(frozen=True)
class Secret:
    """One version of a secret; ``values`` never appear in a log, nor in ``repr``."""

    version: str
    values: dict[str, str]

    def __repr__(self) -> str:
        return f"Secret({self.version!r}, {sorted(self.values)})"


class Source:
    """Where an instance's secret comes from."""

    def __init__(self, client: Any, arn: str, keys: Set[str]) -> None:
        self.arn = arn
        self._client = client
        self._keys = keys

    def fetch(self) -> Secret:
        """The current version, complete and with good certificates.

        Raises an `AgentError` when it cannot be read or is not what docs/contracts.md says.
        """
        try:
            answer = self._client.get_secret_value(SecretId=self.arn)
        except API_ERRORS as error:
            raise AgentError(describe(error)) from None
        values = check_secret(self.arn, str(answer.get("SecretString", "")), self._keys)
        certificates.check(self.arn, values)
        return Secret(answer["VersionId"], values)

    def wait(self, deadline: Deadline) -> Secret:
        """What `fetch` returns, once it does.

        Whatever is wrong with the secret is mended elsewhere, so it is asked for again, ever more
        rarely, and the journal says what is wrong.
        """

        def probe() -> Secret:
            try:
                return self.fetch()
            except AgentError as error:
                raise NotYet(str(error).rstrip(".")) from None

        return wait_for(
            f"the secret {self.arn}", probe, deadline, interval=1, growth=2, longest=LONGEST_PAUSE
        )


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
            "see docs/contracts.md, Secrets, or run playbooks/secrets.yml."
        )
    return secret


def write_tls(secret: dict[str, str], tls: Tls, key_group: str) -> None:
    """Write the PEM files of ``secret``; an app instance's secret has the CA only."""
    write_atomically(tls.ca, secret["ca"], mode=0o644)
    if "certificate" in secret:
        write_atomically(tls.certificate, secret["certificate"], mode=0o640, group=key_group)
        write_atomically(tls.private_key, secret["private_key"], mode=0o640, group=key_group)


def recall(run: Path, keys: Set[str]) -> Secret | None:
    """The secret as an earlier run of the agent used it, since this instance booted.

    With it a restarted agent knows its services at once, and by the passwords they really have.
    None where there is no such run, or where an older agent left what this one needs out.
    """
    try:
        state = json.loads((run / STATE).read_text())
    except FileNotFoundError:
        return None
    secret = Secret(state["version"], state["values"])
    return secret if keys <= secret.values.keys() else None


def remember(run: Path, secret: Secret) -> None:
    """Keep ``secret`` for `recall`."""
    text = json.dumps({"version": secret.version, "values": secret.values})
    write_atomically(run / STATE, text, mode=0o600)
