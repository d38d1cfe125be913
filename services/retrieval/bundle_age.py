"""Which of two models is the older one: it takes the newer one's place on demand alone."""

from datetime import UTC

from retrieval.bundle import Bundle


def older_than(bundle: Bundle, other: Bundle) -> str | None:
    """A sentence's part that says that ``bundle`` is older than ``other``; None where it is not.

    The age of a model is that of its weights, `Bundle.trained_at`: an old checkpoint that is
    exported again today is as old as it was. A bundle that does not say it is older than any that
    does, and two that do not cannot be told apart. Equal digests are one model.
    """
    if bundle.digest == other.digest or other.trained_at is None:
        return None
    if bundle.trained_at is None:
        return (
            f"{_told(bundle)} does not say when it was trained, and {_told(other)} was on "
            f"{_when(other)}"
        )
    if bundle.trained_at >= other.trained_at:
        return None
    return (
        f"{_told(bundle)} was trained on {_when(bundle)}, before {_told(other)} on {_when(other)}"
    )


def _told(bundle: Bundle) -> str:
    return f"{bundle.name} {bundle.short_digest}"


def _when(bundle: Bundle) -> str:
    at = bundle.trained_at
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d at %H:%M:%S} UTC"
