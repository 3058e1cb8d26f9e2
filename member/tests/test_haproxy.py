"""What HAProxy says is read as HAProxy means it; the samples are HAProxy 3.0's."""

from __future__ import annotations

import pytest
from chatlift_member import haproxy
from chatlift_member.haproxy import connections, count_up, requests, shutdowns, streams, unready

HEAD = "# pxname,svname,scur,status,check_status,req_tot\n"
STATS = f"""{HEAD}clients,FRONTEND,7,OPEN,,41
application,app1,2,UP,L7OK,
application,app2,0,DOWN,L4CON,
application,app3,1,UP 1/2,* L7OK,
application,app4,0,UP,INI,
application,BACKEND,3,UP,,40
overloaded,app1,2,no check,,
overloaded,BACKEND,2,UP,,1
mysql,FRONTEND,1,OPEN,,
mysql,mysql-a1,1,UP,L7OK,
mysql,mysql-b1,0,DOWN,L7STS,
mysql,BACKEND,1,UP,,

"""
SESSIONS = """\
0x7f267defd400: proto=tcpv4 src=127.0.0.1:46208 fe=clients be=application srv=app1 ts=00 epoch=0 \
age=1s calls=3 rate=0 cpu=0 lat=0 rq[f=848000h,i=0,an=00h,ax=] rp[f=80048000h,i=0,an=00h,ax=] \
scf=[8,1400h,fd=13,rex=59m58s,wex=] scb=[8,1011h,fd=14,rex=59m58s,wex=] exp=0s rc=0 c_exp=
0x7f267defd800: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00 epoch=0 age=0s \
calls=1 rate=0 cpu=0 lat=0 rq[f=848101h,i=0,an=00h,ax=] rp[f=80008000h,i=0,an=00h,ax=] \
scf=[8,0h,fd=18,rex=10s,wex=] scb=[8,1h,fd=-1,rex=,wex=] exp=9s rc=0 c_exp=
0x7f267e4a6000: proto=tcpv4 src=127.0.0.1:46210 fe=clients be=application srv=app1 ts=00 epoch=0 \
age=1s calls=2 rate=0 cpu=0 lat=0 rq[f=1840000h,i=0,an=8000h,ax=] \
rp[f=80000000h,i=0,an=1400000h,ax=] scf=[8,482h,fd=15,rex=,wex=] \
scb=[8,1411h,fd=17,rex=58s,wex=] exp=0s rc=0 c_exp=
0x7fef706fdc00: proto=tcpv4 src=127.0.0.1:57248 fe=mysql be=mysql srv=m ts=00 epoch=0 age=1s \
calls=2 rate=0 cpu=0 lat=0 rq[f=808000h,i=0,an=00h,ax=] rp[f=80008000h,i=0,an=00h,ax=] \
scf=[8,0h,fd=16,rex=59m58s,wex=] scb=[8,1h,fd=18,rex=59m58s,wex=] exp=0s rc=0 c_exp=

"""


def test_only_servers_of_the_application_that_passed_a_check_count() -> None:
    assert count_up(STATS) == 2
    assert count_up(STATS, "mysql") == 1
    assert count_up(STATS, "nonesuch") == 0


def test_connections_are_those_to_the_application() -> None:
    assert (connections(STATS), requests(STATS)) == (5, 41)
    assert (connections(HEAD), requests(HEAD)) == (0, 0)


@pytest.mark.parametrize(
    ("a1", "b1", "names"),
    [
        ("UP,L7OK", "DOWN,L7STS", []),
        ("UP,L7OK", "UP,INI", ["mysql"]),  # the one that does not lead has not been asked
        ("UP,L7OK", "DOWN 1/2,L7STS", []),
        ("DOWN,L4TOUT", "DOWN,L7STS", ["mysql"]),
        ("no check,", "no check,", []),
    ],
)
def test_a_tier_is_ready_when_its_leader_is_known(a1: str, b1: str, names: list[str]) -> None:
    stats = STATS.replace("mysql-a1,1,UP,L7OK", f"mysql-a1,1,{a1}")
    assert unready(stats.replace("mysql-b1,0,DOWN,L7STS", f"mysql-b1,0,{b1}")) == names


def test_websockets_are_told_from_requests_and_from_what_is_not_the_clients() -> None:
    assert streams(SESSIONS) == (["0x7f267defd400"], ["0x7f267e4a6000"])


def test_many_streams_are_closed_with_few_lines() -> None:
    lines = list(shutdowns(f"0x7f267defd{n:03x}" for n in range(250)))
    assert len(lines) == 3
    assert sum(line.count("shutdown session 0x") for line in lines) == 250
    assert max(map(len, lines)) < haproxy.COMMANDS_A_LINE * 40 < 16384
