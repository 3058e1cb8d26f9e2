"""Buckets as distributions reach them: S3 on a socket that only this machine's proxies know.

On AWS a distribution signs what it asks of a bucket. Here it is this socket that says who asks.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class _QuietHandler(WSGIRequestHandler):
    """Logs nothing: the distribution's access log has every request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing."""


class BucketOrigin:
    """The server; ``application`` is ``Emulator.bucket_origin``."""

    def __init__(self, path: Path, application: WSGIApplication) -> None:
        self._server = make_server(
            f"unix://{path}", 0, application, threaded=True, request_handler=_QuietHandler
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="bucket-origin", daemon=True
        )

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
