"""What holds for every test."""

import signal

# A shell that runs the tests in the background has them ignore SIGINT, and every process that a
# test starts would inherit that. With a handler here it begins with the default again.
signal.signal(signal.SIGINT, signal.default_int_handler)
