"""Makes the package importable without installing it, and the tests' own helpers as well."""

import sys
from pathlib import Path

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE.parent / "src"), str(_HERE)]
