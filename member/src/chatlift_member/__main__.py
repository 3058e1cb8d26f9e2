"""``python3 -m chatlift_member``."""

import sys

from .cli import main

sys.exit(main())
