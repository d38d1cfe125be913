"""Fetching the picture behind an address that somebody else chose, without being used for it.

    uri.py          the address as text: plain http(s), or refused (IMAGE_URI_INVALID)
    hosts.py        which host names may be asked at all
    resolving.py    a name's addresses, off the event loop
    addresses.py    which of them are the public internet: one that is not refuses all
    connecting.py   the connection, to a checked address and no other
    transfer.py     one question over it: at most 10 MiB, bounded in every other way too
    fetcher.py      the story, with redirects, time and metrics

Refusals send no packet to the host that is refused. Fetching is off by default (`disabled.py`).
"""

from retrieval.image_fetch.disabled import DisabledImageFetcher

__all__ = ["DisabledImageFetcher"]
