"""A viewer of a distribution: asks over TLS, whatever the certificate."""

from __future__ import annotations

import http.client
import socket
import ssl


class Answer:
    """What a viewer got."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()


class Viewer:
    """Asks ``host`` at ``address``."""

    def __init__(self, address: str, host: str) -> None:
        self.address = address
        self.host = host
        self._tls = ssl.create_default_context()
        self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE

    def ask(
        self, path: str, method: str = "GET", body: str | None = None, **headers: str
    ) -> Answer:
        """Send a request; ``X_Mine`` is the header ``X-Mine``."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPSConnection(self.address, context=self._tls, timeout=10)
        try:
            connection.request(method, path, body, {"Host": self.host, **sent})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def protocol(self) -> str | None:
        """What the distribution chooses of HTTP/2 and HTTP/1.1."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2", "http/1.1"])
        plain = socket.create_connection((self.address, 443), timeout=10)
        with context.wrap_socket(plain) as connection:
            return connection.selected_alpn_protocol()

    def websocket(self, path: str) -> ssl.SSLSocket:
        """Open a WebSocket and leave what goes over it to the caller."""
        plain = socket.create_connection((self.address, 443), timeout=10)
        connection = self._tls.wrap_socket(plain)
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            part = connection.recv(1)
            assert part, f"The connection ended after {answer!r}"
            answer += part
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return connection
