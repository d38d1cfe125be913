"""Refuse a model that is worse than the live one: compares two evaluations by ``sprc.evaluate``.

Ends with 0 where every protocol's figure of the candidate is at least the live one's less the
margin, with 1 where one is not, and with 2 where the files cannot be compared.
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any


def main(arguments: list[str] | None = None) -> int:
    """Compare, say so, answer with the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidate", type=Path, required=True, help="evaluation as JSON")
    parser.add_argument("--live", type=Path, required=True, help="evaluation as JSON")
    parser.add_argument("--figure", required=True, help="for example average_recall")
    parser.add_argument("--margin", type=float, required=True, help="points it may be worse by")
    options = parser.parse_args(arguments)
    try:
        candidate = served(options.candidate, options.figure)
        live = served(options.live, options.figure)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"judge: the evaluations cannot be compared: {type(error).__name__}: {error}")
        return 2
    if not live or candidate.keys() != live.keys():
        print(f"judge: the evaluations have no {options.figure} of the same protocols.")
        return 2
    worse = False
    for protocol, before in live.items():
        now = candidate[protocol]
        print(f"judge: {protocol}: {options.figure} {now:.2f}, live {before:.2f}")
        worse |= now < before - options.margin
    if worse:
        print(f"judge: refused: worse than the live model by more than {options.margin:g} points.")
    return int(worse)


def served(path: Path, figure: str) -> dict[str, float]:
    """The figure that a service reached, by protocol. Raises ValueError, KeyError, OSError."""
    document: dict[str, Any] = json.loads(path.read_text())
    found = {
        protocol: float(outcome["figures"]["served"][figure])
        for protocol, outcome in document["protocols"].items()
    }
    if not all(map(math.isfinite, found.values())):
        raise ValueError(f"{figure} is not a number")
    return found


if __name__ == "__main__":
    sys.exit(main())
