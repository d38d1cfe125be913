"""Values for Redis: what is sealed comes back, and nothing else does."""

import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.cache import decode_array, encode_array
from retrieval.domain import FloatArray, Ranked, Ranking, RerankOutcome
from retrieval.sealed import seal, unseal
from retrieval.snapshots import decode_ranking, encode_ranking

NAMES = st.binary(min_size=1, max_size=64)
SHAPES = st.lists(st.integers(0, 5), max_size=4).map(tuple)


@settings(deadline=None)
@given(NAMES, st.integers(0, 255), st.binary(max_size=300))
def test_a_body_comes_back(name: bytes, kind: int, body: bytes) -> None:
    back = unseal(name, kind, seal(name, kind, body))
    assert back is not None
    assert bytes(back) == body


@settings(deadline=None)
@given(NAMES, st.binary(max_size=100), st.data())
def test_no_flipped_bit_passes(name: bytes, body: bytes, draw: st.DataObject) -> None:
    value = bytearray(seal(name, 1, body))
    bit = draw.draw(st.integers(0, len(value) * 8 - 1))
    value[bit // 8] ^= 1 << bit % 8
    assert unseal(name, 1, bytes(value)) is None


@settings(deadline=None)
@given(NAMES, NAMES, st.binary(max_size=100))
def test_a_value_under_another_name_is_none(one: bytes, other: bytes, body: bytes) -> None:
    assert (unseal(other, 1, seal(one, 1, body)) is not None) == (one == other)


@settings(deadline=None)
@given(NAMES, st.binary(max_size=200))
def test_garbage_is_none(name: bytes, value: bytes) -> None:
    assert unseal(name, 1, value) is None
    assert decode_array(name, value) is None
    assert decode_ranking(name, value) is None


@settings(deadline=None)
@given(SHAPES, st.booleans())
def test_an_array_of_any_shape_comes_back(shape: tuple[int, ...], half: bool) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    array: FloatArray = values.astype(np.float16) if half else values.astype(np.float32)
    back = decode_array(b"name", encode_array(b"name", array))
    assert back is not None
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(back, array)


@settings(deadline=None)
@given(st.binary(max_size=60), st.sampled_from([1, 2]))
def test_a_well_sealed_body_that_is_no_array_is_none(body: bytes, kind: int) -> None:
    """The shape says how long the body is; only by chance is garbage that long."""
    found = decode_array(b"name", seal(b"name", kind, body))
    assert found is None or found.nbytes < len(body)


def test_only_float16_and_float32_are_cached() -> None:
    with pytest.raises(ValueError, match="float64"):
        encode_array(b"name", np.zeros(3))  # type: ignore[arg-type]


SCORES = st.floats(allow_nan=False)
PLACES = st.lists(st.builds(Ranked, st.uuids(), SCORES), max_size=20).map(tuple)
JUDGED = st.lists(
    st.builds(Ranked, st.uuids(), SCORES, match_probability=st.floats(0, 1, width=32)), max_size=20
).map(tuple)


@settings(deadline=None)
@given(JUDGED, PLACES, st.sampled_from(RerankOutcome))
def test_a_ranking_comes_back(
    judged: tuple[Ranked, ...], behind: tuple[Ranked, ...], outcome: RerankOutcome
) -> None:
    for ranking in (
        Ranking(behind),
        Ranking(behind, outcome),
        Ranking((*judged, *behind), outcome),
    ):
        assert decode_ranking(b"name", encode_ranking(b"name", ranking)) == ranking


@settings(deadline=None)
@given(st.binary(max_size=100), st.sampled_from([16, 17]))
def test_a_well_sealed_body_that_is_no_ranking_is_none(body: bytes, kind: int) -> None:
    """What is read of garbage is of its length: nothing is made up, and nothing raises."""
    found = decode_ranking(b"name", seal(b"name", kind, body))
    assert found is None or 24 * len(found.places) <= len(body)


def test_half_a_place_is_no_ranking() -> None:
    body = uuid.uuid4().bytes
    assert decode_ranking(b"name", seal(b"name", 16, body)) is None


def test_more_probabilities_than_places_are_no_ranking() -> None:
    outcome, judged = b"\x01", (2).to_bytes(2, "little")
    body = outcome + judged + bytes(8) + bytes(24)
    assert decode_ranking(b"name", seal(b"name", 17, body)) is None


def test_an_entry_from_before_there_was_a_second_stage_is_read() -> None:
    point = uuid.UUID(int=7)
    body = point.bytes + np.float64(0.5).tobytes()
    expected = Ranking((Ranked(point, 0.5),))
    assert decode_ranking(b"name", seal(b"name", 16, body)) == expected
