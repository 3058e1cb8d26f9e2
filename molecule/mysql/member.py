"""Run on the host: makes it the only member of a group, as its agent would, and prints its status.

There is no account here, so this stands in for user data, secret and volume; the scenario
mysql_cluster has them.
"""

import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, "/opt/chatlift/member")

from chatlift_member import config, volume
from chatlift_member.identity import gather_facts, parse_identity
from chatlift_member.mysql import MySql
from chatlift_member.secrets import write_tls
from chatlift_member.service import Services
from chatlift_member.tier import DATA, RUN, Context, Tls
from chatlift_member.wait import Deadline

NAME = "mysql-a1"
# losetup knows files of all hosts of this machine by their names alone.
DISK = Path(f"/var/tmp/mysql-{socket.gethostname()}")
MIB = 1 << 20


def loop_device() -> Path:
    """A small disk of the host's own; it goes with the last mount of it."""
    if not DISK.exists():
        with DISK.open("wb") as file:
            file.truncate(1024 * MIB)
    used = subprocess.check_output(["losetup", "--noheadings", "--output=NAME", "-j", DISK])
    if used.strip():
        return Path(used.decode().split()[0])
    # Its node may be missing, about which losetup adds a word.
    free = Path(subprocess.check_output(["losetup", "--find"], text=True).split()[0])
    if not free.exists():
        os.mknod(free, 0o60660, os.makedev(7, int(free.name.removeprefix("loop"))))
    subprocess.check_call(["losetup", free, DISK])
    return free


def certificate(address: str) -> dict[str, str]:
    """A certificate that signs itself."""
    tls = Path("/var/tmp/tls")
    if not tls.exists():
        tls.mkdir(mode=0o700)
        subprocess.check_call(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
                *("-subj", "/CN=mysql.molecule.internal"),
                *("-addext", f"subjectAltName=DNS:localhost,IP:127.0.0.1,IP:{address}"),
                *("-keyout", tls / "key", "-out", tls / "crt"),
            ],
            stderr=subprocess.DEVNULL,
        )
    text = (tls / "crt").read_text()
    return {"ca": text, "certificate": text, "private_key": (tls / "key").read_text()}


class Metadata:
    """What the instance metadata service would say."""

    def __init__(self, address: str) -> None:
        self._values = {"local-ipv4": address, "instance-id": "i-0", "ami-id": "ami-0"}

    def require(self, path: str) -> str:
        return self._values[path]


def main() -> None:
    """Be the member."""
    logging.basicConfig(level=logging.INFO)
    address = sys.argv[1]
    identity = parse_identity(
        {
            "format": 1,
            **dict.fromkeys(("stack", "region", "asg", "secret_arn"), "molecule"),
            **dict.fromkeys(("launch_hook", "terminate_hook", "volume_id"), "none"),
            "tier": "mysql",
            "member": NAME,
            "endpoint_url": "",
            "redis": [],
            "redis_topology": "cluster",
            "mysql": [{"name": NAME, "az": "a", "address": address}],
            "mysql_group_name": "2f6f2a0e-0c3c-4b58-9a54-7f2b1ab1a001",
        }
    )
    names = ("app", "agent", "replication", "backup", "coordinator")
    secret = {
        **certificate(address),
        **{f"{name}_username": name for name in names},
        **{f"{name}_password": f'it\'s "{name}" $1 #%s' for name in (*names, "root")},
        "app_database": "chat_app",
    }
    facts = gather_facts(identity, Metadata(address))
    device = loop_device()
    volume.mount(device, NAME, DATA)
    subprocess.run(["losetup", "--detach", device], check=True)
    write_tls(secret, Tls(), MySql.key_group)
    config.render_all(config.variables(facts, secret, Tls()), RUN)
    tier = MySql(Context(facts, secret, Services()))
    for step in (tier.prepare, tier.start, tier.join):
        step(Deadline(120))
    status = tier.status()
    print(json.dumps({"leads": status.leads, "detail": status.detail, **status.metrics}))


main()
