"""What the role sysprep leaves on a host, and what it takes away."""

import json

import pytest
from testinfra.host import Host

TRACES = (
    "/etc/ssh/ssh_host_*",
    "/root/.ssh",
    "/home/*/.ssh",
    "/root/.*_history",
    "/home/*/.*_history",
    "/root/.cache",
    "/var/lib/cloud/*",
    "/var/log/cloud-init*",
    "/var/lib/mysql/auto.cnf",
    "/var/lib/redis/nodes*.conf",
    "/srv/data/*",
    "/var/lib/apt/lists/*",
    "/var/cache/apt/*.bin",
    "/var/log/journal/*",
    "/var/tmp/build",
)


@pytest.mark.parametrize("traces", TRACES)
def test_no_trace_of_the_builder_is_left(host: Host, traces: str) -> None:
    assert host.run(f"ls -d {traces}").stdout == ""


def test_machine_has_no_identity(host: Host) -> None:
    assert host.file("/etc/machine-id").content == b""


def test_home_of_the_user_itself_stays(host: Host) -> None:
    assert host.file("/home/admin").is_directory


def test_manifest_says_what_is_in_the_image(host: Host) -> None:
    manifest = json.loads(host.file("/etc/chatlift/manifest.json").content_string)
    systemd = host.package("systemd").version
    assert manifest["image"] == "redis"
    assert manifest["source_ami"] == "ami-0123456789abcdef0"
    assert manifest["fingerprint"] == "f1f1"
    assert manifest["revision"] == "0123abc"
    assert manifest["versions"]["example"] == "1.2.3"
    assert manifest["versions"]["systemd"].startswith(systemd)
    assert "not-installed" not in manifest["versions"]


def test_bill_of_materials_names_every_package(host: Host) -> None:
    bill = json.loads(host.file("/etc/chatlift/sbom.cdx.json").content_string)
    names = {component["name"] for component in bill["components"]}
    installed = host.check_output("dpkg-query --show --showformat '${Package}\\n'").splitlines()
    assert bill["bomFormat"] == "CycloneDX"
    assert names >= set(installed)
