from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from chatlift_rehearsal.controllers.distributions import (
    ConfigureSite,
    ForgetPaths,
    Served,
    StopSite,
    plan_distributions,
    site_of,
)
from chatlift_rehearsal.edge import AnswerHeadersView as Answer
from chatlift_rehearsal.edge import (
    BehaviorView,
    CacheView,
    CorsView,
    DistributionView,
    HeaderView,
    OriginView,
    RequestParts,
    Selection,
)
from chatlift_rehearsal.machine.distributions import SCRIPT
from chatlift_rehearsal.machine.edge import cache
from chatlift_rehearsal.machine.edge.access_log import AccessLog
from chatlift_rehearsal.machine.edge.config import render
from chatlift_rehearsal.machine.edge.headers import answer_headers, origin_headers
from chatlift_rehearsal.machine.edge.place import Place
from chatlift_rehearsal.machine.edge.viewers import path_expression
from chatlift_rehearsal.model import CertificateView, LoadBalancerView

from .certificates import issued
from .views import cloud

CACHED = CacheView(RequestParts(), 1, 86400, 31536000, gzip=True)
PAGES = OriginView("pages", "pages.s3.eu-central-1.amazonaws.com", bucket="pages", signed=True)
APP = OriginView("app", "chat.test", endpoint="arn:lb", protocol="https-only")
DEFAULT = BehaviorView("*", "pages", "redirect-to-https", ("HEAD", "GET"), True, CACHED)
API = replace(DEFAULT, pattern="/api/*", origin="app")
SITE = DistributionView(
    "E1",
    "arn:aws:cloudfront::123456789012:distribution/E1",
    "chat",
    "198.18.0.16",
    "d1.cloudfront.net",
    enabled=True,
    deployed=True,
    origins=(PAGES, APP),
    behaviors=(API, DEFAULT),
)
BALANCER = LoadBalancerView(
    "arn:lb", "chat", "internal-chat.elb.amazonaws.com", ("10.42.0.4",), "vpc-1", (), 60.0
)


def view(*distributions, **more):
    return cloud(distributions=distributions, load_balancers=(BALANCER,), **more)


def served(of, *invalidated):
    site = site_of(of, of.distributions[0])
    return {"E1": Served(site, frozenset(invalidated))}


def test_new_distribution_is_served():
    (action,) = plan_distributions(view(SITE), {})
    assert isinstance(action, ConfigureSite)
    assert dict(action.site.addresses) == {"pages": (), "app": ("10.42.0.4",)}


def test_nothing_is_done_twice():
    assert plan_distributions(view(SITE), served(view(SITE))) == []


def test_deployment_changes_nothing():
    assert plan_distributions(view(replace(SITE, deployed=False)), served(view(SITE))) == []


@pytest.mark.parametrize("change", [{"default_root": "index.html"}, {"behaviors": (DEFAULT,)}])
def test_change_is_served(change):
    (action,) = plan_distributions(view(replace(SITE, **change)), served(view(SITE)))
    assert isinstance(action, ConfigureSite)


def test_renewed_certificate_is_served():
    old = CertificateView("arn:cert", ("chat.test",), "old", "", "key")
    site = replace(SITE, certificate="arn:cert")
    before = served(view(site, certificates=(old,)))
    (action,) = plan_distributions(
        view(site, certificates=(replace(old, certificate="new"),)), before
    )
    assert isinstance(action, ConfigureSite)
    assert action.site.certificate.certificate == "new"


@pytest.mark.parametrize("left", [(), (replace(SITE, enabled=False),)])
def test_disabled_or_deleted_distribution_is_stopped(left):
    assert plan_distributions(view(*left), served(view(SITE))) == [StopSite("E1")]


def test_invalidations_are_carried_out_one_after_the_other():
    site = replace(SITE, invalidations=(("I1", ("/a",)), ("I2", ("/b*",))))
    assert plan_distributions(view(site), served(view(site))) == [ForgetPaths("E1", "I1", ("/a",))]
    assert plan_distributions(view(site), served(view(site), "I1")) == [
        ForgetPaths("E1", "I2", ("/b*",))
    ]
    assert plan_distributions(view(site), served(view(site), "I1", "I2")) == []


def test_public_origin_is_a_load_balancer_by_its_name_or_found_through_dns():
    public = replace(APP, endpoint="", domain_name=BALANCER.dns_name)
    found = site_of(view(SITE), replace(SITE, origins=(public,)))
    assert dict(found.addresses) == {"app": ("10.42.0.4",)}
    found = site_of(view(SITE), replace(SITE, origins=(replace(APP, endpoint=""),)))
    assert dict(found.addresses) == {"app": ()}


@pytest.mark.parametrize(
    ("pattern", "expression"),
    [
        ("*", "^.*$"),
        ("/api/*", r"^/api/.*$"),
        ("api/*", r"^/api/.*$"),
        ("*.js", r"^.*\.js$"),
        ("/a?c", "^/a.c$"),
    ],
)
def test_path_patterns(pattern, expression):
    assert path_expression(pattern) == expression


def headers(origin=APP, **more):
    found = origin_headers(SITE, replace(API, **more), origin)
    return found, dict(found.values)


def test_origin_gets_little_without_a_policy():
    found, values = headers()
    assert (found.passes_all, found.forwards_host) == (False, False)
    assert values["Host"] == "chat.test"
    assert values["User-Agent"] == "Amazon CloudFront"
    assert "Authorization" not in values


@pytest.mark.parametrize(
    ("selection", "passes_all", "host"),
    [
        (Selection("all"), True, "$http_host"),
        (Selection("allExcept", ("Host",)), True, "chat.test"),
        (Selection("allExcept", ("X-A",)), True, "$http_host"),
        (Selection("whitelist", ("host",)), False, "$http_host"),
    ],
)
def test_host_is_forwarded_as_the_policy_says(selection, passes_all, host):
    found, values = headers(request=RequestParts(headers=selection))
    assert (found.passes_all, values["Host"]) == (passes_all, host)


def test_headers_of_cloudfront_are_sent_when_they_are_named():
    _, values = headers(request=RequestParts(headers=Selection("all")))
    assert values["CloudFront-Viewer-Address"] == ""
    named = Selection("all", ("CloudFront-Viewer-Address",))
    _, values = headers(request=RequestParts(headers=named))
    assert values["CloudFront-Viewer-Address"] == "$http_cloudfront_viewer_address"


def test_custom_header_wins_over_what_the_viewer_says():
    origin = replace(APP, headers=(("X-KEY", "secret"),))
    _, values = headers(origin, request=RequestParts(headers=Selection("whitelist", ("x-key",))))
    assert {name: value for name, value in values.items() if name.lower() == "x-key"} == {
        "X-KEY": "secret"
    }


def test_bucket_is_told_who_asks_only_if_requests_are_signed():
    _, values = headers(PAGES)
    assert values["X-Distribution"] == SITE.arn
    _, values = headers(replace(PAGES, signed=False))
    assert values["X-Distribution"] == ""


def test_answer_headers_override_or_give_way():
    found = answer_headers(
        3, Answer((HeaderView("X-A", "1", True), HeaderView("X-B", 'a "b" $c')), ("Server",))
    )
    assert found.directives == (
        "proxy_hide_header Server",
        "proxy_hide_header X-A",
        'add_header X-A "1" always',
        "add_header X-B $answer_3_1 always",
    )
    assert found.maps == (
        'map $upstream_http_x_b $answer_3_1 { default ""; "" "a \\"b\\" ${dollar}c"; }'
    )


def test_cache_forgets_what_an_invalidation_names(tmp_path):
    def entries(*keys):
        for key in keys:
            (tmp_path / key.replace("/", "_")).write_bytes(
                b"\x05\x00\nKEY: " + key.encode() + b" \nHTTP/1.1 200 OK\r\n\r\n"
            )

    entries("/index.html", "/a/1", "/a/2", "/ab")
    assert cache.forget(tmp_path, ("/a/*",)) == 2
    assert cache.forget(tmp_path, ("/ab?x=1",)) == 1
    assert cache.forget(tmp_path, ("/index",)) == 0
    assert cache.forget(tmp_path, ("/*",)) == 1


CORS = CorsView(("https://*.test", "a.test"), "GET", "X-A", "X-B", True, 60, False)


def test_configuration_is_one_that_nginx_takes(tmp_path):
    """With every kind of origin, header and policy, and values that need to be quoted."""
    if shutil.which("nginx") is None:
        pytest.fail("nginx is not installed: run ./setup.sh")
    everything = RequestParts(Selection("all"), Selection("all"), Selection("all"))
    some = RequestParts(
        Selection("whitelist", ("Origin",)),
        Selection("whitelist", ("a-b",)),
        Selection("allExcept", ("c",)),
    )
    answer = Answer((HeaderView("X-A", 'a;"{$b}\\', False),), ("Server",), CORS)
    public = OriginView("by-name", "origin.test", protocol="match-viewer", headers=(("X", "{;"),))
    site = replace(
        SITE,
        address="127.0.17.1",
        origins=(*SITE.origins, public),
        behaviors=(
            replace(API, request=everything, answer=answer),
            replace(API, pattern="/b/?", origin="by-name", viewer_protocol="https-only"),
            replace(DEFAULT, cache=replace(CACHED, key=some, brotli=True), answer=answer),
        ),
    )
    key, certificate = tmp_path / "certificate.key", tmp_path / "certificate.pem"
    known = issued("d1.test")
    certificate.write_text(known.certificate)
    key.write_text(known.private_key)
    place = Place(tmp_path / "s", "127.0.0.1", certificate, SCRIPT, "127.0.0.1")
    (tmp_path / "nginx.conf").write_text(render(site_of(view(site), site), place, "mark"))
    done = subprocess.run(
        ["nginx", "-t", "-q", "-p", f"{tmp_path}/", "-c", "nginx.conf", "-e", "error.log"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def test_access_log_is_sent_when_nobody_writes_to_it_any_more(tmp_path):
    stored = {}
    site = replace(SITE, log_bucket="logs", log_prefix="cdn/")
    log = AccessLog(tmp_path / "access.log")
    (tmp_path / "access.log").write_text("one\n")

    def send():
        log.send(site, lambda bucket, key, content: stored.update({(bucket, key): content}))
        log.set_aside()

    send()
    assert stored == {}
    send()
    ((bucket, key), content) = stored.popitem()
    assert bucket == "logs"
    assert re.fullmatch(r"cdn/E1\.\d{4}-\d\d-\d\d-\d\d\.[0-9a-f]{8}\.gz", key)
    assert gzip.decompress(content).decode().splitlines()[2:] == ["one"]
    send()
    assert stored == {}


def test_log_without_a_bucket_is_dropped(tmp_path):
    (tmp_path / "access.next").write_text("one\n")
    AccessLog(tmp_path / "access.log").send(SITE, lambda *_: pytest.fail("It was sent."))
    assert not (tmp_path / "access.next").exists()
