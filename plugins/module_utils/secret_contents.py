# Copyright: (c) 2026, The chatlift authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What belongs into the secrets of a stack (docs/contracts.md): what is there stays, what is
missing is made, what is out of date is made anew."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from ansible_collections.chatlift.aws.plugins.module_utils import certificates

Secret = dict[str, str]

CA_DAYS = 3650
# 24 bytes are 32 characters, the most that a MySQL replication password may have.
RANDOM_BYTES = 24

# A user of each name with a password of its own; MySQL's root has a fixed name and only a password.
USERS = {
    "redis": ("app", "agent", "replication", "sentinel"),
    "mysql": ("app", "agent", "replication", "backup", "coordinator"),
}


@dataclass(frozen=True)
class Wanted:
    """What the secrets have to be good for.

    ``addresses`` are the members' by tier; ``days`` and ``renew_days`` how long a tier's
    certificate is good for and how long before its end it is renewed.
    """

    stack: str
    addresses: dict[str, list[str]]
    database: str
    app_extra: list[str]
    days: int
    renew_days: int


def complete(current: dict[str, Secret], wanted: Wanted) -> dict[str, Secret]:
    """All secrets of the stack by name, from those that exist.

    The app secret repeats what it needs of the tiers' secrets, so that an app instance may read
    its own secret only.
    """
    ca = _ca(current.get("ca", {}), wanted)
    redis = _tier("redis", current.get("redis", {}), ca, wanted)
    mysql = _tier("mysql", current.get("mysql", {}), ca, wanted)
    mysql["app_database"] = wanted.database
    mysql.setdefault("root_password", _random())
    app = current.get("app", {})
    return {
        "ca": ca,
        "redis": redis,
        "mysql": mysql,
        "app": {
            **{name: app.get(name) or _random() for name in wanted.app_extra},
            "ca": ca["certificate"],
            "redis_username": redis["app_username"],
            "redis_password": redis["app_password"],
            "mysql_username": mysql["app_username"],
            "mysql_password": mysql["app_password"],
            "mysql_database": mysql["app_database"],
            "coordinator_username": mysql["coordinator_username"],
            "coordinator_password": mysql["coordinator_password"],
        },
    }


def _ca(current: Secret, wanted: Wanted) -> Secret:
    """Made once: a new authority would cut the running members off from each other."""
    if current:
        return current
    made = certificates.make_ca(f"chatlift {wanted.stack}", CA_DAYS)
    return {"certificate": made.certificate, "private_key": made.private_key}


def _tier(tier: str, current: Secret, ca: Secret, wanted: Wanted) -> Secret:
    host = f"{tier}.{wanted.stack}.internal"
    names = [host, "localhost", "127.0.0.1", *sorted(wanted.addresses[tier])]
    secret = {**current, "ca": ca["certificate"]}
    for user in USERS[tier]:
        secret.setdefault(f"{user}_username", user)
        secret.setdefault(f"{user}_password", _random())
    present = current.get("certificate")
    if not present or not certificates.is_good(
        present, ca["certificate"], names, wanted.renew_days
    ):
        authority = certificates.Pair(ca["certificate"], ca["private_key"])
        made = certificates.make_certificate(authority, host, names, wanted.days)
        secret |= {"certificate": made.certificate, "private_key": made.private_key}
    return secret


def _random() -> str:
    """Letters, digits, ``-`` and ``_`` only: safe in a URL, an ACL file and an environment file."""
    return secrets.token_urlsafe(RANDOM_BYTES)
