"""What the role member leaves on a host that is no instance yet."""

import pytest
from testinfra.host import Host

IDENTITY = "/etc/chatlift/instance.json"


@pytest.mark.parametrize("unit", ["chatlift-member", "chatlift-logs"])
def test_unit_starts_with_an_instance_and_never_in_an_image(host: Host, unit: str) -> None:
    assert host.service(unit).is_enabled
    assert host.service(unit).is_valid
    host.check_output(f"systemctl start {unit}")  # its condition is not met, which is no failure
    assert not host.service(unit).is_running


def test_nothing_listens(host: Host) -> None:
    assert not host.socket("tcp://0.0.0.0:8008").is_listening


def test_agent_belongs_to_root_and_is_compiled(host: Host) -> None:
    home = "/opt/chatlift/member"
    assert host.check_output(f"find {home} ! -user root -o -perm /022") == ""
    assert host.check_output(f"find {home} -name 'agent.*.pyc'") != ""


@pytest.mark.parametrize("directory", ["/run/chatlift", "/srv/data", "/etc/chatlift/templates"])
def test_directories_of_the_contract(host: Host, directory: str) -> None:
    host.check_output("systemd-tmpfiles --create chatlift.conf")
    assert host.file(directory).is_directory
    assert (host.file(directory).user, host.file(directory).mode) == ("root", 0o755)


def test_agent_refuses_broken_user_data_in_a_sentence(host: Host) -> None:
    host.check_output(f"echo '{{\"format\": 7}}' > {IDENTITY}")
    try:
        ended = host.run("timeout 20 chatlift-member run")
    finally:
        host.check_output(f"rm {IDENTITY}")
    assert ended.rc == 1
    assert f"{IDENTITY}: format is 7, but this agent understands 1 only." in ended.stderr
    assert "Traceback" not in ended.stderr
