"""Every variable of the role does what it says."""

import json

testinfra_hosts = ["podman://molecule-base-altered"]


def test_packages_are_those_asked_for(host):
    assert host.package("less").is_installed
    assert host.package("file").is_installed
    assert not host.package("netcat-openbsd").is_installed


def test_masked_units_are_those_asked_for_and_those_of_apt(host):
    for unit in ("fstrim.timer", "nobody.service", "apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.service(unit).is_masked
    assert host.service("dpkg-db-backup.timer").is_enabled


def test_all_updates_are_installed_and_written_down(host):
    updates = json.loads(host.file("/etc/chatlift/updates.json").content_string)
    assert updates["kind"] == "all"
    for package in ("probe", "other"):
        assert updates["after"][package] == host.package(package).version == "2"


def test_ssh_starts_with_an_instance_and_is_let_in(host, firewall, answer):
    assert host.service("ssh").is_enabled
    assert not host.service("ssh.socket").is_enabled
    assert "tcp dport != { 22, 3001 }" in firewall
    assert answer(22) == "open"


def test_the_ssm_agent_starts_with_an_instance_only(host):
    assert host.package("amazon-ssm-agent").version == "1"
    assert host.service("amazon-ssm-agent").is_enabled
    assert not host.service("amazon-ssm-agent").is_running


def test_the_metadata_service_is_for_everybody(firewall):
    assert "169.254.169.254" not in firewall


def test_local_ports_are_those_asked_for(firewall, kernel):
    assert kernel("net.ipv4.ip_local_port_range") == "2000 30000"
    assert kernel("net.ipv4.ip_local_reserved_ports") == "22,3001"
    assert "udp dport < 2000" in firewall


def test_services_get_the_limits(host):
    host.check_output("systemctl daemon-reexec")
    limits = host.check_output("systemd-run --wait --pipe --quiet sh -c 'ulimit -n; ulimit -c'")
    assert limits.split() == ["4096", "0"]


def test_the_journal_is_limited(effective):
    settings = effective("journald.conf")
    assert {"SystemMaxUse=64M", "SystemKeepFree=2G", "MaxRetentionSec=2day"} <= set(settings)


def test_journald_understands_its_settings(host):
    host.check_output("systemctl restart systemd-journald.service")
    said = host.check_output("journalctl --unit=systemd-journald.service --output=cat")
    assert "60-chatlift.conf" not in said


def test_the_clock_asks_the_given_servers_and_the_boot_does_not_wait(host):
    sources = host.file("/etc/chrony/sources.d/chatlift.sources").content_string.splitlines()
    assert [line.split()[:2] for line in sources[1:]] == [
        ["server", "192.0.2.123"],
        ["server", "192.0.2.124"],
    ]
    assert not host.service("chrony-wait").is_enabled
