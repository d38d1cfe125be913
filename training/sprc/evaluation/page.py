"""One self-contained HTML page: figures, curves, and the queries that went worst.

Pictures are inside as small JPEGs; nothing is fetched, and the page's own policy forbids it.
"""

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from sprc.datasets.records import Query
from sprc.evaluation.outcome import Details, Outcome
from sprc.evaluation.page_style import STYLE
from sprc.evaluation.reasons import Verdict, judge
from sprc.evaluation.table import metrics_table
from sprc.evaluation.thumbnails import Thumbnails

MAX_BYTES: Final = 20_000_000


@dataclass(frozen=True)
class PageLimits:
    """How large a page may get."""

    queries: int = 30
    """Shown for each set."""
    max_bytes: int = MAX_BYTES
    """After which no further query is added, and the page says so."""


def render_page(
    title: str, subject: str, outcomes: Sequence[Outcome], curves: bytes, limits: PageLimits
) -> str:
    """The page. Raises `PictureError`."""
    thumbnails = Thumbnails()
    parts = [_head(title, subject)]
    parts += [f"<pre>{escape(metrics_table(outcome))}</pre>" for outcome in outcomes]
    image = base64.b64encode(curves).decode()
    parts.append(f'<img class="curves" alt="Recall over k" src="data:image/png;base64,{image}">')
    left = limits.max_bytes - sum(map(len, parts))
    for outcome in outcomes:
        for details in outcome.details:
            section, left = _section(outcome, details, thumbnails, limits.queries, left)
            parts.append(section)
    parts.append("</body></html>\n")
    return "\n".join(parts)


def _head(title: str, subject: str) -> str:
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>{escape(title)}</h1><p>{escape(subject)}</p>"
    )


def _section(
    outcome: Outcome, details: Details, thumbnails: Thumbnails, most: int, left: int
) -> tuple[str, int]:
    """One set, its worst queries first, and how many bytes are left afterwards."""
    queries = details.evaluation.queries
    ranks = {
        source: outcome.evaluation(source).ranks[details.evaluation.name].tolist()
        for source in outcome.parts
    }
    verdicts = [
        judge(
            {source: values[place] for source, values in ranks.items()},
            outcome.main,
            reference,
            len(details.evaluation.gallery),
        )
        for place, reference in enumerate(details.reference_ranks.tolist())
    ]
    worst = sorted(range(len(queries)), key=lambda place: -verdicts[place].rank)[:most]
    name = f"{details.evaluation.name}, {outcome.protocol.value}"
    parts = [f"<h2>{escape(name)}</h2>", _summary(verdicts)]
    shown = 0
    for place in worst:
        article = _article(details, place, queries[place], verdicts[place], thumbnails)
        if len(article) > left:
            break
        left -= len(article)
        parts.append(article)
        shown += 1
    note = f"The {shown} worst of {len(queries)} queries, worst first."
    if shown < len(worst):
        note += " More would make this page too large."
    parts.insert(2, f"<p>{note}</p>")
    return "\n".join(parts), left


def _summary(verdicts: Iterable[Verdict]) -> str:
    counts = Counter(verdict.reason for verdict in verdicts)
    rows = "".join(
        f"<tr><td>{escape(reason)}</td><td>{count}</td></tr>"
        for reason, count in counts.most_common()
    )
    return f"<table><tr><th>what became of the target</th><th>queries</th></tr>{rows}</table>"


def _article(
    details: Details, place: int, query: Query, verdict: Verdict, thumbnails: Thumbnails
) -> str:
    evaluation = details.evaluation
    cards = [
        _card(details, query.reference, "reference", "", thumbnails),
        _card(details, query.known_target, "target", "target", thumbnails),
    ]
    for rank, (position, score) in enumerate(
        zip(details.top[place], details.scores[place], strict=True), 1
    ):
        name = evaluation.gallery[position]
        kind = {query.known_target: "target", query.reference: "same"}.get(name, "")
        if name in query.alternatives:
            kind = "right"
        cards.append(_card(details, name, f"{rank} · {score:.3f}", kind, thumbnails))
    return (
        f"<article><h3>{escape(query.text)}</h3><p>{escape(verdict.sentence)} "
        f"<small>query {escape(query.id)}</small></p>"
        f'<div class="row">{cards[0]}{cards[1]}<span class="arrow">→</span>'
        f"{''.join(cards[2:])}</div></article>"
    )


def _card(details: Details, name: str, label: str, kind: str, thumbnails: Thumbnails) -> str:
    uri = thumbnails.uri(details.evaluation.pictures.path(name))
    return (
        f'<figure class="{kind}"><img alt="{escape(name)}" title="{escape(name)}" src="{uri}">'
        f"<figcaption>{escape(label)}</figcaption></figure>"
    )
