"""How visitors find the stack, and how they know that it is the right one.

Names are asked of the rehearsal's DNS server, and certificates have to be of its authority; this
machine's own resolver and trust stay as they are.
"""

from __future__ import annotations

import ssl
from functools import cache

import dns.asyncresolver
import dns.exception
import httpx
from chatlift_rehearsal.authority import certificate_path
from chatlift_rehearsal.settings import SERVICE_ADDRESS, Settings

AUTHORITY = certificate_path(Settings.from_environment().authority)

_ANSWER = 5.0  # seconds for a name


async def address_of(name: str) -> str:
    """Where a name leads now. Raises OSError when it leads nowhere."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [SERVICE_ADDRESS]
    try:
        answer = await resolver.resolve(name, "A", lifetime=_ANSWER)
    except dns.exception.DNSException as error:
        raise OSError(f"The DNS server {SERVICE_ADDRESS} knows no {name}: {error}") from error
    return str(answer[0])


@cache
def trust() -> ssl.SSLContext:
    """For connections to servers that the rehearsal's authority has certified, and to no others."""
    return ssl.create_default_context(cafile=AUTHORITY)


class ByName(httpx.AsyncHTTPTransport):
    """HTTP to whatever the rehearsal's DNS server says that a name is."""

    def __init__(self) -> None:
        super().__init__(verify=trust())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it to the address, and speak of the name. Raises ConnectError without an address."""
        name = request.url.host
        try:
            address = await address_of(name)
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        # The header Host was made of the name already.
        sent = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": name},
        )
        return await super().handle_async_request(sent)
