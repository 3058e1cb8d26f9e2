"""The emulated account that the playbooks' tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.cloud import Cloud


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    account = Cloud()
    yield account
    account.end()
