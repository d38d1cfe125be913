"""Held-out wordings: written apart from what trains, and asking for the same."""

import re

import numpy as np
import pytest

from demo_catalog.garments import sample_garment
from demo_data.edits import Edit, make_edit, sample_family
from demo_data.words import unseen
from demo_data.words.noise import with_noise
from demo_data.words.photos import CATEGORY_OF_LABEL, photo_description, photo_edit
from demo_data.words.sentences import description, edit_sentence

COLORS = tuple(unseen.SYNONYMS["color"])


@pytest.fixture(scope="module")
def edits() -> list[Edit]:
    rng = np.random.default_rng(31)
    found = [make_edit(*sample_family(rng, 2), rng) for _ in range(3000)]
    return [edit for edit in found if edit is not None]


@pytest.fixture(scope="module")
def training(edits: list[Edit]) -> list[str]:
    """What trains, drawn as training draws it, lower-cased; each table of words many times over."""
    rng = np.random.default_rng(32)
    texts = [edit_sentence(edit, rng).text for edit in edits for _ in range(4)]
    texts += [description(sample_garment(rng), rng).text for _ in range(4000)]
    for category in CATEGORY_OF_LABEL.values():
        for color in COLORS:
            texts.append(photo_edit(rng, label=category, color=color, same="dress"))
            texts.append(photo_description(rng, category, color))
    return [with_noise(text, rng).lower() for text in texts]


def skeletons(templates: tuple[str, ...]) -> list[re.Pattern[str]]:
    """Patterns of templates, of which every fixed word must stand in its place."""
    return [re.compile(re.escape(t).replace(r"\{0\}", r".+")) for t in templates]


def test_no_template_is_in_training(training: list[str]) -> None:
    for pattern in skeletons((*unseen.TEMPLATES, *unseen.ABSENT)):
        caught = [text for text in training if pattern.search(text)]
        assert not caught, (pattern.pattern, caught[:3])


def test_no_synonym_is_in_training(training: list[str]) -> None:
    every = "\n".join(training)
    for by_value in unseen.SYNONYMS.values():
        for words in by_value.values():
            for word in words:
                assert word not in every, word


def test_most_words_of_other_words_are_known(training: list[str], edits: list[Edit]) -> None:
    known = set(re.findall(r"[a-z]+", "\n".join(training)))
    rng = np.random.default_rng(33)
    said = [unseen.other_words(edit, rng) for edit in edits[:1500]]
    words = re.findall(r"[a-z]+", "\n".join(said))
    assert 0.02 < sum(word not in known for word in words) / len(words) < 0.3


def test_new_words_are_not_even_words_of_training(training: list[str]) -> None:
    known = set(re.findall(r"[a-z]+", "\n".join(training)))
    for by_value in unseen.NEW_WORDS.values():
        for words in by_value.values():
            for word in words:
                assert word.removeprefix("a ").removeprefix("an ") not in known, word


def test_other_words_say_every_change(edits: list[Edit]) -> None:
    rng = np.random.default_rng(34)
    for edit in edits[:1500]:
        text = unseen.other_words(edit, rng)
        for name in edit.named:
            value = getattr(edit.target, name)
            if name == "pattern" and "pattern_color" in edit.named:
                assert value in text
            elif name == "pattern_color":
                assert names_one(text, "color", value)
                assert edit.target.pattern in text
            elif value in (None, False):
                assert any(p.search(text) for p in skeletons(unseen.ABSENT)), text
            else:
                assert names_one(text, name, str(value)), text


def names_one(text: str, name: str, value: str) -> bool:
    plain = unseen.PLAIN.get(name, {}).get(value, value)
    return any(word in text for word in (plain, *unseen.SYNONYMS[name][value]))


def test_a_new_word_is_for_one_change(edits: list[Edit]) -> None:
    rng = np.random.default_rng(35)
    said = [(edit, unseen.new_word(edit, rng)) for edit in edits]
    assert all(text is None for edit, text in said if len(edit.named) > 1)
    found = [(edit, text) for edit, text in said if text is not None]
    assert len(found) > 100
    for edit, text in found:
        name = edit.named[0]
        words = unseen.NEW_WORDS[name][str(getattr(edit.target, name))]
        assert any(word in text for word in words), text
