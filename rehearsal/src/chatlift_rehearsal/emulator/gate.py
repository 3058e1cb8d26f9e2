"""The gate before the API: counts the calls and, when told to, turns some away as AWS does.

Told and asked over the API's own port, at paths that no service has:

- ``GET /_rehearsal/calls`` answers how often each operation was called.
- ``PUT /_rehearsal/trouble`` takes what `trouble.Trouble` is made of, as JSON.
- ``PUT /_rehearsal/delays`` takes a number: AWS's delays times that.
"""

from __future__ import annotations

import io
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qs

from . import delays, state
from .trouble import Trouble

CALLS = "/_rehearsal/calls"
TROUBLE = "/_rehearsal/trouble"
DELAYS = "/_rehearsal/delays"

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

# Which service a request is for is in its signature's scope:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
_SCOPE = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/(?P<service>[^/]+)/aws4_request")
_CBOR_OPERATION = re.compile(r"/service/[^/]+/operation/(?P<name>\w+)")


@dataclass(frozen=True)
class Call:
    """One call, as far as it can be told from outside: ``protocol`` is the service's."""

    service: str
    operation: str
    protocol: str


@dataclass(frozen=True)
class _Refusal:
    status: str
    code: str
    message: str


class Gate:
    """WSGI middleware around the API."""

    def __init__(self, api: WsgiApp) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._calls: Counter[str] = Counter()
        # Chance is all that is wanted of it.
        self._random = random.Random()  # noqa: S311

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == CALLS:
            return _answer(start_response, "200 OK", _json(self.calls()), "application/json")
        if path == TROUBLE:
            if environ["REQUEST_METHOD"] == "PUT":
                state.trouble = Trouble(**json.loads(_body(environ)))
            answer = _json(asdict(state.trouble))
            return _answer(start_response, "200 OK", answer, "application/json")
        if path == DELAYS:
            delays.use(delays.AWS, json.loads(_body(environ)))
            answer = _json(asdict(delays.delays))
            return _answer(start_response, "200 OK", answer, "application/json")
        call = describe(environ)
        if call.service:
            with self._lock:
                self._calls[f"{call.service} {call.operation}"] += 1
            if refusal := self._refusal(call):
                return _refuse(start_response, call, refusal)
        return self._api(environ, start_response)

    def calls(self) -> dict[str, int]:
        """How often each operation was called, such as ``ec2 DescribeVpcs``, most often first."""
        with self._lock:
            return dict(self._calls.most_common())

    def _refusal(self, call: Call) -> _Refusal | None:
        trouble = state.trouble
        if code := trouble.refused.get(call.operation):
            return _Refusal("400 Bad Request", code, "The rehearsal was told to refuse this.")
        if self._random.random() >= trouble.fraction:
            return None
        return self._random.choice((_throttled, _failed))(call)


def describe(environ: dict[str, Any]) -> Call:
    """Whose operation a request is for; without a signature it is nobody's."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    service = scope["service"] if scope else ""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return Call(service, target.rpartition(".")[2], "json")
    if match := _CBOR_OPERATION.fullmatch(environ.get("PATH_INFO", "")):
        return Call(service, match["name"], "cbor")
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        action = parse_qs(_body(environ).decode()).get("Action", [""])[0]
        return Call(service, action, "ec2" if service == "ec2" else "query")
    # Of REST only what it is about can be told, not the operation's name.
    subject = environ.get("PATH_INFO", "").strip("/").partition("/")[0]
    if service == "s3":
        return Call(service, environ["REQUEST_METHOD"], "s3")
    return Call(service, f"{environ['REQUEST_METHOD']} {subject}", "xml")


def _throttled(call: Call) -> _Refusal:
    """https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html"""
    match call.protocol:
        case "ec2":
            return _Refusal("503 Service Unavailable", "RequestLimitExceeded", _LIMIT)
        case "s3":
            return _Refusal("503 Slow Down", "SlowDown", "Please reduce your request rate.")
        case "json" | "cbor":
            return _Refusal("400 Bad Request", "ThrottlingException", "Rate exceeded")
        case _:
            return _Refusal("400 Bad Request", "Throttling", "Rate exceeded")


def _failed(call: Call) -> _Refusal:
    code = {"ec2": "InternalError", "s3": "InternalError", "json": "InternalServerError"}
    return _Refusal(
        "500 Internal Server Error",
        code.get(call.protocol, "InternalFailure"),
        "An internal error has occurred",
    )


_LIMIT = "Request limit exceeded."
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


def _refuse(start_response: Callable[..., Any], call: Call, refusal: _Refusal) -> Iterable[bytes]:
    """The error in the words of the service's protocol."""
    inner = f"<Code>{refusal.code}</Code><Message>{refusal.message}</Message>"
    match call.protocol:
        case "json":
            body = _json({"__type": refusal.code, "message": refusal.message})
            return _answer(start_response, refusal.status, body, "application/x-amz-json-1.1")
        case "cbor":
            body = _cbor_map({"__type": refusal.code, "message": refusal.message})
            return _answer(start_response, refusal.status, body, "application/cbor")
        case "ec2":
            text = f"<Response><Errors><Error>{inner}</Error></Errors></Response>"
        case "s3":
            text = f"<Error>{inner}</Error>"
        case _:
            text = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error></ErrorResponse>"
    return _answer(start_response, refusal.status, (_XML + text).encode(), "text/xml")


def _answer(
    start_response: Callable[..., Any], status: str, body: bytes, content_type: str
) -> Iterable[bytes]:
    headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    if content_type == "application/cbor":
        headers.append(("smithy-protocol", "rpc-v2-cbor"))
    start_response(status, headers)
    return [body]


def _body(environ: dict[str, Any]) -> bytes:
    """The request's body, which stays there to be read again."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _cbor_map(texts: dict[str, str]) -> bytes:
    """A map of short texts, as RFC 8949 encodes it."""

    def text(value: str) -> bytes:
        encoded = value.encode()
        return bytes([0x78, len(encoded)]) + encoded

    pairs = b"".join(text(key) + text(value) for key, value in texts.items())
    return bytes([0xA0 | len(texts)]) + pairs
