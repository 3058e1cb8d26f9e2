"""What the role leaves on a host that says nothing else."""

import json
import re

import pytest

testinfra_hosts = ["podman://molecule-base-plain"]


def test_packages_are_not_updated_behind_the_image(host):
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.service(timer).is_masked
    assert not host.package("unattended-upgrades").is_installed


@pytest.mark.parametrize("unit", ["dpkg-db-backup.timer", "e2scrub_all.timer", "man-db.timer"])
def test_what_nobody_needs_does_not_start(host, unit):
    assert host.service(unit).is_masked


def test_security_updates_are_installed_and_written_down(host):
    updates = json.loads(host.file("/etc/chatlift/updates.json").content_string)
    assert updates["kind"] == "security"
    assert (updates["before"]["probe"], updates["after"]["probe"]) == ("1", "2")
    assert host.package("probe").version == "2"
    assert "other" not in updates["after"]
    assert host.package("other").version == "1"


def test_ssh_runs_during_the_bake_but_does_not_start_with_an_instance(host):
    assert host.service("ssh").is_running
    assert not host.service("ssh").is_enabled
    assert not host.service("ssh.socket").is_enabled
    assert (
        host.file("/etc/systemd/system-generators/systemd-ssh-generator").linked_to == "/dev/null"
    )


def test_nothing_else_listens(listening):
    assert listening() == {"tcp 0.0.0.0:22", "tcp [::]:22"}


def test_no_ssm_agent_is_installed(host):
    assert not host.package("amazon-ssm-agent").is_installed


def test_the_firewall_starts_at_boot_and_refuses_ports_of_no_tier(host, firewall, answer):
    assert host.service("nftables").is_enabled
    assert "tcp dport != { 3306, 6379, 8008, 8080, 16379, 26379, 33061 }" in firewall
    assert answer(22) == "silence"
    assert "reject with tcp reset" in firewall
    host.check_output(
        "bash -c 'head -c 4 < /dev/tcp/127.0.0.1/22'"
    )  # as Session Manager forwards it


def test_the_metadata_service_is_for_root_alone(host, firewall):
    assert "ip daddr 169.254.169.254 meta skuid != 0" in firewall
    ask = "curl --silent --max-time 5 http://169.254.169.254/"
    refused = host.run(f"runuser -u nobody -- {ask}")
    assert refused.rc == 7, "curl could not connect"


def test_the_firewall_keeps_no_connection_state(firewall):
    assert not re.search(r"\bct\b", firewall)


def test_the_network_is_set_for_many_connections(kernel):
    assert kernel("net.core.somaxconn") == "8192"
    assert kernel("net.ipv4.ip_local_port_range") == "15000 65000"
    reserved = kernel("net.ipv4.ip_local_reserved_ports").split(",")
    assert {"16379", "26379", "33061"} <= set(reserved)
    assert kernel("net.ipv4.tcp_keepalive_time") == "60"
    assert kernel("net.ipv4.conf.eth0.accept_redirects") == "0"


def test_core_dumps_are_off_and_limits_are_high(effective):
    settings = effective("system.conf")
    assert "DefaultLimitCORE=0" in settings
    assert "DefaultLimitNOFILE=65536:524288" in settings


def test_the_journal_is_limited(effective):
    settings = effective("journald.conf")
    assert {"SystemMaxUse=512M", "SystemKeepFree=1G", "MaxRetentionSec=14day"} <= set(settings)


def test_names_come_from_the_name_servers_alone(effective):
    assert {"LLMNR=no", "MulticastDNS=no"} <= set(effective("resolved.conf"))


def test_the_clock_is_stepped_at_boot_only_and_listens_nowhere(host):
    clock = host.check_output("chronyd -p -f /etc/chrony/chrony.conf").splitlines()
    assert {"makestep 1 3", "cmdport 0", "port 0", "sourcedir /etc/chrony/sources.d"} <= set(clock)
    sources = host.file("/etc/chrony/sources.d/chatlift.sources").content_string.splitlines()
    assert "server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4" in sources


def test_the_boot_waits_for_the_clock_but_not_for_ever(host):
    assert host.service("chrony").is_enabled
    assert host.service("chrony-wait").is_enabled
    shown = host.check_output("systemctl show chrony-wait.service --property=ExecStart --value")
    assert "chronyc waitsync 10 1.0 0.0 1" in shown
    properties = host.service("chrony-wait").systemd_properties
    assert "time-sync.target" in properties["Before"]
    assert properties["TimeoutStartUSec"] == "20s"


def test_a_container_leaves_the_clock_to_its_machine(host):
    host.check_output("systemctl start chrony.service")
    assert not host.service("chrony").is_running


def test_the_settings_of_ssh_come_before_all_others(host):
    settings = host.check_output("sshd -T").splitlines()
    assert {"permitrootlogin no", "passwordauthentication no", "x11forwarding no"} <= set(settings)
