"""What ends a command with one sentence."""


class CatalogError(Exception):
    """Something that the user can put right; the message is one sentence that names the file."""
