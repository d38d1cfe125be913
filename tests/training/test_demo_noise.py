"""Slips of the keyboard: one at a time, as rare as they are said to be."""

import numpy as np
import pytest

from demo_data.words.noise import FILLER_SHARE, TYPO_SHARE, UNKNOWN_WORD_SHARE, typo, with_noise

TEXT = "the same in navy with longer sleeves"


def distance(first: str, second: str) -> int:
    """Letters to add, drop, change or swap with their neighbour (optimal string alignment)."""
    rows = [list(range(len(second) + 1))]
    for i, one in enumerate(first, 1):
        row = [i]
        for j, other in enumerate(second, 1):
            best = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (one != other))
            if i > 1 and j > 1 and one == second[j - 2] and first[i - 2] == other:
                best = min(best, rows[i - 2][j - 2] + 1)
            row.append(best)
        rows.append(row)
    return rows[-1][-1]


def test_a_slip_is_one_letter() -> None:
    rng = np.random.default_rng(1)
    slips = [typo(TEXT, rng) for _ in range(500)]
    assert all(distance(TEXT, slip) <= 1 for slip in slips)
    assert {len(slip) - len(TEXT) for slip in slips} == {-1, 0, 1}
    assert any(slip.count(" ") < TEXT.count(" ") for slip in slips)
    assert sum(slip == TEXT for slip in slips) < 10


@pytest.mark.parametrize("text", ["", "a", "xl?", "42", "in a 3"])
def test_what_has_no_word_to_slip_in_stays_whole(text: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        assert distance(text, typo(text, rng)) <= 1


def test_most_texts_stay_as_they_are() -> None:
    rng = np.random.default_rng(3)
    changed = np.mean([with_noise(TEXT, rng) != TEXT for _ in range(4000)])
    assert abs(changed - (TYPO_SHARE + FILLER_SHARE + UNKNOWN_WORD_SHARE)) < 0.03
