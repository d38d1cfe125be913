"""What one says about one attribute that changed, in the forms a sentence has places for.

Manner and words follow what FashionIQ's 36,000 training captions have most: 62 % begin with "is"
and 22 % with "has", the median has five words, "sleeves", "longer", "darker", "more" and "no" are
among the most frequent words, and "instead of" is rare (0.1 %). No sentence is taken from them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from catalog.caption.english import is_known, words_of
from catalog.color.names import read_color


@dataclass(frozen=True)
class Said:
    """Ways to say one change; each may be empty."""

    states: tuple[str, ...] = ()
    """After "is": "navy", "navy instead of red"."""
    has: tuple[str, ...] = ()
    """After "has": "long sleeves", "no stripes"."""
    behind: tuple[str, ...] = ()
    """After the garment: "in navy", "with long sleeves"."""
    before: tuple[str, ...] = ()
    """Before the garment: "navy"."""
    vague: tuple[str, ...] = ()
    """After "is", where another caption is exact: "darker"."""

    def __bool__(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.states or self.has or self.behind)


_PATTERNS: Final = {
    # value: adjectives / nouns
    "plain": ("plain, solid colored", ""),
    "striped": ("striped", "stripes"),
    "checked": ("checked, plaid, checkered", "checks"),
    "dotted": ("dotted, polka dot", "dots, polka dots"),
    "floral": ("floral, flowery", "flowers, a floral print"),
    "camouflage": ("camouflage", "a camouflage pattern"),
    "leopard": ("leopard print", "a leopard print"),
    "animal": ("animal print", "an animal print"),
    "paisley": ("paisley", "a paisley pattern"),
    "geometric": ("geometric", "a geometric pattern"),
    "tie dye": ("tie dye", "a tie dye pattern"),
    "color block": ("color block", "color blocks"),
}
_BARE: Final = {"striped": "stripes", "checked": "checks", "dotted": "dots", "floral": "flowers"}
"""Parts of a pattern that can have a colour."""
_SLEEVES: Final = ("none", "short", "three-quarter", "long")
_LENGTHS: Final = ("short", "knee", "long")
_FITS: Final = ("slim", "regular", "loose")
_FLAGS: Final = {
    "hood": ("a hood", "hood"), "pocket": ("pockets", "pockets"), "buttons": ("buttons", "buttons"),
    "zipper": ("a zipper", "zipper"), "belt": ("a belt", "belt"), "lace": ("lace", "lace"),
    "collar": ("a collar", "collar"),
}  # fmt: skip
_ALSO_ENGLISH: Final = frozenset(
    """
    ankle block boxy bootcut cashmere chunky cowl drawstring envelope flap funnel hidden kangaroo
    kitten lightning mandarin mock moon notch nylon patch pan peter platform polyester rayon shawl
    spread stand stiletto suede tailored tapered viscose wedge welt
    """.split()  # noqa: SIM905 - a list of them would be one a line
)
"""Words of parts and materials that captions seldom have; prints of the demo catalog."""
_UNCOUNTED: Final = ("s", "lace")
_LIGHTNESS: Final = {
    "black": 0.0, "navy": 0.1, "brown": 0.3, "purple": 0.32, "red": 0.42, "green": 0.45,
    "blue": 0.46, "gray": 0.55, "orange": 0.68, "pink": 0.75, "beige": 0.8, "yellow": 0.85,
    "white": 1.0,
}  # fmt: skip
_SHADES: Final = {"light": 0.2, "dark": -0.2, "bright": 0.05, "": 0.0}
_MARGIN: Final = 0.15
_SPELLINGS: Final = {"gray": ("gray", "grey"), "navy": ("navy", "navy blue")}


def say(trait: str, before: str, after: str, target: Mapping[str, str]) -> Said:
    """Ways to say that a trait changed; empty for a value that is not plain English.

    Args:
        trait: of `catalog.selection.traits.TRAITS`.
        before: the reference's value.
        after: the target's, another one.
        target: all that is known of the target.
    """
    sayer = _SAYERS.get(trait)
    if sayer is not None:
        return sayer(before, after, target)
    return _flag(trait, before, after) if trait in _FLAGS else _noun(trait, after)


def color_words(value: str) -> tuple[str, ...]:
    """How a colour is written; empty for one that is not known in English."""
    color = read_color(value)
    return () if color is None else _SPELLINGS.get(color.word, (color.word,))


def pattern_words(value: str) -> tuple[str, ...]:
    """Adjectives of a pattern; empty for one that is not known."""
    return tuple(_PATTERNS[value][0].split(", ")) if value in _PATTERNS else ()


def _color(before: str, after: str, target: Mapping[str, str]) -> Said:
    new, old = read_color(after), read_color(before)
    words = color_words(after)
    if new is None or not words:
        return Said()
    states = [*words, *(f"{word} in color" for word in words)]
    behind = [f"in {word}" for word in words]
    if old is not None and old.family != new.family:
        states += [f"{words[0]} instead of {old.word}", f"{words[0]}, not {old.word}"]
        behind += [f"in {words[0]} instead of {old.word}", f"in {words[0]} rather than {old.word}"]
    step = _lighter(old.family, old.shade, new.family, new.shade) if old is not None else ""
    if step and old is not None and old.family == new.family:
        states = [f"a {step} {new.family}", f"{step} {new.family}"]
        behind = [f"in a {step} {new.family}", f"in {step} {new.family}"]
    vague = (step, f"{step} in color", f"a {step} color") if step else ()
    return Said(tuple(states), (), tuple(behind), words, vague)


def _lighter(old: str, old_shade: str, new: str, new_shade: str) -> str:
    if old not in _LIGHTNESS or new not in _LIGHTNESS:
        return ""
    step = _LIGHTNESS[new] + _SHADES[new_shade] - _LIGHTNESS[old] - _SHADES[old_shade]
    return "" if abs(step) < _MARGIN else "lighter" if step > 0 else "darker"


def _pattern(before: str, after: str, target: Mapping[str, str]) -> Said:
    if after not in _PATTERNS:
        return Said()
    adjectives = pattern_words(after)
    if after == "plain":
        gone = _BARE.get(before, "pattern")
        return Said(adjectives, (f"no {gone}", "no pattern"), (f"without {gone}",), adjectives)
    nouns = tuple(_PATTERNS[after][1].split(", "))
    dyes = color_words(target.get("pattern color", ""))
    if after in _BARE and dyes:
        nouns = (f"{dyes[0]} {_BARE[after]}",)
    states = adjectives if before != "plain" else (*adjectives, f"{adjectives[0]}, not plain")
    return Said(states, nouns, tuple(f"with {noun}" for noun in nouns), adjectives)


def _pattern_color(before: str, after: str, target: Mapping[str, str]) -> Said:
    dyes, olds = color_words(after), color_words(before)
    noun = _BARE.get(target.get("pattern", ""), "pattern")
    if not dyes:
        return Said()
    thing = f"{dyes[0]} {noun}" if noun != "pattern" else f"a {dyes[0]} pattern"
    has: tuple[str, ...] = (thing,)
    if olds and noun != "pattern":
        has += (f"{thing} instead of {olds[0]} ones",)
    return Said((), has, (f"with {thing}",))


def _sleeve(before: str, after: str, target: Mapping[str, str]) -> Said:
    if after not in _SLEEVES:
        return Said()
    if after == "none":
        return Said(("sleeveless",), ("no sleeves",), ("without sleeves",), ("sleeveless",))
    name = after.replace("-", " ")
    step = _further(_SLEEVES, before, after, "longer sleeves", "shorter sleeves")
    if before == "none":
        step = ("sleeves",)
    has = (f"{name} sleeves", *step)
    return Said(
        (f"{name}-sleeved",), has, tuple(f"with {words}" for words in has), (f"{name}-sleeved",)
    )


def _length(before: str, after: str, target: Mapping[str, str]) -> Said:
    if after not in _LENGTHS:
        return Said()
    step = _further(_LENGTHS, before, after, "longer", "shorter")
    word = {"knee": "knee length"}.get(after, after)
    has = tuple(f"a {words} length" for words in step)
    return Said((word, *step), has, tuple(f"with {words}" for words in has), (word, *step))


def _fit(before: str, after: str, target: Mapping[str, str]) -> Said:
    if after not in _FITS:
        return _noun("fit", after)
    step = _further(_FITS, before, after, "looser", "tighter")
    has = (f"a {after} fit", *(f"a {words} fit" for words in step))
    return Said(step, has, tuple(f"with {words}" for words in has), step)


def _further(
    order: tuple[str, ...], before: str, after: str, up: str, down: str
) -> tuple[str, ...]:
    if before not in order:
        return ()
    return (up,) if order.index(after) > order.index(before) else (down,)


def _material(before: str, after: str, target: Mapping[str, str]) -> Said:
    if not _is_english(after):
        return Said()
    return Said((f"made of {after}",), (), (f"in {after}", f"made of {after}"), (after,))


def _print(before: str, after: str, target: Mapping[str, str]) -> Said:
    if after == "none":
        gone = before if before in ("graphic", "logo", "text") else "print"
        return Said(
            (), (f"no {gone}", f"no {gone} on it"), (f"without the {gone}", f"with no {gone}")
        )
    if after == "text":
        has = ("text on it", "lettering")
    elif after in ("graphic", "logo"):
        has = (f"a {after}", f"a {after} on it")
    elif _is_english(after):
        has = (f"a {after} print", f"a {after} on it")
    else:
        return Said()
    return Said((), has, tuple(f"with {words}" for words in has))


def _kids(before: str, after: str, target: Mapping[str, str]) -> Said:
    return Said(("for kids", "for children", "a child's size") if after == "yes" else
                ("for adults", "an adult's size"), (),
                ("for kids",) if after == "yes" else ("for adults",))  # fmt: skip


def _gender(before: str, after: str, target: Mapping[str, str]) -> Said:
    if after == "unisex":
        return Said(("unisex",), (), ("for men and women",))
    if after not in ("women", "men"):
        return Said()
    return Said((f"for {after}",), (), (f"for {after}",))


def _flag(trait: str, before: str, after: str) -> Said:
    thing, bare = _FLAGS[trait]
    if after == "no":
        return Said((), (f"no {bare}",), (f"without {thing}", f"with no {bare}"))
    if after != "yes":
        return _noun(trait, after)
    return Said((), (thing,), (f"with {thing}",))


def _noun(trait: str, after: str) -> Said:
    """A trait that is a part of the garment, with any value: "a sweetheart neckline"."""
    if not _is_english(after) or after in ("yes", "no", "none"):
        return Said()
    named = trait.removesuffix("s").removesuffix("line") in after
    part = after if named else f"{after} {trait}"
    if part.endswith(_UNCOUNTED):
        thing = part
    else:
        thing = f"an {part}" if part[0] in "aeiou" else f"a {part}"
    return Said((), (thing,), (f"with {thing}",))


def _is_english(value: str) -> bool:
    words = [word for word in words_of(value) if len(word) > 1]
    all_known = all(is_known(word) or word in _ALSO_ENGLISH for word in words)
    return 0 < len(words) <= 3 and all_known and not any(map(str.isdigit, value))


_SAYERS: Final[dict[str, Callable[[str, str, Mapping[str, str]], Said]]] = {
    "color": _color, "pattern": _pattern, "pattern color": _pattern_color, "sleeve": _sleeve,
    "length": _length, "fit": _fit, "material": _material, "print": _print, "kids": _kids,
    "gender": _gender,
}  # fmt: skip
