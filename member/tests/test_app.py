"""The app tier trusts HAProxy's own checks."""

from chatlift_member.app import count_up

STATS = """# pxname,svname,qcur,status,check_status
clients,FRONTEND,,OPEN,
application,app1,0,UP,L7OK
application,app2,0,DOWN,L4CON
application,app3,0,UP 1/2,* L7OK
application,app4,0,UP,INI
application,BACKEND,0,UP,
mysql,mysql-a1,0,UP,L7OK

"""


def test_only_servers_of_the_application_that_passed_a_check_count() -> None:
    assert count_up(STATS) == 2
    assert count_up(STATS, "mysql") == 1
    assert count_up(STATS, "nonesuch") == 0
