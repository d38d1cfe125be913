"""What is said of a picture that is not kept."""


class PictureRefused(Exception):
    """A picture cannot be used; ``message`` is one sentence that holds nothing of the picture."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        """UPPER_SNAKE; the service's own word where it has one."""
        self.message = message
