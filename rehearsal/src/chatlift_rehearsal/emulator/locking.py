"""Answer one request at a time for the services whose objects the controllers touch too."""

from __future__ import annotations

from typing import Any

from moto.core.responses import BaseResponse

from . import state


class Locked(BaseResponse):
    """Holds the lock from the handler to the serialised answer, which reads live objects."""

    def call_action(self) -> Any:
        with state.lock:
            return super().call_action()
