"""Questions to a part that is starting: does it listen, does it answer?"""

import json
import socket
import urllib.error
import urllib.request
from typing import Any

_TIMEOUT_S = 2.0
# Never through a proxy: everything asked here is on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def listens(port: int) -> bool:
    """Whether something accepts connections on ``port`` of 127.0.0.1."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S):
            return True
    except OSError:
        return False


def answers(url: str) -> bool:
    """Whether ``url`` answers 200."""
    try:
        with _OPENER.open(url, timeout=_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def read_json(url: str) -> Any:
    """The JSON document at ``url``; None if there is none. An error's document counts too."""
    try:
        with _OPENER.open(url, timeout=_TIMEOUT_S) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        try:
            return json.load(error)
        except ValueError:
            return None
    except (OSError, ValueError):
        return None
