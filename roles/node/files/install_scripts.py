"""Names the packages below a ``node_modules`` that ran a script of theirs when they were installed.

    python3 - NODE_MODULES

Such a script may have read the application's files, or have written some. Prints a JSON list. Runs
on the builder: nothing but Python's standard library.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

SCRIPTS = {"preinstall", "install", "postinstall"}


def main() -> None:
    """Print the names, each of them once."""
    found = set()
    for file in Path(sys.argv[1]).glob("**/package.json"):
        above = file.parent.parent.name
        if above != "node_modules" and not above.startswith("@"):
            continue  # such a file deep inside a package only says how its modules are loaded
        told = json.loads(file.read_text())
        if SCRIPTS & told.get("scripts", {}).keys() or (file.parent / "binding.gyp").exists():
            found.add(str(told.get("name")))
    print(json.dumps(sorted(found)))


if __name__ == "__main__":
    main()
