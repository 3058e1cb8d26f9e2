"""The proxies of a rehearsal's CloudFront distributions."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chatlift_rehearsal.authority import Authority, key_pem
from chatlift_rehearsal.controllers.distributions import (
    ConfigureSite,
    ForgetPaths,
    SendLog,
    Served,
    Site,
)
from chatlift_rehearsal.machine.edge import cache
from chatlift_rehearsal.machine.edge.access_log import AccessLog, Store
from chatlift_rehearsal.machine.edge.config import render
from chatlift_rehearsal.machine.edge.place import (
    ACCESS_LOG,
    CACHE,
    CERTIFICATE,
    KEY,
    STATUS,
    Place,
)
from chatlift_rehearsal.machine.nginx import Nginx
from chatlift_rehearsal.machine.rhythm import Rhythm
from chatlift_rehearsal.settings import EDGE_SOURCE, LOG_SECONDS, SERVICE_ADDRESS, Settings

SCRIPT = Path(__file__).with_name("edge") / "edge.js"
VALID_DAYS = 365
TRUSTED = Path("/etc/ssl/certs/ca-certificates.crt")


class Distributions:
    """No method must run twice at a time for the same distribution."""

    def __init__(self, settings: Settings, source: str = EDGE_SOURCE) -> None:
        self._authority = Authority.of(settings.authority)
        self._trusted = settings.run / "trusted.pem"
        self._below = settings.run / "distributions"
        self._place = Place(settings.bucket_origin, source, self._trusted, SCRIPT, SERVICE_ADDRESS)
        self._servers: dict[str, Nginx] = {}
        self._served: dict[str, Served] = {}
        self._logs = Rhythm(LOG_SECONDS)

    def served(self) -> dict[str, Served]:
        """The sites that are served, by the id of their distribution."""
        running = dict(self._served)
        return {key: served for key, served in running.items() if self._servers[key].alive}

    def directory(self, key: str) -> Path:
        """Where the proxy of a distribution has its files."""
        return self._below / key

    def configure(self, action: ConfigureSite) -> None:
        """Start serving a site, or change how."""
        directory = self.directory(action.key)
        directory.mkdir(parents=True, exist_ok=True)
        # Origins' certificates may be Certificate Manager's, which everybody trusts on AWS.
        self._trusted.write_text(TRUSTED.read_text() + self._authority.pem)
        _write_certificate(directory, action.site, self._authority)
        server = self._servers.setdefault(action.key, Nginx(directory, STATUS))
        mark = secrets.token_hex(8)
        server.configure(render(action.site, self._place, mark), mark)
        done = self._served.get(action.key)
        invalidated = done.invalidated if done else frozenset[str]()
        self._served[action.key] = Served(action.site, invalidated)

    def forget(self, action: ForgetPaths) -> None:
        """Carry out an invalidation."""
        cache.forget(self.directory(action.key) / CACHE, action.paths)
        served = self._served[action.key]
        done = served.invalidated | {action.invalidation}
        self._served[action.key] = Served(served.site, done)

    def logs_due(self, now: float) -> list[SendLog]:
        """The sites whose access log is to be sent at the time ``now`` (monotonic seconds)."""
        return [SendLog(key) for key in self._logs.due(self.served(), now)]

    def send_log(self, key: str, store: Store) -> None:
        """Send what was set aside the last time, and set aside what came since."""
        log = AccessLog(self.directory(key) / ACCESS_LOG)
        log.send(self._served[key].site.distribution, store)
        log.set_aside()
        self._servers[key].reopen()

    def stop(self, key: str, store: Store) -> None:
        """Stop serving a site, and send the rest of its log."""
        distribution = self._served.pop(key).site.distribution
        self._servers.pop(key).stop()
        log = AccessLog(self.directory(key) / ACCESS_LOG)
        log.send(distribution, store)
        log.set_aside()
        log.send(distribution, store)

    def stop_all(self) -> None:
        """Stop serving all of them."""
        for server in self._servers.values():
            server.stop()


def _write_certificate(directory: Path, site: Site, authority: Authority) -> None:
    certificate, key = directory / CERTIFICATE, directory / KEY
    key.touch(mode=0o600)
    if site.certificate:
        certificate.write_text(site.certificate.certificate + site.certificate.chain)
        key.write_text(site.certificate.private_key)
    elif not certificate.exists():
        own = ec.generate_private_key(ec.SECP256R1())
        names = [site.distribution.domain_name]
        issued = authority.issue(names, own, datetime.now(UTC), VALID_DAYS)
        certificate.write_bytes(issued.public_bytes(serialization.Encoding.PEM))
        key.write_bytes(key_pem(own))
