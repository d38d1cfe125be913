"""One self-contained HTML page of a check; nothing is fetched, and its policy forbids it."""

import base64
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from catalog.structure.splits import Split

STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { max-width: 1200px; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; display: block; overflow-x: auto }
td, th { padding: .2rem .9rem .2rem 0; text-align: left; border-bottom: 1px solid #8884 }
.n { text-align: right; font-variant-numeric: tabular-nums }
details { border-left: 4px solid #888; margin: .4rem 0; padding: .2rem .7rem }
details.defect { border-color: #c0362c }
details.warning { border-color: #d98a00 }
summary { cursor: pointer }
small { opacity: .65 }
svg { max-width: 640px; width: 100% }
rect { fill: #4677b8 }
text { font-size: 11px; text-anchor: middle; fill: currentColor }
.sheet { max-width: 100% }
"""
_TALLEST: Final = 95


def render_page(report: Mapping[str, Any], sheet: bytes | None, shown: int) -> str:
    """The page.

    Args:
        report: As `report.json` has it.
        sheet: A PNG of `shown` questions, None where there is no picture.
        shown: How many.
    """
    environment = Environment(
        loader=PackageLoader("catalog.check", "."),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    figures = report["figures"]
    return environment.get_template("report.html.j2").render(
        report=report,
        policy=_policy(),
        style=STYLE,
        splits=[str(split) for split in Split],
        spreads=[
            ("words in a caption", figures["captions"]["words"]),
            ("questions of a reference picture", figures["per_reference"]["questions_each"]),
            ("questions of a target picture", figures["per_target"]["questions_each"]),
        ],
        bars=_bars(figures["captions"]["words_histogram"]),
        sheet=base64.b64encode(sheet).decode() if sheet else "",
        shown=shown,
    )


def _policy() -> str:
    """Nothing but pictures inside the page, and this one style."""
    digest = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src 'sha256-{digest}'"
    )


def _bars(histogram: list[int]) -> list[dict[str, Any]]:
    most = max([*histogram, 1])
    last = len(histogram) - 1
    return [
        {
            "label": f"{words}+" if words == last else str(words),
            "count": count,
            "height": round(_TALLEST * count / most, 1),
        }
        for words, count in enumerate(histogram)
    ]
