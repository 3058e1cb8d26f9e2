"""What the commands tell and ask the running emulator, over the API's own port."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from chatlift_rehearsal.emulator.gate import CALLS, DELAYS, TROUBLE
from chatlift_rehearsal.settings import Settings

TIMEOUT_SECONDS = 10


def trouble(settings: Settings, fraction: float, refused: dict[str, str]) -> None:
    """Turn calls away from now on; see `emulator.trouble.Trouble`."""
    _ask(settings, "PUT", TROUBLE, {"fraction": fraction, "refused": refused})


def aws_delays(settings: Settings, factor: float) -> None:
    """Let things take as long as on AWS, times ``factor``, from now on."""
    _ask(settings, "PUT", DELAYS, factor)


def calls(settings: Settings) -> dict[str, int]:
    """How often each operation was called."""
    return dict(_ask(settings, "GET", CALLS))


def _ask(settings: Settings, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 - the scheme is the endpoint's
        settings.endpoint + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
        return json.load(answer)
