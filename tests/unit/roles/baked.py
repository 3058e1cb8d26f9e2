"""What a role's template is once it is baked, before the member agent renders it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2


def bake(template: Path, variables: Mapping[str, Any]) -> str:
    """``template`` as the role installs it; the marks are those of its tasks/configure.yml."""
    environment = jinja2.Environment(
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    return environment.from_string(template.read_text()).render(variables)
