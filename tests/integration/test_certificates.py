"""The certificates of a stack: made by community.crypto, renewed, and their authority replaced."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible import WITHOUT_EDGE, Outcome, run_playbook
from tests.integration.chorus import Chorus
from tests.integration.cloud import Cloud

STACK = "demo"
Secrets = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def play(cloud: Cloud) -> Callable[..., Outcome]:
    """Run a playbook in the account of this module."""

    def run(name: str, *arguments: str, **variables: Any) -> Outcome:
        given = {"chatlift_environment": cloud.environment, **WITHOUT_EDGE, **variables}
        outcome = run_playbook(name, *arguments, variables=given, timeout=900)
        assert outcome.code == 0, outcome.text
        return outcome

    return run


def _secrets(cloud: Cloud) -> Secrets:
    client = cloud.client("secretsmanager")
    return {
        name: json.loads(
            client.get_secret_value(SecretId=f"chatlift/{STACK}/{name}")["SecretString"]
        )
        for name in ("ca", "redis", "mysql", "app")
    }


def _passwords(secrets: Secrets) -> dict[str, str]:
    return {
        f"{name} {key}": value
        for name, secret in secrets.items()
        for key, value in secret.items()
        if key.endswith(("password", "session_secret"))
    }


def _verify(directory: Path, ca: str, certificate: str, *names: str) -> None:
    """Let openssl check a certificate for both of its purposes; fails with what it says."""
    (directory / "ca.pem").write_text(ca)
    (directory / "tier.pem").write_text(certificate)
    strict = ["-x509_strict", "-CAfile", "ca.pem"]
    for purpose in ("sslserver", "sslclient"):
        subprocess.run(
            ["openssl", "verify", *strict, "-purpose", purpose, *names, "tier.pem"],
            cwd=directory,
            check=True,
            capture_output=True,
        )


def test_openssl_accepts_the_certificates_for_every_member(
    cloud: Cloud, play: Callable[..., Outcome], tmp_path: Path
) -> None:
    shown = play("secrets", "-vvv", "--diff").text
    secrets = _secrets(cloud)
    addresses = {"redis": ("10.42.32.11", "10.42.160.12"), "mysql": ("10.42.32.21",)}
    for tier in ("redis", "mysql"):
        hosts = ("localhost", f"{tier}.{STACK}.internal")
        names = [["-verify_ip", ip] for ip in (*addresses[tier], "127.0.0.1")]
        for name in names + [["-verify_hostname", host] for host in hosts]:
            _verify(tmp_path, secrets["app"]["ca"], secrets[tier]["certificate"], *name)
    assert "PRIVATE KEY" not in shown
    for key, value in _passwords(secrets).items():
        assert value not in shown, key


def test_what_is_good_is_not_made_again(cloud: Cloud, play: Callable[..., Outcome]) -> None:
    before = _secrets(cloud)
    assert play("secrets").changed == []
    assert _secrets(cloud) == before


def test_check_mode_says_which_certificates_are_due(
    cloud: Cloud, play: Callable[..., Outcome]
) -> None:
    before = _secrets(cloud)
    planned = play("secrets", "--check", "--diff", secrets_renew_days=900)
    assert len(planned.changed) == 1
    assert "ends in 824 days" in planned.text
    assert _secrets(cloud) == before


@pytest.fixture(scope="module")
def stack(cloud: Cloud, play: Callable[..., Outcome]) -> None:
    """A whole stack, whose instances serve what is in their secrets, and answer."""
    for image in ("node", "redis", "mysql"):
        cloud.bake(image)
    cloud.tells_certificates = True
    for playbook in ("network", "secrets", "data_tier", "app_tier"):
        play(playbook)
    cloud.chorus = Chorus()


def _mysql_instances(cloud: Cloud) -> set[str]:
    groups = cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return {
        instance["InstanceId"]
        for group in groups
        if "-mysql-" in group["AutoScalingGroupName"]
        for instance in group["Instances"]
    }


@pytest.mark.usefixtures("stack")
def test_a_rotation_renews_the_tiers_certificates_and_nothing_else(
    cloud: Cloud, play: Callable[..., Outcome]
) -> None:
    before, instances = _secrets(cloud), _mysql_instances(cloud)
    assert play("rotate_certificates").changed == []
    play("rotate_certificates", rotate_older_days=0)
    after = _secrets(cloud)
    for tier in ("redis", "mysql"):
        assert after[tier]["certificate"] != before[tier]["certificate"]
        assert after[tier]["ca"] == before[tier]["ca"]
    assert (after["ca"], after["app"]) == (before["ca"], before["app"])
    assert _passwords(after) == _passwords(before)
    assert _mysql_instances(cloud) == instances


@pytest.mark.usefixtures("stack")
def test_a_new_authority_is_trusted_before_it_signs(
    cloud: Cloud, play: Callable[..., Outcome], tmp_path: Path
) -> None:
    before, instances = _secrets(cloud), _mysql_instances(cloud)
    play("rotate_certificates", rotate_authority="trust", rotate_older_days=0)
    trusting = _secrets(cloud)
    assert trusting["app"]["ca"].startswith(before["app"]["ca"])
    assert trusting["app"]["ca"] == trusting["redis"]["ca"] == trusting["mysql"]["ca"]
    assert trusting["redis"]["certificate"] == before["redis"]["certificate"]

    play("rotate_authority", rotate_older_days=0)  # takes up what was begun
    after = _secrets(cloud)
    assert after["ca"].keys() == {"certificate", "private_key"}
    assert after["app"]["ca"] == after["ca"]["certificate"]
    assert after["app"]["ca"] != before["app"]["ca"]
    assert trusting["app"]["ca"] == before["app"]["ca"] + after["app"]["ca"]
    for tier in ("redis", "mysql"):
        _verify(tmp_path, trusting["app"]["ca"], before[tier]["certificate"])
        _verify(tmp_path, trusting["app"]["ca"], after[tier]["certificate"])
        _verify(tmp_path, after["app"]["ca"], after[tier]["certificate"])
    assert _passwords(after) == _passwords(before)
    assert not instances & _mysql_instances(cloud)
