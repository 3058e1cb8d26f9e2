from __future__ import annotations

import random
import socket
import struct

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset
import pytest
from chatlift_rehearsal.controllers.names import names_of
from chatlift_rehearsal.machine import resolvers
from chatlift_rehearsal.machine.name_server import NameServer

from .test_names import DEMO, record, zone
from .views import cloud

HERE = "127.0.0.1"
HEADER = 12
LONG = [f'"{number:03}{"x" * 60}"' for number in range(20)]


@pytest.fixture
def world():
    """Answers of others by name; whatever else they are asked, they do not know."""
    return {}


@pytest.fixture
def server(world):
    def ask(query):
        response = dns.message.make_response(query)
        if (name := str(query.question[0].name)) in world:
            response.answer = [dns.rrset.from_text(name, 60, "IN", "A", world[name])]
        else:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    server = NameServer(HERE, 0, ask)
    server.publish(
        names_of(cloud(hosted_zones=(DEMO, zone("big.test", record("big.test", "TXT", *LONG)))))
    )
    server.start()
    yield server
    server.stop()


def asked(server, name, kind="A", how=dns.query.udp, **options):
    query = dns.message.make_query(name, kind, **options)
    return how(query, HERE, port=server.port, timeout=5)


@pytest.mark.parametrize("how", [dns.query.udp, dns.query.tcp])
def test_zones_are_answered_with_authority(server, how):
    response = asked(server, "upper.demo.test", how=how)
    assert response.flags & dns.flags.AA
    assert response.flags & dns.flags.RA
    assert sorted(map(str, response.answer[0])) == ["192.0.2.1", "192.0.2.2"]


def test_what_is_not_there_is_denied(server):
    response = asked(server, "none.demo.test")
    assert response.rcode() == dns.rcode.NXDOMAIN
    assert str(response.authority[0].name) == "demo.test."


def test_a_change_is_answered_at_once(server):
    server.publish(names_of(cloud()))
    assert asked(server, "upper.demo.test").rcode() == dns.rcode.NXDOMAIN
    server.publish(names_of(cloud(hosted_zones=(DEMO,))))
    assert asked(server, "upper.demo.test").answer


def test_others_are_asked_for_others_names(server, world):
    world["www.example.org."] = "192.0.2.80"
    response = asked(server, "www.example.org")
    assert not response.flags & dns.flags.AA
    assert str(response.answer[0][0]) == "192.0.2.80"
    assert asked(server, "none.example.org").rcode() == dns.rcode.NXDOMAIN


def test_an_answer_goes_on_with_others(server, world):
    world["www.example.org."] = "192.0.2.80"
    alias, address = asked(server, "away.demo.test").answer
    assert (str(alias[0]), str(address[0])) == ("www.example.org.", "192.0.2.80")


@pytest.mark.parametrize(("options", "size"), [({}, 512), ({"use_edns": 0, "payload": 4096}, 1232)])
def test_what_is_too_long_for_a_packet_is_asked_again_over_tcp(server, options, size):
    short = asked(server, "big.test", "TXT", **{"use_edns": False, **options})
    assert short.flags & dns.flags.TC
    assert len(short.to_wire()) <= size
    whole = asked(server, "big.test", "TXT", how=dns.query.tcp)
    assert sorted(map(str, whole.answer[0])) == LONG


def test_a_connection_carries_several_questions(server):
    query = dns.message.make_query("demo.test", "SOA")
    with socket.create_connection((HERE, server.port), timeout=5) as connection:
        for _ in range(3):
            dns.query.send_tcp(connection, query)
            response, _ = dns.query.receive_tcp(connection)
            assert response.answer


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda query: query.set_opcode(2), dns.rcode.NOTIMP),
        (lambda query: query.question.clear(), dns.rcode.FORMERR),
        (lambda query: query.question.extend(query.question), dns.rcode.FORMERR),
        (lambda query: setattr(query.question[0], "rdclass", 3), dns.rcode.NOTIMP),
        (lambda query: setattr(query.question[0], "rdtype", 255), dns.rcode.NOTIMP),
    ],
)
def test_what_is_no_question_for_it_is_refused(server, change, code):
    query = dns.message.make_query("demo.test", "A")
    change(query)
    assert server.reply(query.to_wire()).rcode() == code


def test_rubbish_is_no_error(server):
    generator = random.Random(1)
    good = dns.message.make_query("upper.demo.test", "A").to_wire()
    for _ in range(1000):
        spoilt = bytearray(good)
        for _ in range(generator.randrange(1, 5)):
            spoilt[generator.randrange(len(spoilt))] = generator.randrange(256)
        response = server.reply(bytes(spoilt[: generator.randrange(len(spoilt) + 1)]))
        assert response is None or len(response.to_wire()) >= HEADER


def test_who_sends_rubbish_is_not_answered_and_harms_nobody(server):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"", (HERE, server.port))
        client.sendto(b"abc", (HERE, server.port))
    with socket.create_connection((HERE, server.port), timeout=5) as client:
        client.sendall(struct.pack("!H", 3) + b"abc")
        assert client.recv(1) == b""
    assert asked(server, "upper.demo.test").answer


def test_an_answer_is_not_answered(server):
    response = dns.message.make_response(dns.message.make_query("demo.test", "A"))
    assert server.reply(response.to_wire()) is None


def test_a_port_in_use_is_an_error(server):
    with pytest.raises(OSError, match="in use"):
        NameServer(HERE, server.port)


def test_others_are_this_machines_resolvers_but_not_itself(tmp_path):
    configuration = tmp_path / "resolv.conf"
    configuration.write_text("search a.test\nnameserver 198.18.0.1\nnameserver 127.0.0.53\n")
    assert resolvers.resolvers(configuration) == ["127.0.0.53"]
    configuration.write_text("search a.test\n")
    assert resolvers.resolvers(configuration) == []


@pytest.fixture
def of_this_machine(monkeypatch):
    def use(*servers):
        monkeypatch.setattr(resolvers, "resolvers", lambda: list(servers))
        monkeypatch.setattr(resolvers, "PATIENCE", 0.2)

    return use


def test_the_next_is_asked_when_one_is_silent(server, of_this_machine, monkeypatch):
    udp = dns.query.udp_with_fallback
    monkeypatch.setattr(
        dns.query,
        "udp_with_fallback",
        lambda query, where, *args, **kwargs: udp(
            query, where, *args, **kwargs, port=server.port if where == HERE else 9
        ),
    )
    of_this_machine("127.0.0.2", HERE)
    assert resolvers.ask(dns.message.make_query("upper.demo.test", "A")).answer


def test_without_one_that_answers_it_says_so(of_this_machine):
    of_this_machine()
    query = dns.message.make_query("www.example.org", "A")
    assert resolvers.ask(query).rcode() == dns.rcode.SERVFAIL
