"""Blocks of codes, and the scan over them: nothing that belongs among the best may be lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soundalike.facets import Facet, Space, Weights, unit
from soundalike.scoring import Background, FacetBackground, Scoring
from soundalike.stores.embedded.blocks import Block, encode, join
from soundalike.stores.embedded.folder import BlockFolder
from soundalike.stores.embedded.rows import Rows
from soundalike.stores.embedded.scan import Plan, prepare, scan

FACETS = tuple(Facet(name) for name in ("melody", "rhythm", "timbre", "harmony", "drums", "bass"))


def make_clustered(count: int, space: Space, seed: int) -> np.ndarray:
    """Rows in clusters of uneven size and decaying spectrum, with facets absent here and there."""
    generator = np.random.default_rng(seed)
    shape = np.random.default_rng(0)
    spectrum = np.arange(1, space.dim + 1) ** -0.5
    rows = np.empty((count, len(space.facets), space.dim), np.float32)
    for i in range(len(space.facets)):
        centres = shape.normal(size=(60, space.dim)) * spectrum
        home = np.minimum(generator.pareto(1.0, count) * 3, 59).astype(int)
        rows[:, i] = unit(centres[home] + 0.8 * spectrum * generator.normal(size=(count, space.dim)))
        rows[generator.random(count) < 0.06 * i, i] = 0.0
    return rows


def make_rows(vectors: np.ndarray, *, first: int = 1, per_track: int = 10) -> Rows:
    ids = np.arange(first, first + len(vectors))
    presence = (vectors.any(axis=2) << np.arange(vectors.shape[1])).sum(axis=1).astype(np.uint64)
    return Rows(ids, ids // per_track, ids * 1.0, ids + 1.0, presence, vectors)


def make_scoring(weights: np.ndarray, *, standardised: bool = True) -> Scoring:
    backgrounds = {facet: FacetBackground(0.1 * i, 0.05 + 0.05 * i, ()) for i, facet in enumerate(FACETS)}
    background = Background({"excerpt": backgrounds}, "made up") if standardised else None
    return Scoring.of(Weights(dict(zip(FACETS, weights, strict=True))), background, "excerpt")


def make_weights(name: str, number: int, generator: np.random.Generator) -> np.ndarray:
    return {
        "equal": np.ones(6),
        "one-hot": np.eye(6)[number % 6],
        "Dirichlet": generator.dirichlet([0.3] * 6),
        "signed": generator.normal(size=6),
    }[name]


def score_codes(block: Block, plan: Plan) -> np.ndarray:
    """Score every row of a block from its codes, without chunks and bounds; -inf without a common facet."""
    total, weight = np.zeros(len(block)), np.zeros(len(block))
    for i, facet in enumerate(plan.facets):
        present = (block.patterns[block.pattern] >> np.uint64(facet)) & np.uint64(1) == 1
        cosine = block.codes[facet].astype(float) @ plan.codes[i].astype(float) * block.scales[facet] * plan.scales[i]
        total += np.where(present, plan.slopes[i] * cosine - plan.offsets[i], 0.0)
        weight += present * plan.weights[i]
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1), -np.inf)


@pytest.mark.parametrize("share", [None, 0.5, 0.02], ids=["all rows", "half", "few"])
@pytest.mark.parametrize("name", ["equal", "one-hot", "Dirichlet", "signed"])
@pytest.mark.parametrize("dim", [16, 13])
def test_pruning_loses_nothing(name: str, share: float | None, dim: int) -> None:
    space = Space("prune", FACETS, dim)
    vectors, queries = make_clustered(9000, space, 1), make_clustered(6, space, 2)
    blocks = [encode(make_rows(vectors[:7000])), encode(make_rows(vectors[7000:], first=7001))]
    generator = np.random.default_rng(5)
    masks = [None if share is None else generator.random(len(block)) < share for block in blocks]
    for number, query in enumerate(queries):
        scoring = make_scoring(make_weights(name, number, generator))
        plan = prepare(dict(zip(FACETS, query, strict=True)), scoring, FACETS)
        if plan is None:
            continue
        scores = [
            np.where(True if mask is None else mask, score_codes(block, plan), -np.inf)
            for block, mask in zip(blocks, masks, strict=True)
        ]
        best = scan(list(zip(blocks, masks, strict=True)), plan, count=60)
        expected = np.sort(np.concatenate(scores))[::-1][:60]
        assert np.allclose(best.scores, expected[expected > -np.inf], atol=1e-4)
        assert np.allclose(np.concatenate(scores)[best.ids - 1], best.scores, atol=1e-4)


def test_distinct_gives_two_rows_of_a_track_at_most_and_loses_no_track() -> None:
    space = Space("distinct", FACETS, 16)
    block = encode(make_rows(make_clustered(6000, space, 1), per_track=300))
    query = dict(zip(FACETS, make_clustered(1, space, 2)[0], strict=True))
    plan = prepare(query, make_scoring(np.ones(6)), FACETS)
    assert plan is not None
    best = scan([(block, None)], plan, count=30, distinct=True)
    scores = score_codes(block, plan)
    leaders = sorted((scores[block.tracks == track].max() for track in np.unique(block.tracks)), reverse=True)
    found = {int(track): float(best.scores[best.tracks == track].max()) for track in np.unique(best.tracks)}
    assert np.bincount(best.tracks).max() <= 2
    assert len(best.ids) == 30
    assert np.allclose(sorted(found.values(), reverse=True), leaders[: len(found)], atol=1e-4)


def test_equal_rows_are_found_in_order_of_their_ids() -> None:
    vectors = np.repeat(make_clustered(1, Space("ties", FACETS, 16), 3), 10_000, axis=0)
    plan = prepare(dict(zip(FACETS, vectors[0], strict=True)), make_scoring(np.ones(6)), FACETS)
    assert plan is not None
    best = scan([(encode(make_rows(vectors)), None)], plan, count=50)
    assert best.ids.tolist() == list(range(1, 51))


@pytest.mark.parametrize("standardised", [False, True])
@pytest.mark.parametrize("name", ["equal", "one-hot", "Dirichlet", "signed"])
def test_codes_recall_what_float32_finds(name: str, standardised: bool) -> None:
    space = Space("recall", FACETS, 64)
    vectors, queries = make_clustered(6000, space, 1), make_clustered(8, space, 2)
    block = encode(make_rows(vectors))
    generator = np.random.default_rng(3)
    recalls = []
    for number, query in enumerate(queries):
        asked = dict(zip(FACETS, query, strict=True))
        scoring = make_scoring(make_weights(name, number, generator), standardised=standardised)
        plan = prepare(asked, scoring, FACETS)
        if plan is None:
            continue
        cosines = {
            facet: np.where(vectors[:, i].any(axis=1) & asked[facet].any(), vectors[:, i] @ asked[facet], np.nan)
            for i, facet in enumerate(FACETS)
        }
        exact = np.nan_to_num(scoring.score(cosines), nan=-np.inf)
        top = 1 + np.argsort(-exact, kind="stable")[:10]
        recalls.append(np.isin(top, scan([(block, None)], plan, count=100).ids).mean())
    assert np.mean(recalls) >= 0.99


def test_joined_blocks_hold_the_same_rows() -> None:
    vectors = make_clustered(500, Space("join", FACETS, 16), 1)
    whole = encode(make_rows(vectors))
    joined = join([encode(make_rows(vectors[:200])), encode(make_rows(vectors[200:], first=201))])
    assert np.array_equal(joined.ids, whole.ids)
    assert np.array_equal(joined.patterns[joined.pattern], whole.patterns[whole.pattern])
    assert all(np.array_equal(a, b) for a, b in zip(joined.codes, whole.codes, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(joined.scales, whole.scales, strict=True))


def test_blocks_can_be_loaded_in_bulk_and_scanned_without_a_database(tmp_path: Path) -> None:
    space = Space("bulk", FACETS, 16)
    vectors = make_clustered(9000, space, 1)
    blocks = [encode(make_rows(vectors[:5000])), encode(make_rows(vectors[5000:], first=5001))]
    folder = BlockFolder(tmp_path / "blocks", library="none", space=space)
    disk = folder.extend(None, iter(blocks), watermark=9000)
    plan = prepare(dict(zip(FACETS, vectors[1234], strict=True)), make_scoring(np.ones(6), standardised=False), FACETS)
    assert plan is not None
    found = scan([(disk.block, None)], plan, count=40)
    assert np.array_equal(found.ids, scan([(join(blocks), None)], plan, count=40).ids)
    assert folder.load(disk) is disk
    assert folder.damaged(disk) == []


def test_a_failed_build_leaves_nothing_behind_and_what_was_there_valid(tmp_path: Path) -> None:
    space = Space("fail", FACETS, 16)
    block = encode(make_rows(make_clustered(100, space, 1)))
    folder = BlockFolder(tmp_path / "blocks", library="none", space=space)
    disk = folder.extend(None, [block], watermark=100)

    def failing():
        yield block
        raise OSError(28, "No space left on device")

    for start in (None, disk):
        with pytest.raises(OSError, match="No space"):
            folder.extend(start, failing(), watermark=100)
        assert sorted(path.name for path in folder.path.iterdir()) == sorted([disk.generation, "meta.json"])
    again = folder.load()
    assert again is not None
    assert np.array_equal(again.block.ids, block.ids)
