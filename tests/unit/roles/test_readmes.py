"""A role's README lists every port of meta/ports.yml, which is what the molecule tests allow."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

PORTS = sorted((Path(__file__).parents[3] / "roles").glob("*/meta/ports.yml"))


@pytest.mark.parametrize("file", PORTS, ids=lambda file: file.parts[-3])
def test_the_readme_lists_what_listens(file: Path) -> None:
    readme = (file.parents[1] / "README.md").read_text()
    for each in yaml.safe_load(file.read_text()):
        port = f"{each['port']} ({each['protocol']})"
        who = " ".join(each["who"].split())
        row = f"| {port} | {each['address']} | {each['service']} | {who} |"
        assert row in readme.splitlines(), f"{file.parents[1].name}/README.md lacks: {row}"
