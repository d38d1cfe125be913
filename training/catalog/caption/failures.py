"""What a server's failure means: for the run, for the pair, or for now alone.

    401, 402, 403, 404, spent quota    CatalogError             ends the run
    other 4xx                          CaptionerError           this pair is refused
    408, 409, 429, 5xx, no answer      CaptionerUnavailable     asked again, then left open

A server's own words are never passed on: OpenAI's repeat a part of a wrong key.
"""

from typing import Final

import openai

from catalog.caption.port import CaptionerError, CaptionerUnavailable
from catalog.errors import CatalogError

_PASSING: Final = frozenset({408, 409, 425, 429})
_QUOTA: Final = "insufficient_quota"


def raise_if_final(error: openai.APIStatusError, model: str, variable: str) -> None:
    """Raises `CatalogError` or `CaptionerError` where asking again is no use."""
    status = error.status_code
    if status == 401:
        raise CatalogError(f"the server refused the key in {variable} (HTTP 401)") from None
    if status == 402 or error.code == _QUOTA or error.type == _QUOTA:
        raise CatalogError(f"the account of {variable} has no quota left (HTTP {status})") from None
    if status == 403:
        raise CatalogError(f"the key in {variable} may not use {model} (HTTP 403)") from None
    if status == 404:
        raise CatalogError(
            f"the server has no model {model}, or --base-url is not that of its chat completions"
            " (HTTP 404)"
        ) from None
    if status < 500 and status not in _PASSING:
        raise CaptionerError(
            "REQUEST_REFUSED", f"The server refused the request (HTTP {status})."
        ) from None


def give_up_reason(error: Exception) -> CaptionerUnavailable:
    """What to say of a pair when no more tries are left."""
    if isinstance(error, openai.RateLimitError):
        return CaptionerUnavailable("RATE_LIMITED", "the server's rate limit did not let it pass")
    if isinstance(error, openai.APIStatusError):
        return CaptionerUnavailable("SERVER_ERROR", f"the server failed (HTTP {error.status_code})")
    if isinstance(error, openai.APITimeoutError):
        return CaptionerUnavailable("TIMED_OUT", "the server did not answer in time")
    if isinstance(error, openai.APIConnectionError):
        return CaptionerUnavailable("UNREACHABLE", "the server cannot be reached")
    return CaptionerUnavailable("NO_ANSWER", "the server's answer was no completion")
