"""How products are found: the choice that the product makes by itself, against every other way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from retrieval.domain import Exact, Pooled, Scan
from tests.benchmarks.harness.rows import Spec, at_least, at_most
from tests.benchmarks.harness.section import Room
from tests.benchmarks.harness.timing import ratio
from tests.benchmarks.index_parts import automatic, demo_tokens, pictures, questions
from tests.benchmarks.index_parts.cases import (
    TOKEN_POINTS,
    Case,
    Sizes,
    measured_case,
    memory,
    name_of,
)
from tests.benchmarks.index_parts.catalogs import drawn
from tests.benchmarks.index_parts.ways import CELLS, ENOUGH, NUMPY, Figures, best_by_hand

TITLE = "The index"
ABOUT = """\
Products of full size (32 tokens of 256), drawn so that two tokens of a product have a cosine of .6
(correlated) or .35 (uncorrelated), and the demo catalog with the demo model's own tokens. Questions
are single vectors (composed) and 32 tokens (image-only); an answer is the best 200, as a search of
the gateway ranks them. Ways: all tokens in numpy (both cores) and in the engine (one), both exact;
candidates by the pooled vector, ranked by all tokens, at each depth; candidates by an int8 scan,
ranked alike; each token a point of a graph, hits grouped by product; an int8 scan of two or four
centroids a product, ranked by all tokens. The engine's ways are called in one process, in turn.

*The product's choice* is what the gateway's recall audit (`services/gateway/audit`) stores for the
collection; *the best by hand* is the fastest of the engine's ways whose recall@50 is .99 or more
for the questions asked here, which are others than the audit's."""

SHORT: Final = Sizes(
    drawn=(1000, 10_000), demo=600, side=1000, copied=10_000,
    composed=40, image_only=12, rounds=20, slow_rounds=5, audit=50,
    budget_s=2.0,  # a busy machine must not end the audit; at rest nothing here takes .2 s
)  # fmt: skip
FULL: Final = Sizes(
    drawn=(1000, 10_000, 50_000, 200_000), demo=3000, side=10_000, copied=10_000,
    composed=100, image_only=25, rounds=60, slow_rounds=15, audit=50,
)  # fmt: skip
COSINES: Final = {"correlated": 0.6, "uncorrelated": 0.35}
_PYTHONS_CALL: Final = (
    "What the process adds is fixed: a bare gRPC call between two Python processes, then some .5 ms"
    " to turn 200 hits into a message, of which half is reading their UUIDs from the binding. It "
    "weighs where a query takes the engine 2 ms or less; a server without an interpreter, as "
    "Qdrant's own, would be within the target"
)
_NO_EXACT_ROUTE: Final = (
    "With some 1,000 products or fewer, ranking all of them exactly takes .1 ms less than 200 "
    "candidates by pool; the audit knows no such route, which would reach it. Above, what differs "
    "is a step of the ladder (a quarter) that the audit adds for the error of its sample"
)
_LARGE: Final = {50_000: "-50k", 200_000: "-200k"}

_BY_SIZE: Final = [
    spec
    for ending, form in (("", "short"), ("-50k", "full"), ("-200k", "full"))
    for spec in (
        Spec(
            f"index/automatic-recall-at-50{ending}",
            "recall@50 of the product's choice, the lowest of every catalog, kind of question and "
            "filter",
            unit="recall",
            target=at_least(ENOUGH),
            form=form,  # type: ignore[arg-type]
        ),
        Spec(
            f"index/automatic-against-by-hand{ending}",
            "latency of the product's choice over the best by hand, the worst catalog and kind",
            target=at_most(1.3),
            form=form,  # type: ignore[arg-type]
            if_missed=_NO_EXACT_ROUTE,
        ),
    )
]
SPECS = (
    *_BY_SIZE,
    Spec(
        "index/stand-in-against-in-process",
        "a search of 10,000 products through the stand-in's gRPC, over the engine in process",
        target=at_most(1.5),
        if_missed=_PYTHONS_CALL,
    ),
    Spec(
        "index/stand-in-against-in-process-1k",
        "the same with 1,000 products",
        target=at_most(1.5),
        if_missed=_PYTHONS_CALL,
    ),
    Spec("index/exact-numpy-against-automatic", "numpy over all tokens, over the product's choice"),
    Spec("index/exact-engine-against-automatic", "exact in the engine, over the product's choice"),
    Spec("index/scan-against-automatic", "int8 scan, over the product's choice"),
    Spec(
        "index/image-only-numpy-against-automatic",
        "32 vectors: numpy over all tokens, over the product's choice",
    ),
    Spec("index/token-points-against-automatic", "tokens as points, over the product's choice"),
    Spec(
        "index/centroids-against-automatic",
        "the fastest of centroids with recall enough, over the product's choice",
    ),
    Spec(
        "index/filtered-against-all",
        "a search whose filter lets a hundredth pass, over one without",
    ),
    Spec("index/growth", "the product's choice: latency at the most products over 1,000"),
    Spec("index/import", "products a second into the engine, indexed", unit="products/s"),
    Spec("index/disk", "of one product of full size, without the log", unit="KB"),
    Spec("index/memory", "of one product, in a process that searches by pool", unit="KB"),
)


def measure(room: Room) -> None:
    """Each catalog in turn, smallest first; then rows over all of them."""
    sizes = FULL if room.full else SHORT
    cases: list[Case] = []
    for case in _cases(room, sizes):
        cases.append(case)
        _tell(room, case)
    _judge(room, cases)
    _compare(room, cases)
    room.picture(
        "index-growth.png",
        "Composed searches of correlated products: median latency by the number of products.",
        pictures.growth([case for case in cases if case.catalog.name == "correlated"]),
    )
    room.picture(
        "index-recall.png",
        "What depth buys: each dot a depth of the pooled route; filled squares the product's "
        "choice, rings the best by hand.",
        pictures.depth(cases),
    )


def _cases(room: Room, sizes: Sizes) -> Iterator[Case]:
    catalog, embeds = demo_tokens.encoded(sizes.demo)
    asked = demo_tokens.composed(catalog, embeds, sizes.composed, seed=5)
    pictures_alone = questions.image_only(catalog, sizes.image_only, seed=6)
    folder = _folder(room, "demo")
    yield measured_case(catalog, asked, pictures_alone, folder, sizes)
    for count in sizes.drawn:
        for name, cosine in COSINES.items():
            folder = _folder(room, f"{name}-{count}")
            catalog = drawn(folder, name, count, cosine)
            asked = questions.composed(catalog, sizes.composed, seed=5)
            alone = questions.image_only(catalog, sizes.image_only, seed=6)
            side = count <= sizes.side and (room.full or name == "correlated")
            case = measured_case(catalog, asked, alone, folder, sizes, side=side)
            if name == "correlated" and count <= sizes.copied:
                _stand_in(room, case, asked, folder, sizes)
            if name == "correlated" and count == sizes.drawn[-1]:
                _memory(room, case, asked, folder)
            yield case


def _folder(room: Room, name: str) -> Path:
    folder = room.scratch / name
    folder.mkdir()
    return folder


def _stand_in(
    room: Room, case: Case, asked: Sequence[questions.Question], folder: Path, sizes: Sizes
) -> None:
    route = case.tuning.route
    depth = route.depth if isinstance(route, Pooled) else 1000
    taken = automatic.stand_in(
        case.built, case.catalog, asked, depth, 8 * sizes.rounds, folder / "copy"
    )
    found = ratio(taken["stand-in"], taken["in process"])
    ending = {1000: "-1k", 10_000: ""}.get(len(case.catalog))
    if ending is not None:
        room.row(
            f"index/stand-in-against-in-process{ending}",
            found.value,
            f"{found}; {depth} candidates: {taken['stand-in']} against {taken['in process']}, the "
            f"bare call {taken['health check']}",
        )


def _memory(room: Room, case: Case, asked: Sequence[questions.Question], folder: Path) -> None:
    lines = []
    route = case.tuning.route
    depth = route.depth if isinstance(route, Pooled) else 1000
    for way in (Pooled(depth), Scan(), Exact()):
        taken = memory(case, way, asked[:20], folder)
        lines.append((name_of(way), *(f"{taken[kind] / 2**20:.0f}" for kind in taken)))
        if isinstance(way, Pooled):
            room.row(
                "index/memory",
                taken["anonymous"] / len(case.catalog) / 1e3,
                f"{taken['anonymous'] / 2**20:.0f} MiB for {len(case.catalog):,} products; "
                f"{taken['mapped'] / 2**20:.0f} MiB more of mapped files, which the kernel takes "
                "back when it needs them",
            )
    room.table(
        f"Memory of a fresh process after 20 questions, {len(case.catalog):,} products, MiB",
        ("way", "its own", "mapped files"),
        lines,
    )


def _tell(room: Room, case: Case) -> None:
    """The tables of a case."""
    title = f"{case.catalog.name}, {len(case.catalog):,} products"
    own = {name_of(case.tuning.route), name_of(case.tuning.image_only_route or case.tuning.route)}
    room.say(
        f"{title}: chose {', '.join(sorted(own))}; by hand {best_by_hand(case.composed)} and "
        f"{best_by_hand(case.image_only)}"
    )
    for kind, figures, chosen in (
        ("composed", case.composed, name_of(case.tuning.route)),
        ("image-only", case.image_only,
         name_of(case.tuning.image_only_route or case.tuning.route)),
    ):  # fmt: skip
        room.table(f"{title}, {kind}", ("way", *CELLS, ""), _lines(figures, chosen))
    room.table(
        f"{title}, composed with a filter",
        ("filter passes", "way", *CELLS, ""),
        [
            (f"a {share}", *line)
            for share, figures in case.filtered.items()
            for line in _lines(figures, name_of(case.tuning.route))
        ],
    )
    lines: list[tuple[str, ...]] = [
        (
            "pooled and tokens, the product's",
            f"{case.built.upsert_s:.1f} and {case.built.optimise_s:.1f}",
            f"{case.built.disk_bytes / 2**20:.0f}",
        )
    ]
    lines += [
        (name, f"{seconds:.1f}", f"{size / 2**20:.0f}")
        for name, (seconds, size) in case.side.items()
    ]
    room.table(f"{title}, building", ("what", "seconds (writing, indexing)", "MiB on disk"), lines)


def _lines(figures: Mapping[str, Figures], chosen: str) -> list[tuple[str, ...]]:
    best = best_by_hand(figures)
    marks = {best: "best by hand"}
    marks[chosen] = "chosen, and best by hand" if chosen == best else "chosen"
    return [(name, *each.cells, marks.get(name, "")) for name, each in figures.items()]


def _judge(room: Room, cases: Sequence[Case]) -> None:
    """The judged rows: all catalogs up to 10,000 products together, and each larger size."""
    for ending in ("", "-50k", "-200k"):
        own = [case for case in cases if _LARGE.get(len(case.catalog), "") == ending]
        if not own:
            continue
        lowest = min(own, key=lambda case: case.lowest_recall)
        room.row(
            f"index/automatic-recall-at-50{ending}",
            lowest.lowest_recall,
            _each(own, lambda case: f"{case.lowest_recall:.4f}"),
        )
        worst = max(own, key=lambda case: case.against_by_hand)
        room.row(
            f"index/automatic-against-by-hand{ending}",
            worst.against_by_hand,
            _each(own, _choices),
        )


def _each(cases: Sequence[Case], told: Callable[[Case], str]) -> str:
    return "; ".join(f"{case.catalog.name} {len(case.catalog):,}: {told(case)}" for case in cases)


def _choices(case: Case) -> str:
    texts = []
    for figures, route in (
        (case.composed, case.tuning.route),
        (case.image_only, case.tuning.image_only_route or case.tuning.route),
    ):
        own, best = name_of(route), best_by_hand(figures)
        if own == best:
            texts.append(f"{own} is best ({figures[own].timings})")
        else:
            texts.append(f"{own} {figures[own].timings} to {best} {figures[best].timings}")
    return ", image-only ".join(texts)


def _compare(room: Room, cases: Sequence[Case]) -> None:
    """The rows that tell: of correlated products, the most that both forms measure."""
    correlated = {len(each.catalog): each for each in cases if each.catalog.name == "correlated"}
    few, most = min(correlated.items())[1], max(correlated.items())[1]
    case = correlated[sorted(correlated)[min(1, len(correlated) - 1)]]
    for row, name in (
        ("exact-numpy", NUMPY),
        ("exact-engine", "exact, engine"),
        ("scan", "int8 scan"),
    ):
        _against(room, f"index/{row}-against-automatic", case.composed, name, case.automatic)
    _against(
        room, "index/image-only-numpy-against-automatic", case.image_only, NUMPY,
        case.automatic_image_only,
    )  # fmt: skip
    _against(
        room, "index/token-points-against-automatic", few.composed, TOKEN_POINTS, few.automatic
    )
    centroids = {name: each for name, each in few.composed.items() if "centroids" in name}
    if centroids:
        best = best_by_hand(centroids)
        _against(room, "index/centroids-against-automatic", centroids, best, few.automatic)
    own = name_of(case.tuning.route)
    filtered = case.filtered["hundredth"][own].timings
    room.row(
        "index/filtered-against-all",
        filtered.median / case.automatic.timings.median,
        f"{filtered} against {case.automatic.timings}",
    )
    room.row(
        "index/growth",
        most.automatic.timings.median / few.automatic.timings.median,
        f"{few.automatic.timings} with {len(few.catalog):,} products, {most.automatic.timings} "
        f"with {len(most.catalog):,}",
    )
    built = most.built
    room.row(
        "index/import",
        len(most.catalog) / (built.upsert_s + built.optimise_s),
        f"{len(most.catalog):,} products: {built.upsert_s:.1f} s to write, "
        f"{built.optimise_s:.1f} s to index; without encoder and network",
    )
    room.row(
        "index/disk",
        built.disk_bytes / len(most.catalog) / 1e3,
        f"{built.disk_bytes / 2**20:.0f} MiB for {len(most.catalog):,} products",
    )


def _against(room: Room, row: str, figures: Mapping[str, Figures], name: str, own: Figures) -> None:
    if name in figures:
        found = ratio(figures[name].timings, own.timings)
        recall = figures[name].recall50
        note = f"{found}; {name} {figures[name].timings} with recall@50 {recall:.4f}"
        room.row(row, found.value, f"{note}, the product's {own.timings}, {own.recall50:.4f}")
