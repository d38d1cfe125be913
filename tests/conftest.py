"""What holds for every test."""

import os
import signal

# A shell that runs the tests in the background has them ignore SIGINT, and every process that a
# test starts would inherit that. With a handler here it begins with the default again.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A machine that runs many tests at once is slow, which is not what they are about: no gateway that
# one of them starts refuses work for it.
os.environ.setdefault("MAX_LOOP_LAG_S", "10")
os.environ.setdefault("SEARCH_TARGET_S", "10")
