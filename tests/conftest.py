"""For all tests."""

from __future__ import annotations

import signal

# A shell starts what it puts into the background with SIGINT ignored, and programs inherit that.
# The programs whose Ctrl-C is tested must not.
signal.signal(signal.SIGINT, signal.default_int_handler)
