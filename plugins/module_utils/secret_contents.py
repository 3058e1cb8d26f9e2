# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What belongs into the secrets of a stack (docs/contracts.md): what is there stays, what is
missing is made, and of certificates it is said which have to be made."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from ansible_collections.chatlift.aws.plugins.module_utils import certificates

Secret = dict[str, str]

# 24 bytes are 32 characters, the most that a MySQL replication password may have.
RANDOM_BYTES = 24

TIERS = ("redis", "mysql")
# A user of each name with a password of its own; MySQL's root has a fixed name and only a password.
USERS = {
    "redis": ("app", "agent", "replication", "sentinel"),
    "mysql": ("app", "agent", "replication", "backup", "coordinator"),
}


@dataclass(frozen=True)
class Wanted:
    """What the secrets have to be good for.

    ``addresses`` are the members' by tier. A tier's certificate is renewed ``renew_days`` before
    its end and, if that is a number, once it was made more than ``renew_older_days`` ago.
    ``authority`` is how far the certificate authority is to be replaced: ``keep``, ``trust``,
    ``issue`` or ``drop``. While it is, age is a reason to replace the authority alone.
    ``origin_header`` is whether the load balancer has to know CloudFront by a secret.
    """

    stack: str
    addresses: dict[str, list[str]]
    database: str
    app_extra: list[str]
    renew_days: int
    renew_older_days: int | None = None
    authority: str = "keep"
    origin_header: bool = False


def complete(current: dict[str, Secret], wanted: Wanted) -> dict[str, Secret]:
    """All secrets of the stack by name, from those that exist, but for certificates.

    The app secret repeats what it needs of the tiers' secrets, so that an app instance may read
    its own secret only.
    """
    ca = _advance(current.get("ca", {}), wanted.authority)
    trusted = _trusted(ca)
    redis = _tier("redis", current.get("redis", {}), trusted)
    mysql = _tier("mysql", current.get("mysql", {}), trusted)
    mysql["app_database"] = wanted.database
    mysql.setdefault("root_password", _random())
    app = current.get("app", {})
    edge = {"edge": {"origin_header": _random(), **current.get("edge", {})}}
    return {
        **(edge if wanted.origin_header else {}),
        "ca": ca,
        "redis": redis,
        "mysql": mysql,
        "app": {
            **{name: app.get(name) or _random() for name in wanted.app_extra},
            **trusted,
            "redis_username": redis["app_username"],
            "redis_password": redis["app_password"],
            "mysql_username": mysql["app_username"],
            "mysql_password": mysql["app_password"],
            "mysql_database": mysql["app_database"],
            "coordinator_username": mysql["coordinator_username"],
            "coordinator_password": mysql["coordinator_password"],
        },
    }


def due(current: dict[str, Secret], wanted: Wanted) -> list[dict[str, Any]]:
    """The certificates that have to be made, in this order, and why each of them.

    ``names`` are subject alternative names in OpenSSL's form; the authority has none.
    """
    found = []
    if reason := _why_authority(current["ca"], wanted):
        common_name = f"chatlift {wanted.stack}"
        found.append({"name": "ca", "why": reason, "common_name": common_name, "names": []})
    for tier in TIERS:
        host = f"{tier}.{wanted.stack}.internal"
        names = [host, "localhost", "127.0.0.1", *sorted(wanted.addresses[tier])]
        if reason := _why_tier(current[tier], current["ca"], names, wanted):
            listed = [_alternative_name(name) for name in names]
            found.append({"name": tier, "why": reason, "common_name": host, "names": listed})
    return found


def add(current: dict[str, Secret], name: str, certificate: str, private_key: str) -> None:
    """Put a certificate that was due into the secret ``name``.

    A second authority is the next one: it signs only once every instance trusts it.
    """
    prefix = "next_" if name == "ca" and current[name] else ""
    current[name] |= {f"{prefix}certificate": certificate, f"{prefix}private_key": private_key}


def fingerprint(secret: Secret) -> str:
    """Which certificates an instance with this secret serves, as its tag says; empty before."""
    if "ca" not in secret:
        return ""
    text = secret["ca"] + secret.get("certificate", "")
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _advance(ca: Secret, authority: str) -> Secret:
    """The authority's secret one stage on; at its end already, it stays as it is."""
    if authority == "issue" and "next_certificate" in ca:
        return {
            "certificate": ca["next_certificate"],
            "private_key": ca["next_private_key"],
            "previous_certificate": ca["certificate"],
        }
    if authority == "drop":
        return {key: value for key, value in ca.items() if key != "previous_certificate"}
    return dict(ca)


def _trusted(ca: Secret) -> Secret:
    """The entry ``ca`` of the other secrets: the old authority first, then the new one."""
    kept = ("previous_certificate", "certificate", "next_certificate")
    bundle = "\n".join(ca[key].strip() for key in kept if key in ca)
    return {"ca": f"{bundle}\n"} if bundle else {}


def _tier(tier: str, current: Secret, trusted: Secret) -> Secret:
    secret = {**current, **trusted}
    for user in USERS[tier]:
        secret.setdefault(f"{user}_username", user)
        secret.setdefault(f"{user}_password", _random())
    return secret


def _why_authority(ca: Secret, wanted: Wanted) -> str:
    if "certificate" not in ca:
        return "there is none"
    if wanted.authority != "trust" or "next_certificate" in ca or "previous_certificate" in ca:
        return ""
    return _why_old(ca["certificate"], wanted.renew_older_days)


def _why_tier(secret: Secret, ca: Secret, names: list[str], wanted: Wanted) -> str:
    certificate = secret.get("certificate")
    if not certificate or "certificate" not in ca:
        return "there is none"
    reason = certificates.flaw(certificate, ca["certificate"], names, wanted.renew_days)
    if reason or wanted.authority != "keep":
        return reason
    return _why_old(certificate, wanted.renew_older_days)


def _why_old(certificate: str, days: int | None) -> str:
    if days is None or not certificates.is_older(certificate, days):
        return ""
    return f"it was made more than {days} days ago"


def _alternative_name(name: str) -> str:
    try:
        return f"IP:{ip_address(name)}"
    except ValueError:
        return f"DNS:{name}"


def _random() -> str:
    """Letters, digits, ``-`` and ``_`` only: safe in a URL, an ACL file and an environment file."""
    return secrets.token_urlsafe(RANDOM_BYTES)
