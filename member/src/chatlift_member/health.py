"""How a member says how it is: its status, looked at in the background, served on port 8008."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .notify import listener

log = logging.getLogger(__name__)

PORT = 8008
REFRESH_SECONDS = 0.5
STALE_SECONDS = 5.0
"""A status older than this is no longer believed, unless it says otherwise: the look at the
service itself hangs."""

FIRST_LOOK_SECONDS = 10.0


@dataclass(frozen=True)
class Status:
    """One look at the member's service. Decides all four answers of port 8008."""

    healthy: bool
    """In good standing: the service answers and its cluster counts it in."""
    leads: bool
    """MySQL primary or Redis master; false on an app instance."""
    role: str
    """``primary``, ``replica``, ``app`` or ``unknown``."""
    state: str
    """The service's own word for it, such as ``ONLINE`` or ``cluster_state:ok``."""
    detail: str = ""
    """A sentence for people, empty when there is nothing to add."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """Name to value, such as ``{"mysql_members_online": 3}``; served as ``chatlift_<name>``."""
    leader: str = ""
    """Name of the member that leads this member's shard or group, itself maybe; empty where nobody
    does, and on an app instance."""
    version: str = ""
    """Version of the service, where it decides who may lead."""
    good_for: float = STALE_SECONDS
    """Seconds from the beginning of the look for which it may be believed."""

    @property
    def values(self) -> dict[str, float]:
        """All figures by name: `metrics`, and whether the member is healthy and leads."""
        return {"healthy": float(self.healthy), "leads": float(self.leads), **self.metrics}

    @classmethod
    def down(cls, state: str, detail: str, metrics: Mapping[str, float] | None = None) -> Status:
        """The status of a service that does not answer, or is not started yet."""
        return cls(False, False, "unknown", state, detail, metrics or {})


@dataclass(frozen=True)
class Answer:
    """One answer of port 8008."""

    code: int
    content_type: str
    body: str


def answer(path: str, status: Status, member: str, tier: str) -> Answer:
    """What ``GET path`` is answered while the member's status is ``status``."""
    if path == "/metrics":
        return Answer(200, "text/plain; version=0.0.4", metrics_text(status, member, tier))
    good = {
        "/healthz": status.healthy,
        "/primary": status.healthy and status.leads,
        "/replica": status.healthy and not status.leads,
    }
    if path not in good:
        return Answer(404, "application/json", json.dumps({"paths": [*good, "/metrics"]}))
    body = {
        "member": member,
        "tier": tier,
        "role": status.role,
        "state": status.state,
        "detail": status.detail,
    }
    return Answer(200 if good[path] else 503, "application/json", json.dumps(body))


def metrics_text(status: Status, member: str, tier: str) -> str:
    """The status in Prometheus' text format: gauges with the labels ``member`` and ``tier``."""
    lines = []
    for name, value in status.values.items():
        lines.append(f"# TYPE chatlift_{name} gauge")
        lines.append(f'chatlift_{name}{{member="{member}",tier="{tier}"}} {value:g}')
    return "\n".join(lines) + "\n"


class Monitor:
    """Looks at the service in a thread, so that a probe never waits for the service."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._status = Status.down("starting", "The agent has just started.")
        self._seen = clock()
        self._look: Callable[[], Status] = self.status
        self._looking = threading.Lock()
        self.looked = threading.Event()
        """Set after the first look."""

    def watch(self, look: Callable[[], Status]) -> None:
        """Call ``look`` from now on, as long as the agent lives.

        Every `REFRESH_SECONDS`, or often enough that a status which is good for less never lapses.
        """
        self._look = look
        threading.Thread(target=self._watch, name="monitor", daemon=True).start()

    def look(self) -> Status:
        """The status of this moment."""
        self.refresh(self._look)
        return self.status()

    def _watch(self) -> None:
        while True:
            self.refresh(self._look)
            time.sleep(min(REFRESH_SECONDS, self._status.good_for / 4))

    def refresh(self, look: Callable[[], Status]) -> None:
        """Take one look; a defect of the look itself counts as a service that is down."""
        with self._looking:
            self._refresh(look)

    def _refresh(self, look: Callable[[], Status]) -> None:
        begun = self._clock()
        try:
            status = look()
        except Exception as error:
            log.exception("The look at the service failed.")
            status = Status.down("unknown", f"The look at the service failed: {error}.")
        if (status.role, status.state, status.healthy) != (
            self._status.role,
            self._status.state,
            self._status.healthy,
        ):
            log.info("Now %s, %s. %s", status.role, status.state, status.detail)
        self._status, self._seen = status, begun
        self.looked.set()

    def status(self) -> Status:
        """The latest status, unless it is too old to be believed."""
        age = self._clock() - self._seen
        if age > self._status.good_for and self._status.healthy:
            return Status.down("stale", f"The service has not answered for {age:.0f} s.")
        return self._status


def serve(monitor: Monitor, member: str, tier: str, port: int = PORT) -> ThreadingHTTPServer:
    """Answer on all addresses from now on, in threads; the security group says who may ask.

    After a restart of the agent, probes wait for the first look: "just started" would be taken for
    a service that is down.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 5

        def do_GET(self) -> None:
            reply = answer(self.path, monitor.status(), member, tier)
            body = reply.body.encode()
            self.send_response(reply.code)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(body)))
            try:
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)
            except ConnectionError:
                # HAProxy resets the connection as soon as it has read the status.
                self.close_connection = True

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: several probes a second would fill the journal."""

    def run() -> None:
        if inherited:
            monitor.looked.wait(FIRST_LOOK_SECONDS)
        server.serve_forever()

    server = ThreadingHTTPServer(("", port), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket, inherited = listener(port)
    server.server_address = server.socket.getsockname()
    server.daemon_threads = True
    threading.Thread(target=run, name="health", daemon=True).start()
    return server
