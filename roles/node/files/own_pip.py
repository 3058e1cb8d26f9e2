"""Packs the pip of this Python into a file from which another Python runs it (``PYTHONPATH``).

    own_pip.py FILE.zip

pip is nothing but Python, and says itself that it can be run so. Runs on the controller.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pip

shutil.make_archive(sys.argv[1].removesuffix(".zip"), "zip", Path(pip.__file__).parents[1], "pip")
