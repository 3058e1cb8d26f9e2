"""The app tier trusts HAProxy's own checks."""

from chatlift_member.app import count_up

STATS = """# pxname,svname,qcur,status,weight
clients,FRONTEND,,OPEN,
application,app1,0,UP,1
application,app2,0,DOWN,1
application,app3,0,UP 1/2,1
application,BACKEND,0,UP,1
mysql,mysql-a1,0,UP,1

"""


def test_only_the_applications_servers_count() -> None:
    assert count_up(STATS) == 2
    assert count_up(STATS, "mysql") == 1
    assert count_up(STATS, "nonesuch") == 0
