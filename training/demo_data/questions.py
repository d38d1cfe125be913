"""Questions about drawn families: a reference, words, a target, and what else would be right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np

from demo_data.attributes import Wish, garment_matrix, satisfies, satisfying, wish_vector
from demo_data.edits import Edit, make_edit
from demo_data.families import Family, Picture
from demo_data.words.noise import with_noise
from demo_data.words.sentences import description, edit_sentence
from demo_data.words.unseen import new_word, other_words


@dataclass(frozen=True)
class Question:
    """Words about a pair of pictures, and the wish that they and the reference express."""

    reference: Picture
    target: Picture
    text: str
    wish: Wish
    edit: Edit | None = None
    """What an edit changes; none for a description of the target."""


def training_questions(
    families: Iterable[Family], rng: np.random.Generator, *, edits: int, descriptions: int
) -> list[Question]:
    """Up to so many edits and descriptions of each family, now and then with a slip of the pen.

    A description is asked about its own target: it teaches words, and not to forget a reference.
    """
    asked = []
    for family in families:
        found = [*edit_questions(family, rng)]
        asked += [found[place] for place in rng.permutation(len(found))[:edits]]
        members = rng.permutation(len(family))[:descriptions]
        asked += [describe(family[place], family[place], rng) for place in members]
    return [Question(q.reference, q.target, with_noise(q.text, rng), q.wish, q.edit) for q in asked]


def edit_questions(family: Family, rng: np.random.Generator) -> Iterable[Question]:
    """Every ordered pair of a family that one to three changes lead from one to the other."""
    for reference, target in permutations(family, 2):
        edit = make_edit(reference.garment, target.garment, rng)
        if edit is not None:
            sentence = edit_sentence(edit, rng)
            yield Question(reference, target, sentence.text, sentence.wish, edit)


def describe(reference: Picture, target: Picture, rng: np.random.Generator) -> Question:
    """A description of a target."""
    sentence = description(target.garment, rng)
    return Question(reference, target, sentence.text, sentence.wish)


def in_other_words(question: Question, rng: np.random.Generator) -> Question | None:
    """An edit as no training sentence says it; None for a description."""
    edit = question.edit
    if edit is None:
        return None
    return replace(question, text=other_words(edit, rng), wish=edit.wish)


def in_new_words(question: Question, rng: np.random.Generator) -> Question | None:
    """An edit of one attribute by a word that training never had; None where there is none."""
    edit = question.edit
    text = None if edit is None else new_word(edit, rng)
    if edit is None or text is None:
        return None
    return replace(question, text=text, wish=edit.wish)


def is_detail(question: Question) -> bool:
    """Whether nothing but a print, a pocket or a hood is asked for."""
    return question.edit is not None and question.edit.named in (("print",), ("pocket",), ("hood",))


def family_records(
    families: Iterable[Family], questions: Iterable[Question]
) -> list[dict[str, Any]]:
    """Caption entries whose alternatives are the other right pictures of the question's family.

    Training's batches hold whole families, and a list of all that answer "a dress" would be longer
    than the data. Right pictures of other families are not told.
    """
    family_of = {picture.name: family for family in families for picture in family}
    asked = list(questions)
    records = plain_records(asked)
    for record, question in zip(records, asked, strict=True):
        own = (question.target.name, question.reference.name)
        record["alternatives"] = [
            picture.name for picture in family_of[question.target.name]
            if picture.name not in own and satisfies(question.wish, picture.garment)
        ]  # fmt: skip
    return records


def plain_records(questions: Iterable[Question]) -> list[dict[str, Any]]:
    """Caption entries of FashionIQ's format, one caption each."""
    return [
        {"target": q.target.name, "candidate": q.reference.name, "captions": [q.text]}
        for q in questions
    ]


def judged_records(
    questions: Sequence[Question], gallery: Sequence[Picture]
) -> list[dict[str, Any]]:
    """The same with every other picture of the gallery that satisfies the question."""
    wishes = np.stack([wish_vector(question.wish) for question in questions])
    right = satisfying(wishes, garment_matrix(picture.garment for picture in gallery))
    names = [picture.name for picture in gallery]
    records = plain_records(questions)
    for record, row in zip(records, right, strict=True):
        own = (record["target"], record["candidate"])
        found = (names[place] for place in np.flatnonzero(row))
        record["alternatives"] = [name for name in found if name not in own]
    return records
