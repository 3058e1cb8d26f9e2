from __future__ import annotations

import dns.name
import dns.rcode
import dns.rdatatype
import pytest
from chatlift_rehearsal.controllers.names import answer, names_of
from chatlift_rehearsal.edge import DistributionView
from chatlift_rehearsal.zones import HostedZoneView, RecordSetView

from .views import balancer, cloud, instance

SERVERS = ("ns-2048.awsdns-64.com", "ns-2049.awsdns-65.net")
SOA = "ns-2048.awsdns-64.com. hostmaster.example.com. 1 7200 900 1209600 86400"
DISTRIBUTION = DistributionView(
    "E1", "arn:E1", "chat", "198.18.0.16", "d1.cloudfront.net", True, True, (), ()
)


def record(name, kind, *values, alias=""):
    return RecordSetView(f"{name}.", kind, 300, values, alias)


def zone(name, *records):
    own = (record(name, "NS", *SERVERS), RecordSetView(f"{name}.", "SOA", 900, (SOA,)))
    return HostedZoneView(f"{name}.", own + records)


DEMO = zone(
    "demo.test",
    record("chat.demo.test", "A", alias="d1.cloudfront.net."),
    record("chat.demo.test", "AAAA", alias="d1.cloudfront.net."),
    record("api.demo.test", "A", alias="dualstack.chat.elb."),
    record("www.demo.test", "A", alias="chat.demo.test."),
    record("gone.demo.test", "A", alias="d2.cloudfront.net."),
    record("demo.test", "MX", "10 mail.demo.test"),
    record("demo.test", "TXT", '"v=spf1 -all" "two"', '"other"'),
    record("Upper.Demo.test", "A", "192.0.2.1", "192.0.2.2"),
    record("old.demo.test", "CNAME", "upper.demo.test"),
    record("away.demo.test", "CNAME", "www.example.org"),
    record("round.demo.test", "CNAME", "about.demo.test"),
    record("about.demo.test", "CNAME", "round.demo.test"),
    record("*.pages.demo.test", "A", "192.0.2.3"),
    record("a.b.pages.demo.test", "A", "192.0.2.4"),
    record("lab.demo.test", "NS", "ns.elsewhere.test"),
)
NAMES = names_of(
    cloud(
        hosted_zones=(DEMO, zone("sub.demo.test", record("x.sub.demo.test", "A", "192.0.2.9"))),
        load_balancers=(balancer(),),
        distributions=(DISTRIBUTION,),
        instances=(instance(),),
    )
)


def asked(name, kind="A", names=NAMES):
    return answer(names, dns.name.from_text(name), dns.rdatatype.from_text(kind))


def values(found):
    return sorted(str(value) for records in found.records for value in records)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("demo.test", "NS", [f"{server}." for server in SERVERS]),
        ("demo.test", "SOA", [SOA]),
        ("demo.test", "MX", ["10 mail.demo.test."]),
        ("demo.test", "TXT", ['"other"', '"v=spf1 -all" "two"']),
        ("uPPer.demo.TEST", "A", ["192.0.2.1", "192.0.2.2"]),
        ("chat.demo.test", "A", ["198.18.0.16"]),
        ("api.demo.test", "A", ["10.42.0.9", "10.42.1.9"]),
        ("www.demo.test", "A", ["198.18.0.16"]),
        ("old.demo.test", "A", ["192.0.2.1", "192.0.2.2", "upper.demo.test."]),
        ("old.demo.test", "CNAME", ["upper.demo.test."]),
        ("x.sub.demo.test", "A", ["192.0.2.9"]),
        ("any.pages.demo.test", "A", ["192.0.2.3"]),
        ("any.thing.pages.demo.test", "A", ["192.0.2.3"]),
        ("a.b.pages.demo.test", "A", ["192.0.2.4"]),
        ("lab.demo.test", "NS", ["ns.elsewhere.test."]),
        ("d1.cloudfront.net", "A", ["198.18.0.16"]),
        ("chat.elb", "A", ["10.42.0.9", "10.42.1.9"]),
        ("dualstack.chat.elb", "A", ["10.42.0.9", "10.42.1.9"]),
        ("ip-10-42-0-4.eu-central-1.compute.internal", "A", ["10.42.0.4"]),
        (SERVERS[0], "A", ["198.18.0.1"]),
    ],
)
def test_what_there_is_is_answered(name, kind, expected):
    found = asked(name, kind)
    assert (values(found), found.code, found.elsewhere) == (expected, dns.rcode.NOERROR, None)


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("none.demo.test", "A", dns.rcode.NXDOMAIN),
        ("below.chat.demo.test", "A", dns.rcode.NXDOMAIN),
        # The wildcard is not for what is below a name that is there.
        ("c.b.pages.demo.test", "A", dns.rcode.NXDOMAIN),
        ("upper.demo.test", "AAAA", dns.rcode.NOERROR),
        ("any.pages.demo.test", "TXT", dns.rcode.NOERROR),
        # A name with others below it is there.
        ("b.pages.demo.test", "A", dns.rcode.NOERROR),
        ("pages.demo.test", "A", dns.rcode.NOERROR),
        # VPCs have no IPv6 here, and of a distribution that is gone nobody knows the address.
        ("chat.demo.test", "AAAA", dns.rcode.NOERROR),
        ("gone.demo.test", "A", dns.rcode.NOERROR),
    ],
)
def test_what_there_is_not_is_denied_with_the_authority(name, kind, code):
    found = asked(name, kind)
    assert (found.records, found.code, found.elsewhere) == ((), code, None)
    (authority,) = found.authority
    assert (str(authority.name), authority.ttl, str(authority[0])) == ("demo.test.", 900, SOA)


def test_a_name_of_aws_has_no_other_records():
    found = asked("d1.cloudfront.net", "AAAA")
    assert (found.records, found.code, found.elsewhere) == ((), dns.rcode.NOERROR, None)


@pytest.mark.parametrize(
    ("name", "elsewhere", "before"),
    [
        ("archive.example.org", "archive.example.org", []),
        ("d9.cloudfront.net", "d9.cloudfront.net", []),
        ("notdemo.test", "notdemo.test", []),
        ("away.demo.test", "www.example.org", ["www.example.org."]),
        ("lab.demo.test", "lab.demo.test", []),
        ("host.lab.demo.test", "host.lab.demo.test", []),
    ],
)
def test_names_of_nobody_here_are_for_others(name, elsewhere, before):
    found = asked(name)
    assert (str(found.elsewhere), values(found)) == (f"{elsewhere}.", before)


def test_a_circle_of_names_ends():
    assert {value.rstrip(".") for value in values(asked("round.demo.test"))} == {
        "round.demo.test",
        "about.demo.test",
    }


def test_a_circle_of_aliases_has_no_records():
    names = names_of(
        cloud(
            hosted_zones=(
                zone(
                    "demo.test",
                    record("a.demo.test", "A", alias="b.demo.test"),
                    record("b.demo.test", "A", alias="a.demo.test"),
                ),
            )
        )
    )
    assert asked("a.demo.test", names=names).records == ()


def test_of_two_zones_with_one_name_the_first_is_asked():
    second = zone("demo.test", record("late.demo.test", "A", "192.0.2.1"))
    names = names_of(cloud(hosted_zones=(zone("demo.test"), second)))
    assert asked("late.demo.test", names=names).code == dns.rcode.NXDOMAIN


def test_a_load_balancer_without_an_address_is_no_error():
    names = names_of(cloud(load_balancers=(balancer(addresses=()),)))
    assert asked("chat.elb", names=names).records == ()
