"""A target with a fault, so that a test sees what a fuzzer does when it finds one."""

LONGEST = 8


def corpus() -> list[bytes]:
    """Nothing that has the fault."""
    return [b"ab", b"cd"]


def TestOneInput(data: bytes) -> None:  # noqa: N802 (the name that fuzzers look for)
    if data[:1] == b"!":
        raise AssertionError("the planted fault")
