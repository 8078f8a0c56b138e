"""What every set of heads must do; a package that adds one may run this on its own."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike import extensions
from soundalike.errors import ShapeError
from soundalike.facets import FACTORS
from soundalike.heads import BACKGROUNDS, HEADS, Head, load_background, load_heads
from tiny.merit import MAKERS

NAMES = extensions.names("heads", HEADS)


@pytest.fixture(params=NAMES)
def heads(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Head, ...]:
    if request.param in MAKERS:
        pytest.importorskip("torch")
        checkpoint = MAKERS[request.param](tmp_path_factory.mktemp("heads"))
        return load_heads(request.param, checkpoint=checkpoint)
    return load_heads(request.param, in_dim=6001)  # odd, and longer than what numpy adds up at a time


def embeddings(head: Head, count: int = 5) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, head.in_dim)).astype(np.float32)


def test_heads_have_the_attributes_of_their_protocol(heads):
    for head in heads:
        assert isinstance(head, Head)
        assert head.name
        assert head.factor in FACTORS


def test_heads_come_one_per_factor_in_the_order_of_the_factors(heads):
    factors = [head.factor for head in heads]
    assert factors == sorted(set(factors), key=FACTORS.index)
    assert len({(head.in_dim, head.dim) for head in heads}) == 1


def test_vectors_are_float32_of_unit_length(heads):
    for head in heads:
        vectors = head.project(embeddings(head))
        assert vectors.shape == (5, head.dim)
        assert vectors.dtype == np.float32
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_an_embedding_of_zeros_is_an_absent_facet(heads):
    for head in heads:
        rows = embeddings(head, 3)
        rows[1] = 0.0
        vectors = head.project(rows)
        assert not vectors[1].any()
        assert vectors[[0, 2]].any(axis=1).all()


def test_a_row_gives_the_same_bits_alone_and_in_any_batch(heads):
    for head in heads:
        rows = embeddings(head)
        together = head.project(rows)
        alone = np.concatenate([head.project(rows[i : i + 1]) for i in range(len(rows))])
        assert together.tobytes() == alone.tobytes()


def test_no_rows_give_no_rows(heads):
    for head in heads:
        assert head.project(np.zeros((0, head.in_dim), np.float32)).shape == (0, head.dim)


def test_the_input_is_left_untouched(heads):
    for head in heads:
        rows = embeddings(head)
        before = rows.copy()
        head.project(rows)
        assert np.array_equal(rows, before)


@pytest.mark.parametrize("change", [-1, 1])
def test_embeddings_of_another_length_are_refused(heads, change):
    for head in heads:
        with pytest.raises(ShapeError, match=str(head.in_dim)):
            head.project(np.zeros((2, head.in_dim + change), np.float32))


def test_a_single_vector_in_place_of_rows_is_refused(heads):
    for head in heads:
        with pytest.raises(ShapeError):
            head.project(np.zeros(head.in_dim, np.float32))


@pytest.mark.parametrize("name", sorted(BACKGROUNDS))
def test_a_shipped_background_covers_every_factor_at_every_level(name):
    background = load_background(name)
    assert background is not None
    for facets in background.levels.values():
        assert {facet.factor for facet in facets} == {head.factor for head in load_heads(name)}
        for facet in facets.values():
            assert facet.sd > 0
            assert list(facet.quantiles) == sorted(facet.quantiles)
            assert len(facet.quantiles) == 101
