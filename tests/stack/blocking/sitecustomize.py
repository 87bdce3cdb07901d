"""On PYTHONPATH: makes the packages named in BLOCKED_PACKAGES impossible to import, as if they were not installed."""

import os
import sys

for name in os.environ.get("BLOCKED_PACKAGES", "").split():
    sys.modules[name] = None
