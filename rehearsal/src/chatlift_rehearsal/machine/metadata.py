"""The instance metadata service, version 2 only, as an instance sees it on 169.254.169.254.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Lookup = Callable[[str, str], str | None]
"""(source address, path below ``/latest/``) → content, None when there is none."""

TOKEN_PATH = "/latest/api/token"  # noqa: S105 - an address
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 - a header's name
MAX_TTL = 21600


class Tokens:
    """Session tokens: each is good for one instance, until it expires."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expiry: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def issue(self, source: str, ttl: int) -> str:
        """A new token for the instance with address ``source``, good for ``ttl`` seconds."""
        token = secrets.token_urlsafe(40)
        now = self._clock()
        with self._lock:
            self._expiry = {key: end for key, end in self._expiry.items() if end > now}
            self._expiry[source, token] = now + ttl
        return token

    def valid(self, source: str, token: str) -> bool:
        """Whether ``token`` was issued to ``source`` and has not expired."""
        with self._lock:
            return self._expiry.get((source, token), 0.0) > self._clock()


class MetadataServer:
    """Serves ``lookup`` to instances; ``start`` returns once the port is bound."""

    def __init__(self, address: str, port: int, lookup: Lookup) -> None:
        tokens = Tokens()

        class Handler(_Handler):
            _lookup = staticmethod(lookup)
            _tokens = tokens

        self._server = ThreadingHTTPServer((address, port), Handler)
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Serve from a thread of its own."""
        threading.Thread(target=self._server.serve_forever, name="metadata", daemon=True).start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "EC2ws"
    sys_version = ""

    _lookup: Lookup
    _tokens: Tokens

    def do_PUT(self) -> None:
        # AWS refuses requests that came through a proxy, lest an open one gives credentials away.
        if "X-Forwarded-For" in self.headers:
            return self._answer(403, "Forbidden")
        if self.path != TOKEN_PATH:
            return self._answer(404, "Not Found")
        ttl = self.headers.get(TTL_HEADER, "")
        if not ttl.isdecimal() or not 1 <= int(ttl) <= MAX_TTL:
            return self._answer(400, "Bad Request")
        token = self._tokens.issue(self._source, int(ttl))
        return self._answer(200, token, {TTL_HEADER: ttl})

    def do_GET(self) -> None:
        if not self._tokens.valid(self._source, self.headers.get(TOKEN_HEADER, "")):
            return self._answer(401, "Unauthorized")
        if self.path == "/":
            return self._answer(200, "latest")
        match = re.fullmatch(r"/(?:latest|\d{4}-\d\d-\d\d)/(.*)", self.path)
        content = self._lookup(self._source, match.group(1)) if match else None
        if content is None:
            return self._answer(404, "Not Found")
        return self._answer(200, content)

    @property
    def _source(self) -> str:
        return str(self.client_address[0])

    def _answer(self, status: int, content: str, headers: dict[str, str] | None = None) -> None:
        body = content.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged: an agent asks every few seconds."""
