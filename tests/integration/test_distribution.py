"""A distribution's proxy serves a bucket and a private server as CloudFront does."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from chatlift_rehearsal.authority import Authority, key_pem
from chatlift_rehearsal.controllers.distributions import ConfigureSite, ForgetPaths, Site
from chatlift_rehearsal.edge import (
    AnswerHeadersView,
    BehaviorView,
    CacheView,
    DistributionView,
    ErrorPageView,
    HeaderView,
    OriginView,
    RequestParts,
    Selection,
)
from chatlift_rehearsal.machine.distributions import Distributions
from chatlift_rehearsal.machine.edge.bucket_origin import BucketOrigin
from chatlift_rehearsal.model import CertificateView
from chatlift_rehearsal.settings import Settings
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration.cloud import Cloud
from tests.integration.echo_server import Echo
from tests.integration.viewer import Viewer

ADDRESS = "127.0.16.1"
DOMAIN = "d111111abcdef8.cloudfront.net"
ARN = "arn:aws:cloudfront::123456789012:distribution/E1"
EVERYTHING = RequestParts(Selection("all"), Selection("all"), Selection("all"))
READ = ("HEAD", "GET")
WRITE = ("HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH")
CACHED = CacheView(RequestParts(), 1, 86400, 31536000, gzip=True, brotli=True)
NOT_CACHED = CacheView(RequestParts(), 0, 0, 0)
PAGE = "<p>hello</p>" + "<!-- so long that it is worth compressing -->" * 40


VIEWER = Viewer(ADDRESS, DOMAIN)
ask = VIEWER.ask


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """The port of a server behind a VPC origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as found:
        found.daemon_threads = True
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield int(found.server_address[1])
        found.shutdown()


@pytest.fixture(scope="module")
def s3(cloud: Cloud) -> Any:
    """A private bucket ``pages`` that the distribution may read."""
    s3 = cloud.client("s3")
    s3.create_bucket(
        Bucket="pages", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    for key, text in (("index.html", PAGE), ("404.html", "nothing here"), ("old.html", "old")):
        s3.put_object(
            Bucket="pages", Key=f"releases/1/{key}", Body=text.encode(), ContentType="text/html"
        )
    allow(s3)
    return s3


def allow(s3: Any) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": ["s3:GetObject", "s3:ListBucket"],
        "Resource": ["arn:aws:s3:::pages", "arn:aws:s3:::pages/*"],
        "Condition": {"StringEquals": {"AWS:SourceArn": ARN}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket="pages", Policy=json.dumps(policy))


def distribution(port: int) -> DistributionView:
    pages = OriginView("pages", "pages.s3.test", path="/releases/1", bucket="pages", signed=True)
    app = OriginView(
        "app",
        "app.internal",
        headers=(("X-Chatlift-Origin", 'a"b$c'),),
        endpoint="arn:alb",
        http_port=port,
    )
    api = BehaviorView("/api/*", "app", "redirect-to-https", WRITE, False, NOT_CACHED, EVERYTHING)
    strict = AnswerHeadersView(
        (
            HeaderView("X-Content-Type-Options", "nosniff", True),
            HeaderView("X-Frame-Options", "SAMEORIGIN", False),
        ),
        ("X-Powered-By",),
    )
    some = RequestParts(
        Selection("whitelist", ("Origin",)),
        Selection("whitelist", ("theme",)),
        Selection("allExcept", ("tracking",)),
    )
    return DistributionView(
        "E1",
        ARN,
        "chat",
        ADDRESS,
        DOMAIN,
        enabled=True,
        deployed=True,
        origins=(pages, app),
        behaviors=(
            api,
            replace(api, pattern="socket?/*"),
            replace(api, pattern="/some/*", request=some, methods=READ, answer=strict),
            BehaviorView("*", "pages", "redirect-to-https", READ, True, CACHED),
        ),
        default_root="index.html",
        error_pages=(ErrorPageView(404, "/404.html", 404, 0),),
    )


@pytest.fixture(scope="module")
def edge(
    cloud: Cloud, s3: Any, server: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Distributions]:
    # A socket's path has at most 108 characters, too few for the name of a test.
    settings = Settings(tmp_path_factory.mktemp("cf"))
    settings.run.mkdir()
    buckets = BucketOrigin(settings.bucket_origin, cloud.bucket_origin)
    buckets.start()
    found = Distributions(settings, source="127.0.0.1")
    addresses = (("pages", ()), ("app", ("127.0.0.1",)))
    found.configure(ConfigureSite(Site(distribution(server), addresses, None)))
    yield found
    found.stop_all()
    buckets.stop()


def test_page_of_a_private_bucket(edge: Distributions) -> None:
    answer = ask("/")
    assert (answer.status, answer.body.decode()) == (200, PAGE)
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.headers["Via"] == f"1.1 {DOMAIN} (CloudFront)"
    assert answer.headers["X-Amz-Cf-Id"]
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert ask("/index.html").headers["X-Cache"] == "Hit from cloudfront"


def test_page_is_compressed(edge: Distributions) -> None:
    answer = ask("/", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body).decode() == PAGE
    assert ask("/", Accept_Encoding="br").headers["Content-Encoding"] == "br"


def test_plain_http_leads_to_tls(edge: Distributions) -> None:
    connection = http.client.HTTPConnection(ADDRESS, timeout=10)
    connection.request("GET", "/a?b=c", headers={"Host": DOMAIN})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location")) == (301, f"https://{DOMAIN}/a?b=c")
    connection.close()


def test_viewers_may_speak_http_2(edge: Distributions) -> None:
    assert VIEWER.protocol() == "h2"


def test_other_names_are_refused(edge: Distributions) -> None:
    assert Viewer(ADDRESS, "elsewhere.test").ask("/").status == 403


def test_bucket_serves_nobody_but_whom_its_policy_names(edge: Distributions, s3: Any) -> None:
    s3.delete_bucket_policy(Bucket="pages")
    answer = ask("/old.html")
    assert (answer.status, b"<Code>AccessDenied</Code>" in answer.body) == (403, True)
    assert answer.headers["X-Cache"] == "Error from cloudfront"
    allow(s3)
    assert ask("/old.html").status == 200


def test_error_page(edge: Distributions) -> None:
    for _ in range(2):
        answer = ask("/absent")
        assert (answer.status, answer.body) == (404, b"nothing here")


def test_methods_that_are_not_allowed(edge: Distributions) -> None:
    assert ask("/index.html", "POST", "x").status == 403


def test_invalidation_empties_the_cache(edge: Distributions, s3: Any) -> None:
    key = {"Bucket": "pages", "Key": "releases/1/new.html"}
    s3.put_object(**key, Body=b"one")
    assert ask("/new.html").body == b"one"
    s3.put_object(**key, Body=b"two")
    assert ask("/new.html").body == b"one"
    edge.forget(ForgetPaths("E1", "I1", ("/n*",)))
    assert ask("/new.html").body == b"two"
    assert edge.served()["E1"].invalidated == {"I1"}
    assert ask("/index.html").headers["X-Cache"] == "Hit from cloudfront"


def test_api_gets_all_that_the_viewer_sent(edge: Distributions) -> None:
    answer = ask("/api/x%20y?a=1&b=%2F", "POST", "body", Cookie="s=1", X_Mine="2")
    seen = json.loads(answer.body)
    headers = seen["headers"]
    assert (seen["path"], seen["method"], seen["body"]) == ("/api/x%20y?a=1&b=%2F", "POST", "body")
    assert (headers["host"], headers["cookie"], headers["x-mine"]) == (DOMAIN, "s=1", "2")
    assert headers["x-chatlift-origin"] == 'a"b$c'
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-amz-cf-id"] == answer.headers["X-Amz-Cf-Id"]
    assert "cloudfront-viewer-address" not in headers
    assert answer.headers["X-Cache"] == "Miss from cloudfront"


def test_viewer_cannot_claim_the_header_of_the_origin(edge: Distributions) -> None:
    seen = json.loads(ask("/api/", X_Chatlift_Origin="forged").body)
    assert seen["headers"]["x-chatlift-origin"] == 'a"b$c'


def test_policies_choose_what_the_origin_gets_and_the_viewer_sees(edge: Distributions) -> None:
    answer = ask(
        "/some/x?a=1&tracking=2", Cookie="theme=dark; session=1", X_Mine="2", Origin="https://a"
    )
    seen = json.loads(answer.body)
    headers = seen["headers"]
    assert (seen["path"], headers["cookie"], headers["origin"]) == (
        "/some/x?a=1",
        "theme=dark",
        "https://a",
    )
    assert (headers["host"], headers["user-agent"]) == ("app.internal", "Amazon CloudFront")
    assert "x-mine" not in headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers.get_all("X-Frame-Options") == ["DENY"]
    assert answer.headers["X-Powered-By"] is None


def test_error_of_the_server_is_cached_for_a_while(edge: Distributions) -> None:
    """Whatever the policy says: ten seconds, unless the distribution says otherwise."""
    first, second = ask("/api/broken"), ask("/api/broken")
    assert (first.status, second.status) == (503, 503)
    ids = [json.loads(answer.body)["headers"]["x-amz-cf-id"] for answer in (first, second)]
    assert ids[0] == ids[1]


def test_websocket_outlives_a_change_of_the_distribution(edge: Distributions, server: int) -> None:
    connection = VIEWER.websocket("/sockets/1")
    connection.sendall(b"one")
    assert connection.recv(10) == b"one"
    changed = replace(distribution(server), default_root="404.html")
    addresses = (("pages", ()), ("app", ("127.0.0.1",)))
    edge.configure(ConfigureSite(Site(changed, addresses, None)))
    assert ask("/").body == b"nothing here"
    connection.sendall(b"two")
    assert connection.recv(10) == b"two"
    connection.close()


def _log_line(log: Path, text: str) -> str:
    """The line with ``text``, which is written once its answer has been sent."""
    deadline = time.monotonic() + 5
    while True:
        for line in log.read_text().splitlines():
            if text in line:
                return line
        assert time.monotonic() < deadline, f"{log} has no line with {text}."
        time.sleep(0.05)


def test_requests_are_logged(edge: Distributions) -> None:
    ask("/index.html?logged", User_Agent="a b")
    line = _log_line(edge.directory("E1") / "access.log", "logged").split("\t")
    assert (line[4], line[5], line[6], line[7], line[8]) == (
        "127.0.0.1",
        "GET",
        DOMAIN,
        "/index.html",
        "200",
    )
    assert (line[11], line[13], len(line)) == ("logged", "Hit", 33)


def test_certificate_is_the_one_that_the_distribution_names(
    edge: Distributions, server: int
) -> None:
    authority, key = Authority.create(), ec.generate_private_key(ec.SECP256R1())
    issued = authority.issue(["chat.test"], key, datetime.now(UTC), days=1)
    pem = issued.public_bytes(serialization.Encoding.PEM).decode()
    certificate = CertificateView("arn:c", ("chat.test",), pem, "", key_pem(key).decode())
    site = replace(distribution(server), aliases=("chat.test",), certificate="arn:c")
    addresses = (("pages", ()), ("app", ("127.0.0.1",)))
    edge.configure(ConfigureSite(Site(site, addresses, certificate)))
    trusting = ssl.create_default_context(cadata=authority.pem)
    plain = socket.create_connection((ADDRESS, 443), timeout=10)
    with trusting.wrap_socket(plain, server_hostname="chat.test") as connection:
        assert connection.version() == "TLSv1.3"
    assert Viewer(ADDRESS, "chat.test").ask("/").status == 200
