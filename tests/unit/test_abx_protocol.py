"""Agreement with listeners: what is counted, what is fitted, and what may not leak or depend on the order."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soundalike.errors import ShapeError, UnknownNameError, UsageError
from soundalike.facets import Facet
from soundalike.judgments import FIRST, STEM, JudgedTriplet, consensus, keep
from soundalike.research.listeners.cells import shown_first
from soundalike.research.listeners.comparisons import above_chance, compare, same_track_rule
from soundalike.research.listeners.conflicts import conflicts, factor_matrix, panel
from soundalike.research.listeners.embeddings import (
    ClipEmbeddings,
    Differences,
    clip_key,
    differences,
    make_embeddings,
    read_embeddings,
    track_of,
)
from soundalike.research.listeners.people import part_votes
from soundalike.research.listeners.protocol import (
    MODELS,
    Count,
    count,
    outcomes,
    paper_model,
    stratified_splits,
    weighted_agreement,
)
from soundalike.research.listeners.published import CONFIGS, PARTS, POOL, TABLE_1
from soundalike.research.listeners.strict import (
    held_out_outcomes,
    strict_model,
    strict_weights,
    track_disjoint_splits,
)
from soundalike.research.listeners.weighted_models import models_of

STEMS = ("drums", "bass", "vocals", "other", "mix")


def judged(number: int, tracks: tuple[int, int, int], votes: tuple[int, int], criterion: str = "overall"):
    """One XAB triplet of three tracks, on the mix; every triplet has segments of its own."""
    x, a, b = (
        f"set{number // 4}/{number % 4}/mix/{role}_{track}-{number}.wav"
        for role, track in zip("XAB", tracks, strict=True)
    )
    context = {"config": "XAB", "set": str(number // 4), "sample": str(number % 4), "part": "mix", FIRST: "a"}
    return JudgedTriplet(x, a, b, criterion, *votes, context=context)


def paths_of(triplets: Sequence[JudgedTriplet]) -> list[str]:
    return list(dict.fromkeys(path for t in triplets for path in (t.reference, t.a, t.b)))


def planted(n: int = 120, tracks: int = 40, seed: int = 0) -> tuple[list[JudgedTriplet], ClipEmbeddings]:
    """Triplets whose majority follows the drums and a little the mix, with noise; vocals are silent."""
    rng = np.random.default_rng(seed)
    asked = [judged(number, tuple(rng.choice(tracks, 3, replace=False)), (1, 0)) for number in range(n)]
    paths = paths_of(asked)
    arrays = {stem: rng.normal(size=(len(paths), 8)).astype(np.float32) for stem in STEMS}
    arrays["vocals"][:] = 0
    embeddings = make_embeddings("toy", paths, arrays)
    gaps = differences(embeddings, asked, STEMS).values
    liked = gaps @ np.array([2.0, 0.0, 0.0, 0.0, 0.5]) + rng.normal(0, 0.1, n) > 0
    return [judged(i, _tracks(t), (9, 1) if liked[i] else (1, 9)) for i, t in enumerate(asked)], embeddings


def _tracks(triplet: JudgedTriplet) -> tuple[int, int, int]:
    return tuple(int(track_of(path)) for path in (triplet.reference, triplet.a, triplet.b))


def signs_of(triplets: Sequence[JudgedTriplet]) -> np.ndarray:
    return np.array([t.sign for t in triplets])


def agreeing(triplets: Sequence[JudgedTriplet], right: int) -> ClipEmbeddings:
    """Embeddings that agree with the majority of just the first `right` triplets: X shares a direction with one."""
    paths = paths_of(triplets)
    sounds = {key: row for row, key in enumerate(dict.fromkeys(map(clip_key, paths)))}
    rows = np.zeros((len(sounds), len(triplets)), np.float32)
    for number, triplet in enumerate(triplets):
        a_is_nearer = (triplet.sign > 0) == (number < right)
        for path in (triplet.reference, triplet.a if a_is_nearer else triplet.b):
            rows[sounds[clip_key(path)], number] = 1.0
    # A clip that was never near is not absent: it has a direction of its own.
    rows = np.hstack([rows, np.where(rows.any(axis=1), 0.0, 1.0)[:, None].astype(np.float32)])
    return make_embeddings("agreeing", paths, {"mix": rows[[sounds[clip_key(path)] for path in paths]]})


# ---- clips and their vectors


@pytest.mark.parametrize(
    "path",
    ["set2/2/piano/X_1913-28.wav", "/a/b/set11/0/piano/C_1913-28.flac", "piano/1913-28", "clips/piano/01913-28"],
)
def test_the_same_sound_has_one_key_wherever_it_is_asked_about(path):
    assert clip_key(path) == "piano/1913-28"
    assert track_of(path) == "1913"


@pytest.mark.parametrize("path", ["song.wav", "set2/2/piano/X_1913.wav", "1913-28.wav", ""])
def test_what_is_no_clip_is_refused(path):
    with pytest.raises(UsageError, match="not the path of a clip"):
        clip_key(path)


def write_npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def test_vectors_are_read_as_embed_writes_them(tmp_path):
    paths = np.array(["set0/0/mix/X_1-2.wav", "set0/0/mix/A_3-4.wav"])
    rows = np.array([[3, 0], [0, 0]], np.float32)
    spans = {"start": np.zeros(2), "end": np.ones(2)}
    file = write_npz(
        tmp_path / "toy.npz", paths=paths, **spans, **{"mix.timbre": rows, "residuals": rows}, space=np.array("toy-1")
    )
    read = read_embeddings(file)
    assert (read.name, read.space) == ("toy", "toy-1")
    assert list(read.vectors) == ["mix.timbre", "other.overall"]
    np.testing.assert_array_equal(read.vectors[Facet("timbre")], [[1, 0], [0, 0]])
    assert read.rows == {"mix/1-2": 0, "mix/3-4": 1}


ONE = np.array(["mix/1-2"])


@pytest.mark.parametrize(
    ("arrays", "error", "said"),
    [
        ({"mix": np.ones((1, 2), np.float32)}, UsageError, "no list 'paths'"),
        ({"paths": ONE}, UsageError, "no vectors"),
        ({"paths": ONE, "mix": np.ones((2, 2), np.float32)}, ShapeError, "shape"),
        ({"paths": ONE, "mix": np.ones((1, 2), np.int64)}, ShapeError, "int64"),
        ({"paths": ONE, "mix": np.full((1, 2), np.nan, np.float32)}, ShapeError, "not finite"),
        ({"paths": ONE, "melodi": np.ones((1, 2), np.float32)}, UnknownNameError, "melodi"),
        ({"paths": ONE, **dict.fromkeys(("other", "residuals"), np.ones((1, 2), np.float32))}, UsageError, "twice"),
        ({"paths": np.array(["tune.wav"]), "mix": np.ones((1, 2), np.float32)}, UsageError, "tune.wav"),
        ({"paths": np.repeat(ONE, 2), "mix": np.eye(2, dtype=np.float32)}, UsageError, "different vectors"),
        ({"paths": np.array([{"a": 1}]), "mix": np.ones((1, 2), np.float32)}, UsageError, "cannot be read"),
    ],
)
def test_a_faulty_file_of_vectors_is_refused(tmp_path, arrays, error, said):
    with pytest.raises(error, match=said):
        read_embeddings(write_npz(tmp_path / "bad.npz", **arrays))


def test_what_is_no_file_of_vectors_is_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no vectors")
    for name in ("text.npz", "missing.npz"):
        with pytest.raises(UsageError, match=name):
            read_embeddings(tmp_path / name)


def test_differences_are_those_of_plain_cosines():
    triplets, embeddings = planted(8)
    given = differences(embeddings, triplets, ["drums", "mix"])
    assert given.facets == ("drums.overall", "mix.overall")
    for row, triplet in enumerate(triplets):
        x, a, b = (
            embeddings.vectors[Facet("drums")][embeddings.rows[clip_key(path)]].astype(float)
            for path in (triplet.reference, triplet.a, triplet.b)
        )
        cosine = [float(x @ y / np.linalg.norm(x) / np.linalg.norm(y)) for y in (a, b)]
        assert given.values[row, 0] == pytest.approx(cosine[0] - cosine[1], abs=1e-6)


def test_silent_and_missing_clips_say_nothing_and_are_told_of():
    triplets, embeddings = planted(8)
    given = differences(embeddings, [*triplets, judged(99, (1, 2, 3), (5, 0))], ["vocals", "drums"])
    assert given.absent[:, 0].all()
    assert not given.absent[:8, 1].any()
    assert given.absent[8, 1]
    assert not given.values[given.absent].any()
    assert embeddings.covered(triplets).all()
    assert not embeddings.covered([judged(99, (1, 2, 3), (5, 0))]).any()
    with pytest.raises(UnknownNameError, match="guitar"):
        differences(embeddings, triplets, ["guitar"])


# ---- the paper's protocol


def test_ties_are_neither_right_nor_wrong():
    counted = count(outcomes(np.array([0.2, 0.1, 0.0, -0.3]), np.array([1, -1, 1, -1])))
    assert counted == Count(right=2, tied=1, of=4)
    assert counted.share == 0.625
    assert math.isnan(Count(0, 0, 0).share)


def test_embeddings_that_know_k_majorities_have_k_right():
    triplets, _ = planted(50)
    for right in (0, 31, 50):
        scores = differences(agreeing(triplets, right), triplets, ["mix"]).values[:, 0]
        assert count(outcomes(scores, signs_of(triplets))) == Count(right, 0, 50)


def test_exchanging_the_candidates_changes_no_outcome_and_no_fit():
    triplets, embeddings = planted()
    turned = [JudgedTriplet(t.reference, t.b, t.a, t.criterion, t.votes_b, t.votes_a) for t in triplets]
    given, other = (differences(embeddings, some, STEMS) for some in (triplets, turned))
    np.testing.assert_allclose(given.values, -other.values)
    for model in (paper_model("ols"), paper_model("ridge"), strict_model()):
        fitted, again = (
            model.fit(some.values, signs_of(these)).coef for some, these in ((given, triplets), (other, turned))
        )
        np.testing.assert_allclose(fitted, again, atol=1e-9)


def test_the_papers_weights_are_those_of_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(2)
    X, y = rng.normal(0, 0.1, (60, 5)), rng.choice([-1.0, 1.0], 60)
    ridge = linear.Ridge(alpha=1.0, fit_intercept=False).fit(X, y)
    plain = linear.LinearRegression(fit_intercept=False).fit(X, y)
    np.testing.assert_allclose(paper_model("ridge").fit(X, y).coef, ridge.coef_, atol=1e-8)
    np.testing.assert_allclose(paper_model("ols").fit(X, y).coef, plain.coef_, atol=1e-8)


def test_a_facet_that_is_never_heard_has_no_weight():
    triplets, embeddings = planted()
    given = differences(embeddings, triplets, STEMS)
    for model in (paper_model("ols"), paper_model("ridge"), strict_model()):
        weights = model.fit(given.values, signs_of(triplets).astype(float)).coef
        assert weights[STEMS.index("vocals")] == 0.0
        assert np.argmax(weights) == STEMS.index("drums")


def test_splits_are_whole_seventy_to_thirty_and_keep_the_share_of_each_label():
    labels = np.repeat([1, -1], [190, 141])
    seen = set()
    for train, test in stratified_splits(labels, splits=20, seed=3):
        assert sorted([*train, *test]) == list(range(331))
        assert len(test) == 100
        assert (labels[test] == 1).sum() in (57, 58)
        seen.add(test.tobytes())
    assert len(seen) == 20
    again = [test.tolist() for _, test in stratified_splits(labels, splits=3, seed=3)]
    assert again == [test.tolist() for _, test in stratified_splits(labels, splits=3, seed=3)]
    assert again != [test.tolist() for _, test in stratified_splits(labels, splits=3, seed=4)]


@pytest.mark.parametrize("labels", [[], [1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1, -1]])
def test_labels_that_cannot_stand_on_both_sides_are_refused(labels):
    with pytest.raises(UsageError, match="cannot be split"):
        next(stratified_splits(np.array(labels, int)))


def test_a_weighted_model_finds_what_the_mix_alone_does_not():
    triplets, embeddings = planted(200)
    given = differences(embeddings, triplets, STEMS)
    fitted = weighted_agreement(given, signs_of(triplets), seed=0)
    mix = weighted_agreement(differences(embeddings, triplets, ["mix"]), signs_of(triplets), seed=0)
    assert fitted.mean > mix.mean + 0.15
    assert fitted.mean > 0.85
    assert max(fitted.weights, key=fitted.weights.__getitem__) == "drums.overall"
    assert not mix.weights
    assert (fitted.of, fitted.splits) == (200, 100)
    assert fitted.standard_error == pytest.approx(fitted.spread * math.sqrt(1 / 100 + 60 / 140))


def test_labels_of_the_paper_are_in_the_order_of_presentation():
    first, unknown = judged(0, (1, 2, 3), (5, 0)), judged(1, (1, 2, 3), (5, 0))
    second = replace(first, context={**first.context, FIRST: "b"})
    assert shown_first([first, second, replace(unknown, context={})]).tolist() == [1, -1, 1]


def test_a_single_facet_is_judged_on_the_same_splits_without_a_fit():
    triplets, embeddings = planted(100)
    signs = signs_of(triplets)
    given = differences(embeddings, triplets, ["mix"])
    right = outcomes(given.values[:, 0], signs)
    shares = [right[test].mean() for _, test in stratified_splits(signs, seed=5)]
    assert weighted_agreement(given, signs, seed=5).mean == pytest.approx(np.mean(shares))


def test_a_ridge_on_cosines_shrinks_their_weights():
    triplets, embeddings = planted()
    given = differences(embeddings, triplets, STEMS)
    ols, ridge = (weighted_agreement(given, signs_of(triplets), form=form).weights for form in ("ols", "ridge"))
    assert 0 < ridge[Facet("drums")] < ols[Facet("drums")]
    with pytest.raises(UsageError, match="lasso"):
        weighted_agreement(given, signs_of(triplets), form="lasso")


# ---- the strict protocol


def test_no_track_is_on_both_sides_of_a_strict_split():
    triplets, _ = planted()
    tested = []
    for train, test in track_disjoint_splits(triplets):
        own, other = ({track for row in rows for track in _tracks(triplets[row])} for rows in (test, train))
        assert not own & other
        assert len(train)
        tested += test.tolist()
    assert sorted(tested) == list(range(len(triplets)))


def test_weights_learned_on_the_tested_tracks_are_not_used():
    """Every track has a facet that speaks for the majority on it and against it on all others: no use unless seen."""
    triplets = [judged(i, (3 * (i % 3), 3 * (i % 3) + 1, 3 * (i % 3) + 2), (5, 0)) for i in range(12)]
    gaps = np.where(np.arange(12)[:, None] % 3 == np.arange(3), 1.0, -1.0)
    given = Differences(tuple(map(Facet, ("drums", "bass", "mix"))), gaps, np.zeros(gaps.shape, bool))
    seen = strict_model().fit(gaps, np.ones(12), groups=[i % 3 for i in range(12)])
    assert (gaps @ seen.coef > 0).all()
    assert not held_out_outcomes(given, signs_of(triplets), triplets).any()


def test_strict_models_do_not_depend_on_the_scale_of_a_facet():
    triplets, embeddings = planted()
    given = differences(embeddings, triplets, STEMS)
    scaled = Differences(given.facets, given.values * [1.0, 100.0, 1.0, 0.01, 3.0], given.absent)
    signs = signs_of(triplets)
    found = [held_out_outcomes(some, signs, triplets) for some in (given, scaled)]
    np.testing.assert_array_equal(*found)
    assert found[0].mean() > 0.85


def test_weights_may_be_kept_from_being_negative():
    triplets, embeddings = planted()
    given = differences(embeddings, triplets, ["drums", "bass"])
    given.values[:, 1] *= -1
    signs = np.sign(given.values @ [1.0, -1.0]).astype(int)
    found = {limited: strict_weights(given, signs, triplets, non_negative=limited) for limited in (False, True)}
    assert found[False][Facet("bass")].weight.high < 0
    assert found[True][Facet("bass")].weight.high == 0


def test_weights_stand_beside_the_silent_control():
    triplets, embeddings = planted()
    found = strict_weights(differences(embeddings, triplets, STEMS), signs_of(triplets), triplets, seed=0)
    drums, vocals = found[Facet("drums")], found[Facet("vocals")]
    assert drums.weight.low > 0
    assert drums.weight.low <= drums.weight.value <= drums.weight.high
    assert drums.above_control == 1.0
    assert (vocals.weight.value, vocals.above_control, vocals.absent) == (0.0, None, 1.0)


def test_models_are_compared_on_the_triplets_that_only_one_answers():
    triplets = [judged(i, (i, i + 100, i + 200), (5, 0)) for i in range(20)]
    first = np.array([1.0] * 18 + [0.0] * 2)
    second = np.array([1.0] * 8 + [0.0] * 10 + [1.0] * 2)
    found = compare(first, second, triplets)
    assert (found.only_first, found.only_second, found.of) == (10, 2, 20)
    assert found.difference.value == pytest.approx(0.4)
    assert found.difference.low > 0
    assert found.p_value == pytest.approx(2 * sum(math.comb(12, k) for k in range(3)) / 2**12)
    same = compare(first, first, triplets)
    assert (same.p_value, same.difference.low, same.difference.high) == (1.0, 0.0, 0.0)
    with pytest.raises(ShapeError, match="19"):
        compare(first[:19], second, triplets)


def test_chance_is_nothing_and_the_limit_is_all():
    assert above_chance(0.5, 0.9) == 0.0
    assert above_chance(0.9, 0.9) == pytest.approx(1.0)
    assert above_chance(0.5, 0.5) is None
    assert above_chance(0.5, None) is None


def test_the_same_track_rule_needs_no_sound():
    pair = JudgedTriplet("mix/1-2", "mix/1-9", "mix/4-1", "overall", 5, 1)
    turned = JudgedTriplet("mix/1-2", "mix/4-1", "mix/1-9", "overall", 5, 1)
    assert same_track_rule([pair, turned, judged(0, (1, 2, 3), (1, 0))]).tolist() == [1.0, -1.0, 0.0]


def test_factors_conflict_only_where_both_majorities_are_clear():
    answers = [
        ((9, 1), (1, 9), (9, 1)),  # rhythm against timbre
        ((9, 1), (9, 1), (1, 9)),  # melody against timbre
        ((9, 1), (9, 1), (9, 1)),
        ((9, 1), (4, 6), (9, 1)),  # rhythm is not clear
        ((5, 5), (1, 9), (1, 9)),  # timbre is tied
    ]
    asked = panel(
        judged(i, (1, 2, 3), votes, criterion)
        for i, row in enumerate(answers)
        for criterion, votes in zip(("timbre", "rhythm", "melody"), row, strict=True)
    )
    assert len(asked) == 5
    kept = conflicts(asked, cutoff=0.75)
    assert [clips[0] for clips in kept] == ["set0/0/mix/X_1-0.wav", "set0/1/mix/X_1-1.wav"]


def test_a_head_is_right_on_its_own_criterion_where_factors_conflict():
    judgments = [
        judged(i, (1, 2, 3), votes, criterion)
        for i in range(6)
        for criterion, votes in (("timbre", (9, 1)), ("rhythm", (1, 9)), ("melody", (1, 9)))
    ]
    timbre = [t for t in judgments if t.criterion == "timbre"]
    rhythm = [t for t in judgments if t.criterion == "rhythm"]
    arrays = {f"mix.{t[0].criterion}": agreeing(t, 6).vectors[Facet("mix")] for t in (timbre, rhythm)}
    embeddings = make_embeddings("heads", paths_of(timbre), arrays)
    matrix = factor_matrix(embeddings, conflicts(panel(judgments), cutoff=0.75), tuple(embeddings.vectors), cutoff=0.75)
    shares = {head: {c: cell.agreement.value for c, cell in row.items()} for head, row in matrix.items()}
    assert shares == {
        "mix.timbre": {"timbre": 1.0, "rhythm": 0.0, "melody": 0.0},
        "mix.rhythm": {"timbre": 0.0, "rhythm": 1.0, "melody": 1.0},
    }


def test_other_means_what_is_left_so_only_the_model_of_all_stems_is_fitted():
    def system(*names: str) -> ClipEmbeddings:
        return make_embeddings("toy", ["mix/1-2"], {name: np.ones((1, 2), np.float32) for name in names})

    six = models_of(system("mix", "vocals", "drums", "bass", "guitar", "piano", "other"))
    assert list(six) == ["mix", "6 stems + mix"]
    assert list(models_of(system(*STEMS))) == ["mix", "4 stems + mix"]
    assert list(models_of(system("mix", "drums", "bass", "guitar", "piano", "residuals"))) == ["mix", "parts + mix"]
    assert list(models_of(system("mix", "drums", "bass", "other"))) == ["mix", "stems"]
    heads = models_of(system("timbre", "rhythm", "melody", "drums"))
    assert list(heads) == ["timbre", "rhythm", "melody", "timbre + rhythm + melody", "all facets"]
    assert [len(facets) for facets in MODELS.values()] == [5, 7, 6]


def test_listeners_of_parts_stand_in_for_a_system_on_the_mix():
    def asked(part: str, votes: tuple[int, int]) -> JudgedTriplet:
        t = judged(0, (1, 2, 3), votes)
        x, a, b = (path.replace("/mix/", f"/{part}/") for path in (t.reference, t.a, t.b))
        return JudgedTriplet(x, a, b, "overall", *votes, context={**t.context, "part": part})

    parts = [asked(part, (3, number)) for number, part in enumerate(PARTS)]
    given = part_votes(parts, [asked("mix", (1, 4)), judged(9, (1, 2, 3), (1, 4))])
    assert given.facets == ("drums.overall", "bass.overall", "guitar.overall", "piano.overall", "other.overall")
    np.testing.assert_allclose(given.values, [[1.0, 0.5, 0.2, 0.0, -1 / 7], [0.0] * 5])
    assert given.absent.tolist() == [[False] * 5, [True] * 5]


# ---- the real answers, where they are


@pytest.fixture(scope="module")
def answers():
    from soundalike.research.datasets.inst_sim_abx import InstSimAbx

    root = Path(os.environ.get("SOUNDALIKE_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not (root / "inst_sim_abx" / "csvs").is_dir():
        pytest.skip("outside data is not here")
    overall = [one for one in InstSimAbx(root / "inst_sim_abx").judgments() if one.criterion == "overall"]
    return {"canonical": consensus(overall), "ordered": consensus(overall, apart=(STEM, FIRST))}


def cell(triplets: Sequence[JudgedTriplet], config: str, part: str, cutoff: float) -> list[JudgedTriplet]:
    return [t for t in keep(triplets, cutoff) if (t.context["config"], t.context["part"]) == (config, part)]


@pytest.mark.parametrize("row", TABLE_1[:2], ids=lambda row: row.system)
@pytest.mark.parametrize("config", CONFIGS)
def test_published_rows_have_the_denominators_of_ordered_triplets(answers, row, config):
    kept = [len(cell(answers["ordered"], config, part, row.cutoff)) for part in PARTS]
    assert kept == [of for _, of in row.counts[config]]


@pytest.mark.parametrize("row", TABLE_1[:2], ids=lambda row: row.system)
@pytest.mark.parametrize("config", CONFIGS)
def test_inferred_counts_round_to_the_published_shares(row, config):
    shares = [round(100 * right / of, 1) for right, of in row.counts[config]]
    assert shares == list(row.agreement[config])


@pytest.mark.parametrize("row", TABLE_1[:2], ids=lambda row: row.system)
def test_vectors_that_know_as_many_majorities_as_published_reach_the_published_share(answers, row):
    for part, printed, (right, of) in zip(PARTS, row.agreement["XAB"], row.counts["XAB"], strict=True):
        kept = cell(answers["ordered"], "XAB", part, row.cutoff)
        scores = differences(agreeing(kept, right), kept, ["mix"]).values[:, 0]
        counted = count(outcomes(scores, signs_of(kept)))
        assert (counted.right, counted.of) == (right, of)
        assert round(100 * counted.share, 1) == printed


def test_triplets_shown_in_both_orders_are_kept_once_where_each_counts_once(answers):
    kept = [len(cell(answers["canonical"], "XYC", part, 0.80)) for part in PARTS]
    assert kept == [212, 180, 209, 210, 192, 204]


def test_the_pool_of_the_weighted_models_is_one_more_than_the_paper_reports(answers):
    pool = [t for config in CONFIGS for t in cell(answers["ordered"], config, "mix", 0.80)]
    assert len(pool) == POOL + 1
    assert (signs_of(pool) * shown_first(pool) == 1).sum() == 176


def test_knowing_the_track_and_nothing_of_the_music_is_enough_for_most_of_the_pool(answers):
    pool = [t for config in CONFIGS for t in cell(answers["ordered"], config, "mix", 0.80)]
    counted = count(outcomes(same_track_rule(pool), signs_of(pool)))
    assert counted == Count(right=198, tied=127, of=331)


def test_listeners_of_single_parts_reach_what_was_found_before(answers):
    pool = [t for config in CONFIGS for t in cell(answers["ordered"], config, "mix", 0.80)]
    turned = shown_first(pool)
    given = part_votes(answers["canonical"], pool)
    shown = Differences(given.facets, given.values * turned[:, None], given.absent)
    found = weighted_agreement(shown, signs_of(pool) * turned)
    assert found.mean == pytest.approx(0.855, abs=0.01)
    assert found.spread == pytest.approx(0.031, abs=0.01)


@pytest.mark.parametrize(("config", "mean", "spread"), [("XAB", 0.678, 0.066), ("XYC", 0.968, None)])
def test_listeners_of_single_parts_fail_where_every_system_does(answers, config, mean, spread):
    """Weights are fitted to the pool of both configs, as in the paper, and tested on one of them."""
    pool = [t for each in CONFIGS for t in cell(answers["ordered"], each, "mix", 0.80)]
    own = np.array([t.context["config"] == config for t in pool])
    turned = shown_first(pool)
    labels = signs_of(pool) * turned
    values = part_votes(answers["canonical"], pool).values * turned[:, None]
    shares = []
    for train, test in stratified_splits(labels):
        weights = paper_model("ols").fit(values[train], labels[train].astype(float)).coef
        tested = test[own[test]]
        shares.append(outcomes(values[tested] @ weights, labels[tested]).mean())
    assert np.mean(shares) == pytest.approx(mean, abs=0.02)
    if spread:
        assert np.std(shares) == pytest.approx(spread, abs=0.015)


def test_strict_splits_of_the_real_triplets_leave_nine_in_ten_to_learn_from(answers):
    kept = cell(answers["canonical"], "XAB", "mix", 0.80)
    splits = list(track_disjoint_splits(kept))
    assert len(splits) == 80
    assert np.mean([len(train) for train, _ in splits]) > 0.9 * len(kept)
