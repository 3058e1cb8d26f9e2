"""The emulated account that the playbooks' tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.cloud import Cloud
from tests.unit.conftest import collection, run_module  # noqa: F401  # fixtures


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    account = Cloud()
    yield account
    account.end()
