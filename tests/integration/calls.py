"""The calls that an operator's playbooks make, by the names that IAM has for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.core.responses import ActionAuthenticatorMixin

# Where IAM's prefix is not the service's name.
PREFIXES = {"elbv2": "elasticloadbalancing"}
# Where an action is asked for under another name, which takes its tags along.
ACTIONS = {"CreateDistributionWithTags": "CreateDistribution"}
# Ansible's modules say who they are; tests, agents and Packer do not.
OPERATOR = "Ansible"


@contextmanager
def recorded(calls: set[str]) -> Iterator[None]:
    """Add to ``calls`` what Ansible's modules ask the emulated API for, S3 excepted."""
    authorize = ActionAuthenticatorMixin._authenticate_and_authorize_normal_action

    def record(response: Any, *arguments: Any, **options: Any) -> Any:
        if OPERATOR in response.headers.get("User-Agent", ""):
            service = PREFIXES.get(response.service_name, response.service_name)
            action = response._get_action()
            calls.add(f"{service}:{ACTIONS.get(action, action)}")
        return authorize(response, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ActionAuthenticatorMixin, "_authenticate_and_authorize_normal_action", record)
        yield
