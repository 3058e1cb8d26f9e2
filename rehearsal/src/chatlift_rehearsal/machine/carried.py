"""How this machine reaches packages, carried over to the instances.

A machine behind a proxy that inspects TLS, or with registries of its own, is reached by instances
in the same way, so they need the same certificates and addresses. Nothing that holds a password is
carried: it would end up in an image.
"""

from __future__ import annotations

import configparser
import os
import re
from pathlib import Path

from chatlift_rehearsal.machine import shell

CERTIFICATES = Path("/usr/local/share/ca-certificates")
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
APT_SETTINGS = re.compile(
    r"Acquire::(?:https?::Proxy|Check-Valid-Until|Check-Date|Retries) \"[^\"]+\";"
)
NPM_SETTING = re.compile(r"(registry|@[\w.-]+:registry)\s*=\s*(\S+)")
PIP_SETTINGS = ("index-url", "extra-index-url", "trusted-host")
NPM_FILES = ("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc", "~/.npmrc")
PIP_FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")


def files() -> dict[str, str]:
    """Contents by path (relative to the root) of what an instance needs to reach packages."""
    found = _certificates()
    environment = {}
    if found:
        # Node.js brings its own list of authorities and must be pointed at the system's.
        environment["NODE_EXTRA_CA_CERTS"] = BUNDLE
    environment |= registries(_read(NPM_FILES), _read(PIP_FILES), dict(os.environ))
    if environment:
        found["etc/environment"] = "".join(f"{k}={v}\n" for k, v in sorted(environment.items()))
    if apt := apt_settings(shell.run("apt-config", "dump")):
        found["etc/apt/apt.conf.d/90carried"] = apt
    return found


def _certificates() -> dict[str, str]:
    return {
        str(path.relative_to("/")): path.read_text()
        for path in sorted(CERTIFICATES.rglob("*.crt"))
        if path.is_file()
    }


def _read(names: tuple[str, ...]) -> list[str]:
    paths = [Path(name).expanduser() for name in names]
    return [path.read_text() for path in paths if path.is_file()]


def apt_settings(dump: str) -> str:
    """The lines of ``apt-config dump`` that say how to reach a mirror, without passwords."""
    lines = (match.group() for match in APT_SETTINGS.finditer(dump))
    return "".join(f"{line}\n" for line in lines if not _has_password(line))


def registries(
    npm_files: list[str], pip_files: list[str], environment: dict[str, str]
) -> dict[str, str]:
    """Environment variables that name this machine's npm and pip registries.

    Later files win over earlier ones and the environment over all, as npm and pip have it.
    Addresses with a password, and those of files, stay here.
    """
    found: dict[str, str] = {}
    for text in npm_files:
        for key, value in NPM_SETTING.findall(text):
            found[f"npm_config_{key}"] = value
    for text in pip_files:
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_string(text)
        for key in PIP_SETTINGS:
            if parser.has_option("global", key):
                value = " ".join(parser.get("global", key).split())
                found["PIP_" + key.upper().replace("-", "_")] = value
    names = [
        "npm_config_registry",
        *("PIP_" + key.upper().replace("-", "_") for key in PIP_SETTINGS),
    ]
    found |= {name: environment[name] for name in names if environment.get(name)}
    return {k: v for k, v in found.items() if not _has_password(v) and "file:" not in v}


def _has_password(address: str) -> bool:
    return re.search(r"://[^/\s]*@", address) is not None
