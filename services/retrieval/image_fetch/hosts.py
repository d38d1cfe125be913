"""Which host names may be asked: any public one, or those of a list."""

from collections.abc import Callable, Iterable
from typing import Final

from retrieval.errors import InvalidArgument
from retrieval.image_fetch.uri import plain_host

HostRule = Callable[[str], bool]
"""Whether a host may be fetched from; takes a canonical name or address."""

_LOCAL_SUFFIXES: Final = (".localhost", ".local", ".internal", ".home.arpa", ".onion")
"""Names that stand for something near by definition (RFC 6761, 6762, 8375), or nowhere at all."""

_WILDCARD: Final = "*."


def any_host(host: str) -> bool:
    """The rule of IMAGE_URIS=public; addresses are checked all the same."""
    return True


def is_public_name(host: str) -> bool:
    """Whether a canonical name can be one of the public internet: it has a dot, and no ending
    that is kept for local names. So ``triton`` is not even looked up."""
    return "." in host and not host.endswith(_LOCAL_SUFFIXES)


class HostAllowlist:
    """The rule of IMAGE_URIS=allowlist: exact names, and ``*.shop.example`` for all below one."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """Raises ValueError, with a sentence, for a pattern that is no public name."""
        self._names: set[str] = set()
        self._suffixes: list[str] = []
        for pattern in patterns:
            wild = pattern.startswith(_WILDCARD)
            name = _public_name(pattern.removeprefix(_WILDCARD))
            if wild:
                self._suffixes.append(f".{name}")
            else:
                self._names.add(name)

    def __call__(self, host: str) -> bool:
        """Whether the list names this host; the name of a ``*.`` itself is not below itself."""
        return host in self._names or host.endswith(tuple(self._suffixes))


def _public_name(text: str) -> str:
    try:
        name, address = plain_host(text)
    except InvalidArgument:
        name, address = "", None
    if address is not None or not is_public_name(name):
        raise ValueError(
            "each host is a full name such as img.shop.example, or *.shop.example for all below"
        )
    return name
