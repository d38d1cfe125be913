"""httpx's calls for addresses of this machine, without TLS.

Each call of httpx's own makes a client that reads all root certificates first, 28 ms of processor
time: where something is asked for until it answers, that starves what should answer.
"""

from functools import partial

import httpx

get = partial(httpx.get, verify=False)
post = partial(httpx.post, verify=False)
delete = partial(httpx.delete, verify=False)
