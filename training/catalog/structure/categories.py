"""Categories too small to be evaluated become one."""

from catalog.pairs import Captioned
from catalog.structure.arrange import Arranged, Part, in_order
from catalog.structure.layout import OTHER, picture_name
from catalog.structure.splits import Split


def join_small(arranged: Arranged, smallest: int = 1) -> Arranged:
    """The same, with small categories together in `other`.

    Small is one without a validation question, since it could not be evaluated at all, or with
    fewer than `smallest` validation pictures: over a gallery of twenty, any model finds the target
    among the first fifty. Where `other` is itself small, the smallest of the rest join it. Where
    nothing validates, all stay; a category that no question is about goes.
    """
    sizes = {category: _size(arranged, category) for category in arranged.categories}
    joined: set[str] = set()
    if any(sizes.values()):
        joined = {category for category, size in sizes.items() if size < max(1, smallest)}
    rest = sorted(sizes.keys() - joined - {OTHER}, key=lambda c: (sizes[c], c), reverse=True)
    together = joined | {OTHER}
    while joined and rest and sum(sizes.get(c, 0) for c in together) < max(1, smallest):
        together.add(rest.pop())
    names = {category: OTHER if category in together else category for category in sizes}
    questions: dict[Part, list[Captioned]] = {}
    gallery: dict[Part, set[str]] = {}
    for (category, split), items in arranged.questions.items():
        questions.setdefault((names[category], split), []).extend(items)
    for (category, split), paths in arranged.gallery.items():
        if category in sizes:
            gallery.setdefault((names[category], split), set()).update(paths)
    return Arranged(
        {part: sorted(items, key=in_order) for part, items in questions.items()},
        {part: sorted(paths, key=picture_name) for part, paths in gallery.items()},
        arranged.set_aside,
    )


def _size(arranged: Arranged, category: str) -> int:
    """Validation pictures; 0 without a question that searches them."""
    part = category, Split.VAL
    return len(arranged.gallery.get(part, ())) if arranged.questions.get(part) else 0
