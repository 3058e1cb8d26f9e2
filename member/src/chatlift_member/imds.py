"""The instance metadata service, version 2.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import http.client
from dataclasses import dataclass, field

from .errors import AgentError

ADDRESS = "169.254.169.254"
TOKEN_SECONDS = 21600
"""Longest life AWS grants to a token; a rejected one is renewed anyway."""


class ImdsError(AgentError):
    """The service did not answer as it should."""


@dataclass
class Imds:
    """A client that renews its session token by itself."""

    host: str = ADDRESS
    timeout: float = 2.0
    """Seconds for one request; the service is on the instance's own hypervisor."""
    _token: str = field(default="", repr=False)

    def get(self, path: str) -> str | None:
        """The value at ``/latest/meta-data/<path>``, or None where there is none.

        Raises `ImdsError` when the service cannot be reached or answers with another failure.
        """
        for fresh in (False, True):
            if fresh or not self._token:
                self._token = self._new_token()
            code, body = self._request(
                "GET", f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": self._token}
            )
            if code == http.client.OK:
                return body
            if code == http.client.NOT_FOUND:
                return None
            if code != http.client.UNAUTHORIZED:
                break
        raise ImdsError(f"The instance metadata service answered {code} for {path}.")

    def require(self, path: str) -> str:
        """As `get`, but the absence of the value is an `ImdsError` too."""
        value = self.get(path)
        if value is None:
            raise ImdsError(f"The instance metadata service knows nothing of {path}.")
        return value

    def _new_token(self) -> str:
        code, body = self._request(
            "PUT",
            "/latest/api/token",
            {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)},
        )
        if code != http.client.OK:
            raise ImdsError(f"The instance metadata service answered {code} to the token request.")
        return body

    def _request(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self.host, timeout=self.timeout)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise ImdsError(
                f"The instance metadata service at {self.host} does not answer: {error}."
            ) from error
        finally:
            connection.close()
