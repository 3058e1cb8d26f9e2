from __future__ import annotations

import dataclasses
import gzip
import hashlib
import re
import shlex
import shutil
import subprocess

import pytest
from chatlift_rehearsal.controllers.load_balancers import (
    AddServer,
    Backend,
    ChangeServer,
    ConfigureProxy,
    DropServer,
    Layout,
    Proxy,
    Server,
    StopProxy,
    TellProxy,
    plan_load_balancers,
    servers_of,
)
from chatlift_rehearsal.machine.haproxy_config import certificate_file, expression, render
from chatlift_rehearsal.machine.request_log import deliver
from chatlift_rehearsal.machine.rhythm import Rhythm
from chatlift_rehearsal.model import (
    CertificateView,
    FixedResponse,
    ListenerView,
    Redirect,
    RuleView,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from .certificates import issued
from .views import balancer, cloud, target, target_group

ONE, TWO = target("i-1"), target("i-2", "10.42.1.4")
LAYOUT = Layout(balancer(), (Backend("arn:app", "app", 0),))


def server(instance_id="i-1", state="ready", address="10.42.0.4", dead=False):
    return Server(f"{instance_id}_8080", address, 8080, state, dead)


def states(group, health, dead=frozenset()):
    return {s.name.split("_")[0]: s.state for s in servers_of(group, health, dead).values()}


def test_only_healthy_targets_get_traffic():
    group = target_group(ONE, TWO)
    assert states(group, {ONE: "healthy", TWO: "unhealthy"}) == {"i-1": "ready", "i-2": "drain"}
    assert states(group, {ONE: "healthy"}) == {"i-1": "ready", "i-2": "maint"}


def test_with_no_healthy_target_unhealthy_ones_get_traffic():
    group = target_group(ONE, TWO)
    assert states(group, {ONE: "unhealthy", TWO: "initial"}) == {"i-1": "ready", "i-2": "maint"}


def test_a_draining_target_keeps_what_is_connected():
    group = target_group(ONE, draining=(TWO,))
    assert states(group, {ONE: "healthy"}) == {"i-1": "ready", "i-2": "drain"}


def plan(*groups, health=None, proxies=None, dead=frozenset(), balancers=None):
    lbs = (balancer(),) if balancers is None else balancers
    view = cloud(load_balancers=lbs, target_groups=groups)
    return plan_load_balancers(view, proxies or {}, health or {}, dead)


def test_a_new_load_balancer_is_configured():
    found = plan(target_group(ONE), health={"arn:app": {ONE: "healthy"}})
    assert found == [ConfigureProxy(LAYOUT, {"app": {"i-1_8080": server()}})]


def test_a_changed_listener_changes_the_configuration():
    proxies = {"arn:lb": Proxy(LAYOUT, {"app": {}})}
    changed = balancer(idle_timeout=4000.0)
    found = plan(target_group(), proxies=proxies, balancers=(changed,))
    assert found == [ConfigureProxy(dataclasses.replace(LAYOUT, balancer=changed), {"app": {}})]


def test_targets_are_changed_in_the_running_proxy():
    proxies = {
        "arn:lb": Proxy(LAYOUT, {"app": {"i-1_8080": server(), "i-3_8080": server("i-3")}}),
    }
    group = target_group(ONE, TWO)
    health = {"arn:app": {ONE: "unhealthy", TWO: "healthy"}}
    (told,) = plan(group, health=health, proxies=proxies)
    two = server("i-2", address="10.42.1.4")
    assert isinstance(told, TellProxy)
    assert told.actions == (
        ChangeServer("app", server(state="drain")),
        AddServer("app", two),
        DropServer("app", server("i-3")),
    )


def test_a_dead_host_is_told_once():
    group, health = target_group(ONE), {"arn:app": {ONE: "healthy"}}
    proxies = {"arn:lb": Proxy(LAYOUT, {"app": {"i-1_8080": server()}})}
    (told,) = plan(group, health=health, proxies=proxies, dead={"i-1"})
    assert told.actions == (ChangeServer("app", server(dead=True)),)
    assert plan(group, health=health, proxies={"arn:lb": Proxy(LAYOUT, told.servers)}) != []
    proxies = {"arn:lb": Proxy(LAYOUT, told.servers)}
    assert plan(group, health=health, proxies=proxies, dead={"i-1"}) == []


def test_a_deleted_load_balancer_is_stopped():
    found = plan(proxies={"arn:lb": Proxy(LAYOUT, {})}, balancers=())
    assert found == [StopProxy("arn:lb")]


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/api/*", "/api/rooms", True),
        ("/api/*", "/apix", False),
        ("/ws*", "/ws", True),
        ("/v?", "/v1", True),
        ("/v?", "/v10", False),
        ("/a.b", "/aXb", False),
    ],
)
def test_path_patterns(pattern, path, matches):
    found = expression(pattern)
    assert found[0] == found[-1] == "'"
    assert bool(re.search(found[1:-1], path)) is matches


def test_haproxy_accepts_the_configuration(tmp_path):
    if not shutil.which("haproxy"):
        pytest.fail("haproxy is not installed; the rehearsal needs it (apt-get install haproxy)")
    rules = (
        RuleView("arn:api", ("/ws*", "/api/*"), (("X-Origin", ("o'secret 1", "other")),)),
        RuleView(paths=("/old/*",), answer=Redirect("https", 443, 301)),
        RuleView(paths=("/no",), answer=FixedResponse(403, body="It's forbidden.")),
        RuleView("arn:app"),
    )
    known = issued("chat.test")
    listeners = (
        ListenerView(18099, "HTTP", rules),
        ListenerView(18098, "HTTPS", rules, (known.arn,)),
        ListenerView(18097, "HTTPS", rules, ("arn:not-issued",)),
    )
    layout = Layout(
        balancer(addresses=("127.0.0.1",), listeners=listeners, log_bucket="logs"),
        (
            Backend("arn:app", "app", 0),
            Backend("arn:api", "api", 86400, "least_outstanding_requests"),
        ),
        (known,),
    )
    certificate_file(tmp_path, 0).write_text(known.certificate + known.private_key)
    servers = {"app": {"i-1_8080": server()}, "api": {"i-2_8080": server("i-2", "drain")}}
    text = render(layout, servers, connections=100, directory=tmp_path)
    assert "bind 127.0.0.1:18098 ssl crt " in text
    assert "18097" not in text
    assert "server i-1_8080 10.42.0.4:8080\n" in text
    assert "server i-2_8080 10.42.0.4:8080 disabled\n" in text
    config = tmp_path / "haproxy.cfg"
    config.write_text(text)
    subprocess.run(["haproxy", "-c", "-f", str(config)], check=True)


ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/chat/1a2b3c4d"
FORWARDED = (
    "request 1530570180186641 22364 10.42.0.9 443 192.0.2.1:2817 10.42.0.4:8080 app 0 1 48 200 34 "
    "366 GET HTTP/1.1 TLS_AES_256_GCM_SHA384 TLSv1.3 {fingerprint} chat.test 7 forward - - "
    "Root=1-5833 chat.test /a?b=c"
)
REFUSED = (
    "request 1530570180186641 0 10.42.1.9 80 192.0.2.1:2818 -:- port_80 -1 -1 -1 400 0 187 "
    "<BADREQ> <BADREQ> - - - - - - - - - - -"
)


def test_log_has_the_documented_fields_and_an_object_for_each_node():
    known = issued("chat.test")
    der = x509.load_pem_x509_certificate(known.certificate.encode()).fingerprint(hashes.SHA256())
    logging = balancer(arn=ARN, log_bucket="logs", log_prefix="alb")
    stored = {}
    deliver(
        [
            "\t".join([*FORWARDED.format(fingerprint=der.hex().upper()).split(), 'Mozilla "5"\té']),
            "Proxy port_80 stopped (cumulated conns: FE: 1, BE: 0).",
            "\t".join([*REFUSED.split(), "-"]),
        ],
        Layout(logging, (Backend("arn:app", "app", 0),), (known,)),
        lambda bucket, key, content: stored.update({(bucket, key): gzip.decompress(content)}),
    )
    names = {re.sub(r"\d{8}T\d{4}Z", "END", key[1]): text for key, text in stored.items()}
    day = r"alb/AWSLogs/123456789012/elasticloadbalancing/eu-central-1/\d{4}/\d\d/\d\d/"
    file = r"123456789012_elasticloadbalancing_eu-central-1_app\.chat\.1a2b3c4d_END_"
    forwarded, refused = (
        next(text.decode() for name, text in names.items() if re.fullmatch(pattern, name))
        for pattern in (rf"{day}{file}10\.42\.{n}\.9_[0-9a-f]{{8}}\.log\.gz" for n in (0, 1))
    )
    assert {bucket for bucket, _ in stored} == {"logs"}
    tid = "TID_" + hashlib.sha256(b"192.0.2.1:2817").hexdigest()[:32]
    assert forwarded == (
        "https 2018-07-02T22:23:00.186641Z app/chat/1a2b3c4d 192.0.2.1:2817 10.42.0.4:8080 "
        "0.001 0.048 0.000 200 200 34 366 "
        '"GET https://chat.test:443/a?b=c HTTP/1.1" "Mozilla \\x225\\x22\\x09\\xE9" '
        'TLS_AES_256_GCM_SHA384 TLSv1.3 arn:app "Root=1-5833" "chat.test" '
        f'"{known.arn}" 7 2018-07-02T22:22:37.822641Z "forward" "-" "-" "10.42.0.4:8080" "200" '
        f'"-" "-" {tid} "-" "-" "-"\n'
    )
    assert refused.startswith(
        "http 2018-07-02T22:23:00.186641Z app/chat/1a2b3c4d 192.0.2.1:2818 - -1 -1 -1 400 - "
        '0 187 "- http://10.42.1.9:80- -" "-" - - - "-" "-" "-" -1 '
    )
    assert len(shlex.split(forwarded)) == len(shlex.split(refused)) == 33


def test_log_is_due_every_so_often():
    rhythm = Rhythm(30.0)
    assert rhythm.due(["a"], 100.0) == []
    assert rhythm.due(["a", "b"], 130.0) == ["a"]
    assert rhythm.due(["a", "b"], 159.0) == []
    assert rhythm.due(["a", "b"], 160.0) == ["a", "b"]


def test_renewed_certificate_changes_the_layout():
    listener = ListenerView(443, "HTTPS", (RuleView("arn:app"),), ("arn:certificate",))
    secure = balancer(listeners=(listener,))
    old = CertificateView("arn:certificate", ("chat.test",), "old", "", "key")
    other = dataclasses.replace(old, arn="arn:other")

    def view(certificate):
        return cloud(load_balancers=(secure,), certificates=(other, certificate))

    (first,) = plan_load_balancers(view(old), {}, {}, set())
    assert first.layout.certificates == (old,)
    proxies = {secure.arn: Proxy(first.layout, first.servers)}
    assert plan_load_balancers(view(old), proxies, {}, set()) == []
    (second,) = plan_load_balancers(
        view(dataclasses.replace(old, certificate="new")), proxies, {}, set()
    )
    assert isinstance(second, ConfigureProxy)
