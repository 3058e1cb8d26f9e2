from __future__ import annotations

import ipaddress
import os
import socket

import pytest
from chatlift_rehearsal import preflight
from chatlift_rehearsal.errors import RehearsalError
from chatlift_rehearsal.machine.listeners import Listener, listeners, parse_address
from chatlift_rehearsal.machine.network import Taken


def taken(network, interface):
    return Taken(ipaddress.IPv4Network(network), interface)


def test_root_is_needed(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(RehearsalError, match="run it as root"):
        preflight.require_root()


def test_missing_commands_name_their_packages():
    with pytest.raises(RehearsalError) as error:
        preflight.require_commands(lambda command: None if command in ("podman", "nft") else "x")
    assert str(error.value) == "Not installed: podman, nft; run `apt-get install podman nftables`."


def test_a_port_in_use_names_its_process():
    listening = [Listener("127.0.0.1", 4566, "other"), Listener("0.0.0.0", 4566, "nginx (7)")]
    with pytest.raises(RehearsalError, match=r"Port 4566 is in use by nginx \(7\)"):
        preflight.require_ports(listening)
    preflight.require_ports(listening[:1])


@pytest.mark.parametrize("port", [80, 443])
def test_who_serves_on_every_address_would_take_the_proxies_ports(port):
    with pytest.raises(RehearsalError, match=rf"Port {port} is in use by nginx \(process 7\)"):
        preflight.require_ports([Listener("0.0.0.0", port, "nginx (process 7)")])
    preflight.require_ports([Listener("127.0.0.1", port, "nginx (process 7)")])


def test_another_dns_server_is_named_but_no_resolver_of_the_machine_itself():
    for protocol in ("tcp", "udp"):
        with pytest.raises(RehearsalError, match=r"Port 53 is in use by dnsmasq \(process 7\)"):
            preflight.require_ports([Listener("0.0.0.0", 53, "dnsmasq (process 7)", protocol)])
        preflight.require_ports([Listener("127.0.0.53", 53, "systemd-resolve (7)", protocol)])
    preflight.require_ports([Listener("0.0.0.0", 443, "caddy (process 7)", "udp")])


def test_missing_modules_name_their_packages(tmp_path):
    (tmp_path / "ngx_http_js_module.so").touch()
    with pytest.raises(RehearsalError, match="`apt-get install libnginx-mod-http-brotli-filter`"):
        preflight.require_modules(tmp_path)


@pytest.mark.parametrize(
    ("network", "needed"),
    [
        ("198.18.0.0/15", "198.18.0.0/24"),
        ("10.42.7.0/24", "10.42.0.0/16"),
        ("10.0.0.0/8", "10.42.0.0/16"),
        ("172.31.0.1/32", "172.31.0.0/16"),
    ],
)
def test_a_network_in_use_names_its_interface(network, needed):
    with pytest.raises(RehearsalError, match=f"needs {needed}.*uses {network} on wg0"):
        preflight.require_networks([taken("192.168.1.0/24", "eth0"), taken(network, "wg0")], "br")


def test_what_an_earlier_rehearsal_left_is_no_conflict():
    preflight.require_networks([taken("10.42.0.0/16", "br"), taken("10.43.0.0/16", "eth0")], "br")


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"}, "AWS_ACCESS_KEY_ID"),
        ({"AWS_ACCESS_KEY_ID": "rehearsal", "AWS_SECRET_ACCESS_KEY": "x"}, "AWS_SECRET"),
        ({"AWS_PROFILE": "prod"}, "AWS_PROFILE"),
        ({"AWS_SESSION_TOKEN": "x"}, "AWS_SESSION_TOKEN"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ({"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}, "AWS_CONTAINER_CREDENTIALS"),
    ],
)
def test_credentials_of_a_real_account_are_refused(environment, named, tmp_path):
    with pytest.raises(RehearsalError, match=named) as error:
        preflight.require_no_real_account(environment, tmp_path)
    assert "unset it" in str(error.value)
    assert "AKIAEXAMPLE" not in str(error.value)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("credentials", "[default]\naws_access_key_id = AKIAEXAMPLE\n"),
        ("config", "[default]\nregion = eu-central-1\nsso_session = work\n"),
    ],
)
def test_a_default_profile_is_refused_unless_it_is_not_used(file, text, tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / file).write_text(text)
    with pytest.raises(RehearsalError, match=f"{file} has a default profile"):
        preflight.require_no_real_account({}, tmp_path)
    preflight.require_no_real_account({"AWS_ACCESS_KEY_ID": "rehearsal"}, tmp_path)


def test_no_credentials_at_all_are_fine(tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text("[default]\nregion = eu-central-1\n")
    preflight.require_no_real_account({}, tmp_path)


def test_a_full_disk_is_named(tmp_path):
    with pytest.raises(RehearsalError, match=f"{tmp_path} has 2.0 GiB free"):
        preflight.require_space(tmp_path, 2 << 30)
    preflight.require_space(tmp_path, 20 << 30)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0100007F:1F90", ("127.0.0.1", 8080)),
        ("00000000000000000000000000000000:0016", ("::", 22)),
        ("00000000000000000000000001000000:0016", ("::1", 22)),
    ],
)
def test_addresses_of_proc(text, address):
    assert parse_address(text) == address


def test_a_listener_is_found_with_its_process():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (found,) = [listener for listener in listeners() if listener.port == port]
    assert found.address == "127.0.0.1"
    assert f"(process {os.getpid()})" in found.process
