from __future__ import annotations

import pytest
from chatlift_rehearsal.machine import carried


def test_registries_of_npm_and_pip_become_environment_variables():
    npm = ["registry=https://one.example/\n", "cache=/x\n@me:registry = https://two.example/\n"]
    pip = ["[global]\nindex-url = https://pip.example/simple\ncert = /etc/ssl/x.crt\n"]
    assert carried.registries(npm, pip, {}) == {
        "npm_config_registry": "https://one.example/",
        "npm_config_@me:registry": "https://two.example/",
        "PIP_INDEX_URL": "https://pip.example/simple",
    }


def test_the_environment_wins_over_files():
    environment = {"PIP_INDEX_URL": "https://mine.example/", "PIP_CERT": "x"}
    found = carried.registries([], ["[global]\nindex-url = https://pip.example/\n"], environment)
    assert found == {"PIP_INDEX_URL": "https://mine.example/"}


@pytest.mark.parametrize("address", ["https://me:secret@one.example/", "file:///opt/pypi"])
def test_passwords_and_files_stay_here(address):
    assert carried.registries([f"registry={address}\n"], [], {}) == {}


def test_apt_settings_that_lead_to_a_mirror_are_carried():
    dump = (
        'APT::Architecture "amd64";\n'
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::https::Proxy "http://me:secret@proxy.example:3128";\n'
        'Acquire::Check-Valid-Until "false";\n'
    )
    assert carried.apt_settings(dump) == (
        'Acquire::http::Proxy "http://proxy.example:3128";\nAcquire::Check-Valid-Until "false";\n'
    )
