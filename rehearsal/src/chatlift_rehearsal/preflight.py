"""Checks before anything is touched: each failure is a sentence that says what to do."""

from __future__ import annotations

import configparser
import ipaddress
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from chatlift_rehearsal.environment import UNSET
from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine.edge.config import MODULES
from chatlift_rehearsal.machine.listeners import Listener, listeners
from chatlift_rehearsal.machine.network import Taken, taken_networks
from chatlift_rehearsal.settings import (
    API_PORT,
    CREDENTIAL,
    DNS_PORT,
    METADATA_PORT,
    RESERVED_NETWORKS,
    SERVICE_ADDRESS,
    Settings,
)

PACKAGES = {
    "podman": "podman",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "haproxy": "haproxy",
    "nginx": "nginx",
    "nft": "nftables",
    "ip": "iproute2",
    "sysctl": "procps",
    "losetup": "mount",
    "mount": "mount",
    "journalctl": "systemd",
}
"""Commands that are called, and the Debian packages that have them."""

NGINX_MODULES = {
    "ngx_http_js_module.so": "libnginx-mod-http-js",
    "ngx_http_brotli_filter_module.so": "libnginx-mod-http-brotli-filter",
}
"""Modules of nginx that are loaded, and the Debian packages that have them."""

PORTS = {"tcp": (80, 443, API_PORT, METADATA_PORT, DNS_PORT), "udp": (DNS_PORT,)}
"""Those that somebody who listens on every address would take from us, by protocol."""

FREE_BYTES = 10 << 30
"""Three baked images, their instances and some data."""

POINT_AT_REHEARSAL = 'run `eval "$(rehearsal env)"` first'


def check(settings: Settings) -> None:
    """Everything ``up`` needs; raises RehearsalError for the first thing that is missing."""
    require_root()
    require_commands(shutil.which)
    require_modules(MODULES)
    require_no_real_account(os.environ, Path.home())
    require_ports(listeners())
    require_networks(taken_networks(), settings.bridge)
    settings.home.mkdir(parents=True, exist_ok=True)
    require_space(settings.home, shutil.disk_usage(settings.home).free)


def require_root() -> None:
    """Containers, bridges and loop devices need root."""
    if os.geteuid() != 0:
        raise RehearsalError("The rehearsal makes bridges and loop devices: run it as root (sudo).")


def require_commands(which: Callable[[str], str | None]) -> None:
    """All tools are installed."""
    missing = [command for command in PACKAGES if which(command) is None]
    if missing:
        packages = " ".join(dict.fromkeys(PACKAGES[command] for command in missing))
        raise RehearsalError(
            f"Not installed: {', '.join(missing)}; run `apt-get install {packages}`."
        )


def require_modules(directory: Path) -> None:
    """nginx has the modules that serve distributions."""
    missing = [name for name in NGINX_MODULES if not (directory / name).exists()]
    if missing:
        packages = " ".join(NGINX_MODULES[name] for name in missing)
        raise RehearsalError(f"nginx lacks modules: run `apt-get install {packages}`.")


def require_no_real_account(environment: Mapping[str, str], home: Path) -> None:
    """No credentials of a real account are at hand: a slip must not reach it."""
    for name in UNSET:
        if environment.get(name):
            raise RehearsalError(
                f"{name} is set and may lead to a real AWS account: unset it, "
                f"or {POINT_AT_REHEARSAL}."
            )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if environment.get(name, CREDENTIAL) != CREDENTIAL:
            raise RehearsalError(
                f"{name} holds the key of a real AWS account: unset it, or {POINT_AT_REHEARSAL}."
            )
    if "AWS_ACCESS_KEY_ID" not in environment and (file := _default_profile(environment, home)):
        raise RehearsalError(
            f"{file} has a default profile, which leads to a real AWS account: "
            f"{POINT_AT_REHEARSAL}."
        )


def _default_profile(environment: Mapping[str, str], home: Path) -> Path | None:
    """The file whose default profile a client with nothing in its environment would use."""
    for name, default in (
        ("AWS_SHARED_CREDENTIALS_FILE", home / ".aws/credentials"),
        ("AWS_CONFIG_FILE", home / ".aws/config"),
    ):
        path = Path(environment.get(name) or default)
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        # A region alone gives no access.
        if parser.read(path) and any(
            parser.has_option("default", key)
            for key in (
                "aws_access_key_id",
                "credential_process",
                "role_arn",
                "sso_session",
                "sso_start_url",
            )
        ):
            return path
    return None


def require_ports(listening: Iterable[Listener]) -> None:
    """The ports of the API, the metadata service, the DNS and proxies are free on our addresses."""
    for listener in listening:
        if listener.port in PORTS[listener.protocol] and listener.covers(SERVICE_ADDRESS):
            raise RehearsalError(
                f"Port {listener.port} is in use by {listener.process}: "
                "end that process, or let it listen on 127.0.0.1 only."
            )


def require_networks(taken: Iterable[Taken], bridge: str) -> None:
    """The address ranges of the service, the stack and the default VPC are free here.

    ``bridge`` is the rehearsal's own interface, which an ``up`` after a crash still finds.
    """
    for network in taken:
        for reserved in map(ipaddress.IPv4Network, RESERVED_NETWORKS):
            if network.interface != bridge and network.network.overlaps(reserved):
                raise RehearsalError(
                    f"The rehearsal needs {reserved}, and this machine uses {network.network} "
                    f"on {network.interface}: disconnect that network, or rehearse on another "
                    "machine."
                )


def require_space(home: Path, free: int) -> None:
    """There is room for images and volumes; ``free`` is in bytes."""
    if free < FREE_BYTES:
        raise RehearsalError(
            f"{home} has {free / (1 << 30):.1f} GiB free and the rehearsal needs "
            f"{FREE_BYTES >> 30} GiB: free some, or set REHEARSAL_HOME to a directory with more."
        )
