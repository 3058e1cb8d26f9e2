"""Answers a request with what it said, and repeats what comes over a WebSocket.

Also a program, which needs nothing but Python: ``python3 echo_server.py 8080``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""Of RFC 6455, section 1.3."""


class Echo(BaseHTTPRequestHandler):
    """A path with ``broken`` in it is answered with 503."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self._repeat()
            return
        length = int(self.headers.get("Content-Length") or 0)
        seen = {
            "path": self.path,
            "method": self.command,
            "headers": {
                name.lower(): ", ".join(self.headers.get_all(name, ())) for name in self.headers
            },
            "body": self.rfile.read(length).decode(),
        }
        text = json.dumps(seen).encode()
        self.send_response(503 if "broken" in self.path else 200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-Powered-By", "echo")
        self.send_header("X-Frame-Options", "DENY")
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PUT = do_GET

    def _repeat(self) -> None:
        digest = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + GUID).encode()).digest()
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.end_headers()
        while data := self.connection.recv(4096):
            self.connection.sendall(data)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(sys.argv[1])), Echo).serve_forever()
