"""Put what was measured into the demo model's card: ``python -m demo_data.card``.

The card is written by hand but for what stands between two comments, which is made anew.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
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
PRECISION: Final = "precision_at10"
POSSIBLE: Final = "possible_at10"
PHOTOS: Final = {
    "photos-edits": "edits: label and color as asked",
    "photos-edits-label": "the same edits: the label",
    "photos-edits-color": "the same edits: the color",
    "photos-text": 'words alone ("a red dress"): label and color',
    "photos-images": "picture alone: the same label",
}
"""Dataset categories of photos -> what the card calls them."""
_CHANGES: Final = "-change"
"""What the names of the edits of one, two and three changes hold."""

Found = Mapping[str, Any]


def measured(bundle: Bundle, evaluations: Sequence[Mapping[str, Any]]) -> str:
    """The tables of a bundle, from evaluations with baselines as `sprc.evaluate` writes them."""
    found = [evaluation["protocols"][PROTOCOL] for evaluation in evaluations]
    cuts = " / ".join(f"R@{cut}" for cut in CUTS)
    lines = [f"Model `{bundle.name}` {bundle.short_digest}; drawn garments, {cuts} in percent.", ""]
    lines += [*_head("questions", "number"), *_drawn_rows(found)]
    photos = list(_photo_rows(found))
    if photos:
        lines += [
            "", "Photos, share of the first ten that are right, in percent, and what a perfect "
            "ranking would reach.", "", *_head("questions", "number", last="possible"), *photos,
        ]  # fmt: skip
    for part in found:
        if changes := _changes(part):
            lines += ["", _tokens(part, changes)]
    return "\n".join(lines)


def figure(found: Found, source: str, name: str, counts: Mapping[str, int]) -> float:
    """A figure ("recall_at1") over the questions of several sets, each question counting alike."""
    figures = found["figures"][source]
    total = sum(figures[f"{part}_{name}"] * count for part, count in counts.items())
    return float(total / sum(counts.values()))


def _head(*first: str, last: str | None = None) -> list[str]:
    names = [*first, *SOURCES.values(), *([last] if last else [])]
    return ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]


def _counts(found: Found) -> dict[str, int]:
    return {name: sizes["queries"] for name, sizes in found["sets"].items()}


def _drawn_rows(found: Sequence[Found]) -> Iterator[str]:
    for part in found:
        counts = {name: n for name, n in _counts(part).items() if name not in PHOTOS}
        for name, count in counts.items():
            yield _recalls(part, name.replace("-", " "), {name: count})
        if len(changes := _changes(part)) > 1:
            yield _recalls(part, "**all changes**", changes)


def _recalls(found: Found, label: str, counts: Mapping[str, int]) -> str:
    cells = [
        " / ".join(f"{figure(found, source, f'recall_at{cut}', counts):.1f}" for cut in CUTS)
        for source in SOURCES
    ]
    return f"| {label} | {sum(counts.values()):,} | " + " | ".join(cells) + " |"


def _photo_rows(found: Sequence[Found]) -> Iterator[str]:
    for part in found:
        for name, count in _counts(part).items():
            if name in PHOTOS:
                shares = [figure(part, source, PRECISION, {name: count}) for source in SOURCES]
                shares.append(figure(part, "composed", POSSIBLE, {name: count}))
                cells = " | ".join(f"{share:.1f}" for share in shares)
                yield f"| {PHOTOS[name]} | {count:,} | {cells} |"


def _changes(found: Found) -> dict[str, int]:
    """The edits of one, two and three changes."""
    return {name: count for name, count in _counts(found).items() if _CHANGES in name}


def _tokens(found: Found, counts: Mapping[str, int]) -> str:
    """What the tokens of a picture add to their mean."""
    cosines = [found["token_cosine"][name] for name in counts]
    best, mean = (figure(found, source, "recall_at1", counts) for source in ("composed", "mean"))
    return (
        f"Two tokens of a picture have a cosine of {sum(cosines) / len(cosines):.2f} on average. "
        f"By the best of a picture's tokens R@1 of all changes is {best:.1f}, by their mean "
        f"{mean:.1f}."
    )


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
