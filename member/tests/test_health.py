"""Port 8008 answers fast, in the manner of the contract, and believes no old status."""

import json
import socket
import struct
import urllib.error
import urllib.request

import pytest
from chatlift_member.health import Monitor, Status, answer, serve
from member_factory import Clock

PRIMARY = Status(True, True, "primary", "ONLINE", metrics={"mysql_members_online": 3})
REPLICA = Status(True, False, "replica", "ONLINE")
DOWN = Status.down("stopped", "Redis does not answer.")


@pytest.mark.parametrize(
    ("status", "codes"),
    [(PRIMARY, (200, 200, 503)), (REPLICA, (200, 503, 200)), (DOWN, (503, 503, 503))],
)
def test_the_code_says_whether_and_how_the_member_may_be_used(
    status: Status, codes: tuple[int, ...]
) -> None:
    paths = ("/healthz", "/primary", "/replica")
    assert tuple(answer(path, status, "mysql-a1", "mysql").code for path in paths) == codes


def test_the_body_has_the_keys_of_the_contract() -> None:
    assert json.loads(answer("/healthz", DOWN, "redis-a1", "redis").body) == {
        "member": "redis-a1",
        "tier": "redis",
        "role": "unknown",
        "state": "stopped",
        "detail": "Redis does not answer.",
    }


def test_metrics_are_served_even_when_the_member_is_down() -> None:
    assert answer("/metrics", DOWN, "redis-a1", "redis").code == 200
    lines = answer("/metrics", PRIMARY, "mysql-a1", "mysql").body.splitlines()
    assert 'chatlift_mysql_members_online{member="mysql-a1",tier="mysql"} 3' in lines
    assert 'chatlift_leads{member="mysql-a1",tier="mysql"} 1' in lines


def test_a_hanging_look_is_not_believed_for_long() -> None:
    clock = Clock()
    monitor = Monitor(clock)
    monitor.refresh(lambda: PRIMARY)
    assert monitor.status() == PRIMARY
    clock.sleep(6)
    assert monitor.status().healthy is False
    assert monitor.status().detail == "The service has not answered for 6 s."


def test_a_defect_of_the_look_is_a_service_that_is_down() -> None:
    monitor = Monitor()
    monitor.refresh(lambda: PRIMARY)
    monitor.refresh(lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    assert not monitor.status().healthy


def test_it_answers_over_http() -> None:
    monitor = Monitor()
    server = serve(monitor, "redis-a1", "redis", port=0)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"{url}/healthz")
        monitor.refresh(lambda: PRIMARY)
        assert urllib.request.urlopen(f"{url}/healthz").status == 200
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/nonesuch")
    finally:
        server.shutdown()
        server.server_close()


def test_a_probe_that_resets_its_connection_leaves_no_trace(
    capfd: pytest.CaptureFixture[str],
) -> None:
    monitor = Monitor()
    monitor.refresh(lambda: PRIMARY)
    server = serve(monitor, "redis-a1", "redis", port=0)
    try:
        for _ in range(50):
            probe = socket.create_connection(("127.0.0.1", server.server_address[1]))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            probe.sendall(b"GET /primary HTTP/1.0\r\n\r\n")
            probe.recv(12)  # as HAProxy: the status line is enough
            probe.close()
    finally:
        server.shutdown()
        server.server_close()
    assert capfd.readouterr().err == ""
