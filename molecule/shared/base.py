"""Prints the directory of the Debian 13 root file system that every host starts from.

It is that of the rehearsal, which makes it when there is none yet.
"""

from chatlift_rehearsal.machine import base
from chatlift_rehearsal.settings import Settings

print(base.prepare(Settings.from_environment()))
