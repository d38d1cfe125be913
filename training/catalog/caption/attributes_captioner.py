"""Captions from what is known of two products: offline, for nothing, the same every time.

What changed is said in the forms of `spoken_traits`, put together in one of several shapes; both
are drawn by a generator seeded with the pair. The first caption is exact, the second says it in
other words, and may leave out one change of several or say only "darker", as a second person would.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import Final

from catalog.caption.english import is_english, words_of
from catalog.caption.port import CaptionerError, Question
from catalog.caption.spoken_garments import Noun, nouns_of
from catalog.caption.spoken_traits import Said, color_words, pattern_words, say
from catalog.caption.tokens import TEXT_LENGTH, TokenCounter
from catalog.pairs import PairKind
from catalog.products import Product
from catalog.selection.neighbours import hash64
from catalog.selection.traits import traits

VERSION: Final = 1
"""Changes whenever a pair may get other captions."""
_TRIES: Final = 24
_SAME_FROM: Final = 2
"""Attributes known to be equal from which one may say "same shirt"."""
_VAGUE_SHARE: Final = 0.15
_LEAVE_OUT_SHARE: Final = 0.3
_ALONE: Final = (
    "shows the {} alone", "shows only the {}", "shows just the {}", "is the {} alone",
    "is only the {}", "is just the {} by itself", "the {} alone", "has the {} by itself",
    "same {} by itself", "the same {} alone",
)  # fmt: skip
_WHERE: Final = (
    "on a plain background", "on a plain background", "on a plain background",
    "with a plain background", "with no person", "without the person", "not worn by anyone",
    "instead of being worn", "without anyone wearing it", "with nobody wearing it", "",
)  # fmt: skip
_PLURAL: Final = {"by itself": "by themselves", "wearing it": "wearing them"}
_LESS: Final = ("without ", "with no ")
_FILLING: Final = frozenset({"it", "is", "are", "the", "a", "an", "in", "color", "comes", "has"})
_CONTRASTS: Final = (" instead of ", " rather than ", ", not ")


class AttributesCaptioner:
    """A `catalog.caption.port.Captioner` that needs no model and no network."""

    def __init__(self, seed: int = 1) -> None:
        """Another seed gives other words."""
        self._seed = seed
        self._counter = TokenCounter()

    @property
    def name(self) -> str:
        """Name and version of the rules."""
        return f"attributes:v{VERSION}"

    async def captions(self, question: Question) -> tuple[str, str]:
        """Two captions of one pair. Raises `CaptionerError` where nothing known differs."""
        pair = question.pair
        rng = Random(hash64(self._seed, pair.reference, pair.target, question.complaint))
        if pair.kind is PairKind.SNAPSHOT:
            draws = _snapshot_draws(question.target, rng)
        else:
            draws = _product_draws(question, rng)
        alike = None
        for captions in draws:
            if self._fits(captions):
                if _told(captions[0]) != _told(captions[1]):
                    return captions
                alike = alike or captions
        if alike is None:
            raise CaptionerError("TOO_LONG", "What differs cannot be said in a few words.")
        return alike

    def _fits(self, captions: tuple[str, str]) -> bool:
        """Whether the cleaner will let them pass."""
        same = words_of(captions[0]) == words_of(captions[1])
        short = self._counter.count(captions) <= TEXT_LENGTH
        return short and not same and all(map(is_english, captions))


def _told(caption: str) -> frozenset[str]:
    """The words that tell something: "is gray" and "it is grey in color" tell the same."""
    return frozenset(words_of(caption.replace("grey", "gray"))) - _FILLING


def _snapshot_draws(product: Product, rng: Random) -> Iterable[tuple[str, str]]:
    known = traits(product)
    nouns = nouns_of(product.category)
    for _ in range(_TRIES):
        noun = rng.choice(nouns)
        first, second = (
            _alone(shape, _described(known, noun, rng), place, noun)
            for shape, place in zip(rng.sample(_ALONE, 2), rng.sample(_WHERE, 2), strict=True)
        )
        yield first, second


def _alone(shape: str, described: str, place: str, noun: Noun) -> str:
    words = f"{shape.format(described)} {place}".strip()
    if noun.plural:
        for one, many in _PLURAL.items():
            words = words.replace(one, many)
    return words


def _described(known: Mapping[str, str], noun: Noun, rng: Random) -> str:
    """ "black striped hoodie"."""
    words = [rng.choice(color_words(known["color"]))] if _has_color(known) else []
    patterns = pattern_words(known.get("pattern", ""))
    if patterns and known["pattern"] != "plain" and rng.random() < 0.6:
        words.append(patterns[0])
    return " ".join((*words, noun.word))


def _has_color(known: Mapping[str, str]) -> bool:
    return bool(color_words(known.get("color", "")))


def _product_draws(question: Question, rng: Random) -> Iterable[tuple[str, str]]:
    reference, target = traits(question.reference), traits(question.target)
    changes = _changes(reference, target)
    if not changes:
        raise CaptionerError(
            "NOTHING_TO_SAY", "The products differ in no attribute that can be said in English."
        )
    nouns = nouns_of(question.target.category)
    shared = {name for name, value in target.items() if reference.get(name) == value}
    context = color_words(target["color"])[:1] if "color" in shared else ()
    for tried in range(_TRIES):
        # What does not fit is tried with fewer changes in the second caption, then in both.
        fewer = tried * 3 // _TRIES
        first = _some(changes, len(changes) - (fewer == 2), rng)
        left_out = fewer > 0 or rng.random() < _LEAVE_OUT_SHARE
        second = _some(changes, len(changes) - left_out, rng)
        shapes = rng.sample(_SHAPES if len(shared) >= _SAME_FROM else _OTHER_SHAPES, 2)
        vague = rng.random() < _VAGUE_SHARE
        yield (
            shapes[0](first, rng.choice(nouns), context, rng),
            _vague(second, rng) if vague and _can_be_vague(second) else
            shapes[1](second, rng.choice(nouns), context, rng),
        )  # fmt: skip
    shortest = [min(_predicates_of(said), key=len) for said in changes[:1]]
    yield shortest[0], min(_shortest_phrases(changes[0], nouns[0]), key=len)


def _changes(reference: Mapping[str, str], target: Mapping[str, str]) -> list[Said]:
    """What can be said of the traits known of both."""
    differing = [name for name in target if reference.get(name, target[name]) != target[name]]
    if "pattern" in differing and "pattern color" in differing:
        differing.remove("pattern color")  # the new pattern is said with its colour
    said = (say(name, reference[name], target[name], target) for name in differing)
    return [change for change in said if change]


def _some(changes: Sequence[Said], count: int, rng: Random) -> list[Said]:
    """So many of the changes, at least one, in any order."""
    return rng.sample(changes, max(1, min(count, len(changes))))


def _can_be_vague(changes: Sequence[Said]) -> bool:
    return any(said.vague for said in changes)


def _vague(changes: Sequence[Said], rng: Random) -> str:
    parts = _predicates_for(changes, rng)
    for place, said in enumerate(changes):
        if said.vague:
            parts[place] = ("is", rng.choice(said.vague))
    return _joined(parts, rng)


def _predicates(changes: Sequence[Said], noun: Noun, context: Sequence[str], rng: Random) -> str:
    """ "is navy and has long sleeves"."""
    return _joined(_predicates_for(changes, rng), rng)


def _subject(changes: Sequence[Said], noun: Noun, context: Sequence[str], rng: Random) -> str:
    """ "the shirt is navy and has long sleeves"."""
    words = _joined(_predicates_for(changes, rng), rng)
    if noun.plural:
        words = words.replace("is ", "are ", 1) if words.startswith("is ") else words
        words = words.replace("has ", "have ", 1) if words.startswith("has ") else words
        words = words.replace(" and is ", " and are ").replace(" and has ", " and have ")
        words = words.replace(", is ", ", are ").replace(", has ", ", have ")
        return f"the {noun.word} {words}"
    return f"{rng.choice(('it', 'the ' + noun.word, 'the ' + noun.word))} {words}"


def _phrase(changes: Sequence[Said], noun: Noun, context: Sequence[str], rng: Random) -> str:
    """ "is a navy shirt with long sleeves", "navy shirt without buttons"."""
    before = [
        rng.choice(said.before) if said.before and rng.random() < 0.7 else "" for said in changes
    ]
    behind = _tails([said for said, word in zip(changes, before, strict=True) if not word], rng)
    before = [word for word in before if word]
    words = noun.with_article(" ".join(before))
    opening = "" if noun.plural else rng.choice(("is ", "is ", ""))
    return opening + " ".join((words, *_strung(behind)))


def _same(changes: Sequence[Said], noun: Noun, context: Sequence[str], rng: Random) -> str:
    """ "same black shirt but with long sleeves"."""
    tails = _tails(changes, rng)
    if len(tails) < len(changes):
        return _predicates(changes, noun, context, rng)
    color = f"{context[0]} " if context and rng.random() < 0.5 else ""
    opening = rng.choice(("same", "the same", "is the same", "similar"))
    if not color and rng.random() < 0.5:
        return " ".join((opening, noun.word, *_strung(tails)))
    return " ".join((opening, f"{color}{noun.word}", "but", *_strung(tails)))


def _bare(changes: Sequence[Said], noun: Noun, context: Sequence[str], rng: Random) -> str:
    """ "comes in navy, with long sleeves", "with long sleeves"."""
    tails = _tails(changes, rng)
    if len(tails) < len(changes):
        return _predicates(changes, noun, context, rng)
    opening = rng.choice(("comes", "comes", "is")) if tails[0].startswith("in ") else "comes"
    return " ".join((opening, *_strung(tails)))


_OTHER_SHAPES: Final = (_predicates, _predicates, _predicates, _subject, _subject, _phrase, _phrase,
                        _bare)  # fmt: skip
_SHAPES: Final = (*_OTHER_SHAPES, _same, _same)


def _predicates_for(changes: Sequence[Said], rng: Random) -> list[tuple[str, str]]:
    last = len(changes) - 1
    return [_predicate(said, rng, place == last) for place, said in enumerate(changes)]


def _predicate(said: Said, rng: Random, is_last: bool) -> tuple[str, str]:
    """Verb and words; "navy, not red" stands at the end only."""
    options = [("is", words) for words in said.states] + [("has", words) for words in said.has]
    options = [option for option in options if is_last or not _is_contrast(option[1])]
    # Each verb first, so that a long list of one kind does not drown the other.
    verb = rng.choice(sorted({verb for verb, _ in options}))
    return rng.choice([option for option in options if option[0] == verb])


def _is_contrast(words: str) -> bool:
    return any(contrast in words for contrast in _CONTRASTS)


def _tails(changes: Sequence[Said], rng: Random) -> list[str]:
    """What stands behind the garment, "in" first and "without" last.

    "in navy rather than red" only where nothing else does.
    """
    found = []
    for said in changes:
        options = [words for words in said.behind if len(changes) == 1 or not _is_contrast(words)]
        if options:
            found.append(rng.choice(options))
    return sorted(found, key=lambda words: (not words.startswith("in "), words.startswith(_LESS)))


def _predicates_of(said: Said) -> list[str]:
    return [f"is {words}" for words in said.states] + [f"has {words}" for words in said.has]


def _shortest_phrases(said: Said, noun: Noun) -> list[str]:
    return [f"the {noun.word} {words}" for words in said.behind] + [
        f"it {words}" for words in _predicates_of(said)
    ]


def _joined(parts: Sequence[tuple[str, str]], rng: Random) -> str:
    """Predicates with "and"; a verb that follows itself is said once, now and then."""
    text, last, said = "", "", ""
    for number, (verb, words) in enumerate(parts):
        if number == 0:
            text = f"{verb} {words}"
        elif verb == last and not said.startswith("no ") and rng.random() < 0.7:
            text += f" and {words}"
        else:
            text += f"{', ' if number < len(parts) - 1 else ' and '}{verb} {words}"
        last, said = verb, words  # "no buttons and pockets" would deny both
    return text


def _strung(tails: Sequence[str]) -> list[str]:
    """ "in navy with buttons and a hood"."""
    strung = list(tails[:1])
    for last, tail in pairwise(tails):
        if tail.startswith("with ") and last.startswith("with "):
            strung.append(f"and {tail.removeprefix('with ')}")
        else:
            strung.append(tail if last.startswith("in ") else f"and {tail}")
    return strung
