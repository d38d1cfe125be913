"""When requests are due: fixed before any is sent, so that a slow service does not slow them."""

from typing import Literal

import numpy as np

Arrivals = Literal["poisson", "constant"]


def arrivals(kind: Arrivals, rate: float, seconds: float, seed: int) -> list[float]:
    """Seconds from the start at which requests are due, in ascending order.

    Args:
        kind: ``poisson`` has the gaps that independent shoppers make, ``constant`` even ones.
        rate: requests a second, on average.
        seconds: no request is due at or after it.
        seed: the same seed gives the same schedule.
    """
    if kind == "constant":
        return [number / rate for number in range(int(np.ceil(rate * seconds)))]
    random = np.random.default_rng(seed)
    # Given their number, the points of a Poisson process lie evenly and independently.
    count = int(random.poisson(rate * seconds))
    return sorted(random.uniform(0, seconds, count).tolist())
