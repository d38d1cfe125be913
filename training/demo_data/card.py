"""Put what was measured into the demo model's card: ``python -m demo_data.card``.

The card is written by hand but for what stands between two comments, which is made anew.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from retrieval.bundle import Bundle, load_bundle

BEGIN: Final = "<!-- measured: `python -m demo_data.card` writes what follows -->"
END: Final = "<!-- end of what was measured -->"
PROTOCOL: Final = "any-right"
SOURCES: Final = {
    "composed": "picture and words",
    "image_only": "picture alone",
    "text_only": "words alone",
    "sum": "sum of both scores",
}
CUTS: Final = (1, 10)


def measured(bundle: Bundle, evaluations: Sequence[Mapping[str, Any]]) -> str:
    """The table of a bundle, from evaluations with baselines as `sprc.evaluate` writes them."""
    cuts = " / ".join(f"R@{cut}" for cut in CUTS)
    lines = [
        f"Model `{bundle.name}` {bundle.short_digest}; {cuts} in percent.",
        "",
        "| questions | number | " + " | ".join(SOURCES.values()) + " |",
        "|---" * (len(SOURCES) + 2) + "|",
    ]
    for evaluation in evaluations:
        found = evaluation["protocols"][PROTOCOL]
        counts = {name: sizes["queries"] for name, sizes in found["sets"].items()}
        lines += [_row(found, name.replace("-", " "), {name: counts[name]}) for name in counts]
        if len(counts) > 2:
            lines.append(_row(found, "**all of these**", counts))
    return "\n".join(lines)


def figure(found: Mapping[str, Any], source: str, cut: int, counts: Mapping[str, int]) -> float:
    """Recall over the questions of several sets, each question counting alike."""
    figures = found["figures"][source]
    total = sum(figures[f"{name}_recall_at{cut}"] * count for name, count in counts.items())
    return float(total / sum(counts.values()))


def _row(found: Mapping[str, Any], label: str, counts: Mapping[str, int]) -> str:
    cells = [
        " / ".join(f"{figure(found, source, cut, counts):.1f}" for cut in CUTS)
        for source in SOURCES
    ]
    return f"| {label} | {sum(counts.values()):,} | " + " | ".join(cells) + " |"


def replace_measured(card: str, table: str) -> str:
    """The card with another table. Raises `ValueError` where its comments are missing."""
    before, begin, rest = card.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the card has no place for what was measured")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m demo_data.card", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--bundle", type=Path, required=True, help="folder of bundle and card")
    parser.add_argument("evaluations", type=Path, nargs="+", help="JSON files of sprc.evaluate")
    options = parser.parse_args()
    card = options.bundle / "README.md"
    table = measured(
        load_bundle(options.bundle), [json.loads(path.read_text()) for path in options.evaluations]
    )
    card.write_text(replace_measured(card.read_text(), table))


if __name__ == "__main__":
    main()
