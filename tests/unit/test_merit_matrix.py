"""The cross-factor matrix: as MERIT defines it and by the strict protocol."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from merit_sets import FACTORS, heads, make_set
from soundalike.errors import ShapeError, UsageError
from soundalike.research.merit.clusters import cluster, connect
from soundalike.research.merit.fusion import CONCATENATION, FUSIONS, PRODUCT, fuse, fusion_table
from soundalike.research.merit.projections import DIM, RANDOM, RAW, project_each, random_head
from soundalike.research.merit.recipe import SystemRecipe
from soundalike.research.merit.reference_matrix import CHUNK, reference_cell, reference_matrix
from soundalike.research.merit.strict_matrix import outcomes_of, strict_matrix
from soundalike.research.merit.systems import LoadedSystem, restrict, same_encoder
from soundalike.research.triplets.sets import ClipNotes, Members, TripletSet, write_set


def tied() -> TripletSet:
    """One folder whose positive is its negative, bit for bit."""
    rows = np.array([[1, 2], [3, 1], [3, 1]], np.float32)
    return TripletSet("melody", "toy-1", rows, ("a", "p", "n"), (ClipNotes(),) * 3, (Members("f", 0, (1,), (2,)),))


def test_heads_that_hear_only_their_factor_win_the_diagonal_and_nothing_else():
    sets = {factor: make_set(factor) for factor in FACTORS}
    matrix = strict_matrix(sets, heads())
    for row in FACTORS:
        for column in FACTORS:
            value = matrix["cells"][row][column]["all"]["value"]
            assert value > 0.97 if row == column else 0.3 < value < 0.7
    assert matrix["off_diagonal"]["low"] < 0.5 < matrix["off_diagonal"]["high"]
    assert 0.4 < matrix["selectivity"]["low"] < matrix["selectivity"]["high"] < 0.6


def test_a_tie_is_wrong_for_merit_and_half_an_answer_for_the_strict_protocol():
    assert reference_matrix({"melody": tied()}, {})[RAW]["melody"]["triplet_accuracy"] == 0.0
    assert strict_matrix({"melody": tied()}, {})["cells"][RAW]["melody"]["all"]["value"] == 0.5


def test_a_silent_clip_is_half_an_answer():
    triplets = replace(tied(), embeddings=np.array([[1, 2], [1, 2], [0, 0]], np.float32))
    assert strict_matrix({"melody": triplets}, {})["cells"][RAW]["melody"]["all"]["value"] == 0.5


def test_merit_looks_at_the_first_negative_and_the_strict_protocol_at_all():
    triplets = make_set("melody", 3, positives=2, negatives=3)
    assert reference_matrix({"melody": triplets}, {})[RAW]["melody"]["n_triplets"] == 3 * 4
    assert strict_matrix({"melody": triplets}, {})["sets"]["melody"]["triples"] == 3 * 4 * 3


def test_more_triples_than_a_chunk_are_all_counted():
    triplets = make_set("melody", 200)
    triples = triplets.triples()
    assert len(triples) > CHUNK
    vectors = heads()["melody"].project(triplets.embeddings)
    similarity = np.einsum("id,jd->ij", vectors, vectors)
    right = similarity[triples.anchor, triples.positive] > similarity[triples.anchor, triples.negative]
    assert reference_cell(vectors, triples).triplet_accuracy == pytest.approx(right.mean(), abs=1e-9)
    assert outcomes_of(vectors, triples).mean() == pytest.approx(right.mean(), abs=1e-3)


def test_anchor_queries_and_positive_queries_are_counted_apart():
    triplets = make_set("melody", 30)
    blind = project_each(triplets.embeddings, {})[RAW].copy()
    cell = strict_matrix({"melody": triplets}, {})["cells"][RAW]["melody"]
    assert set(cell["domains"]) == {"generated, generated, recorded", "recorded, generated, recorded"}
    assert cell["domains"]["generated, generated, recorded"]["triples"] == 30 * 20
    assert cell["domains"]["recorded, generated, recorded"]["accuracy"] == cell["anchor queries"]
    assert cell["positive queries"]["value"] > cell["anchor queries"]["value"]  # the embedding hears the domain
    assert np.allclose(np.linalg.norm(blind, axis=1), 1)


def test_a_missing_head_has_no_row_and_a_lone_head_no_selectivity_of_its_own():
    sets = {"melody": make_set("melody", 12), "rhythm": make_set("rhythm", 12)}
    matrix = strict_matrix(sets, {"rhythm": heads()["rhythm"]})
    assert list(matrix["cells"]) == [RAW, "rhythm", RANDOM]
    assert "selectivity" not in matrix
    assert list(reference_matrix(sets, {"rhythm": heads()["rhythm"]})) == [RAW, "rhythm"]


def test_a_head_for_embeddings_of_another_length_is_refused():
    with pytest.raises(ShapeError, match="takes"):
        reference_matrix({"melody": make_set("melody", 2)}, {"melody": random_head(7, 0)})


def test_the_random_head_has_merits_form_and_its_seed_decides_it():
    one, other = random_head(20, 1), random_head(20, 2)
    assert (one.in_dim, one.dim, one.hidden.shape) == (20, DIM, (512, 20))
    assert np.array_equal(one.hidden, random_head(20, 1).hidden)
    assert not np.array_equal(one.hidden, other.hidden)


def test_intervals_are_drawn_over_songs_and_not_over_triples():
    few, many = make_set("timbre", 60, songs=12), make_set("timbre", 60)
    widths = []
    for triplets in (few, many):
        cell = strict_matrix({"timbre": triplets}, heads())["cells"]["melody"]["timbre"]["all"]
        widths.append(cell["high"] - cell["low"])
    assert cluster(few).count == 12
    assert cluster(many).count == 60
    assert widths[0] > 0.02


def test_folders_that_share_any_song_are_one_cluster():
    assert connect([["a", "b"], ["c"], ["b", "d"], ["d"], ["e", "c"]]) == [0, 1, 0, 0, 1]


def test_where_everything_hangs_together_clusters_are_the_songs_of_anchors():
    triplets = make_set("melody", 30, songs=15)
    everywhere = tuple(
        replace(note, sources=("everywhere",)) if note.sources[0].startswith("other") else note
        for note in triplets.notes
    )
    found = cluster(replace(triplets, notes=everywhere))
    assert (found.count, found.over) == (15, "songs of anchors")


def test_where_no_song_is_known_every_folder_stands_for_itself():
    triplets = make_set("melody", 12)
    found = cluster(replace(triplets, notes=(ClipNotes(),) * len(triplets.clips)))
    assert (found.count, found.over) == (12, "folders, whose songs are not known")


def test_a_set_of_which_no_folder_is_in_the_test_part_is_refused():
    with pytest.raises(UsageError, match=r"No folder of the set for melody"):
        restrict({"melody": make_set("melody", 3)}, {"melody": ["triplets_77"]})
    kept = restrict({"melody": make_set("melody", 3)}, {"melody": ["triplets_1"]})
    assert [folder.name for folder in kept["melody"].folders] == ["triplets_1"]


def test_sets_of_two_encoders_are_refused_in_one_sentence(tmp_path):
    write_set(tmp_path / "melody.npz", make_set("melody", 3))
    write_set(tmp_path / "rhythm.npz", replace(make_set("rhythm", 3), encoder="other-1"))
    paths = {factor: tmp_path / f"{factor}.npz" for factor in ("melody", "rhythm")}
    with pytest.raises(UsageError, match=r"are of the encoders 'toy-1' and 'other-1'\. Embed them with one"):
        _ = LoadedSystem(SystemRecipe("mine", "descriptors", sets=paths)).sets


def test_a_set_under_another_factor_is_refused(tmp_path):
    write_set(tmp_path / "set.npz", make_set("melody", 3))
    with pytest.raises(UsageError, match="is for melody, not for rhythm"):
        _ = LoadedSystem(SystemRecipe("mine", "descriptors", sets={"rhythm": tmp_path / "set.npz"})).sets


def test_sets_of_another_encoder_than_the_recipes_are_refused(tmp_path):
    write_set(tmp_path / "melody.npz", make_set("melody", 3))
    system = LoadedSystem(SystemRecipe("mine", "descriptors", sets={"melody": tmp_path / "melody.npz"}))
    with pytest.raises(UsageError, match="were embedded by 'toy-1', not by 'embedded-1'"):
        _ = system.encoder


@pytest.mark.parametrize(
    ("encoder", "padded"), [("merit@01234567,padded=10", 10.0), ("merit@01234567,precision=bf16", 0.0)]
)
def test_clips_are_heard_padded_as_those_of_the_sets_were(tmp_path, encoder, padded):
    write_set(tmp_path / "set.npz", replace(make_set("melody", 3), encoder=encoder))
    system = LoadedSystem(SystemRecipe("mine", "merit", sets={"melody": tmp_path / "set.npz"}))
    assert system.listening().recipe.padded == padded


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("merit@01234567", "merit@01234567,precision=bf16,padded=10.0", True),
        ("merit@01234567", "mert:m-a-p/MERT-v1-330M", True),
        ("merit@01234567", "merit@89abcdef", False),
        ("merit@01234567,layers=5", "merit@01234567", False),
        ("mert:m-a-p/MERT-v1-330M", "clap:laion/clap-htsat-fused", False),
    ],
)
def test_precision_and_padding_make_no_other_encoder(one, other, same):
    assert same_encoder(one, other) is same
    assert same_encoder(other, one) is same


def test_the_cosine_of_concatenated_heads_is_the_mean_of_their_cosines():
    triplets = make_set("melody", 4)
    projected = {factor: head.project(triplets.embeddings) for factor, head in heads().items()}
    joined = fuse(projected)[CONCATENATION].vectors
    means = np.mean([rows @ rows.T for rows in projected.values()], axis=0)
    np.testing.assert_allclose(joined @ joined.T, means, atol=1e-6)


def test_a_clip_whose_product_has_no_direction_has_none():
    one, other = np.eye(2, dtype=np.float32), np.array([[0, 1], [0, 1]], np.float32)
    fused = fuse({"melody": one, "rhythm": other})
    assert fused[PRODUCT].present.tolist() == [False, True]


def test_one_head_alone_is_not_fused():
    triplets = make_set("melody", 3)
    assert fuse({"melody": heads()["melody"].project(triplets.embeddings)}) == {}
    assert fusion_table({"melody": triplets}, {"melody": heads()["melody"]}) == {}
    assert list(fusion_table({"melody": triplets}, heads())) == list(FUSIONS)


def test_first_and_further_negatives_are_counted_apart():
    """Anchor and positive share the factor; the second negative is the anchor itself but for noise."""
    rng = np.random.default_rng(5)
    rows, folders = [], []
    for number in range(12):
        anchor, stranger = rng.standard_normal((2, 16))
        first = len(rows)
        rows += [anchor, anchor + rng.standard_normal(16), stranger, anchor + 0.01 * stranger]
        folders.append(Members(f"triplets_{number}", first, (first + 1,), (first + 2, first + 3)))
    notes = tuple(ClipNotes((f"song {place // 4}",), "rendered") for place in range(len(rows)))
    clips = tuple(f"{place}.wav" for place in range(len(rows)))
    made = TripletSet("melody", "toy", np.array(rows, np.float32), clips, notes, tuple(folders))
    cell = strict_matrix({"melody": made}, {})["cells"][RAW]["melody"]
    assert cell["first negatives"]["value"] == 1.0
    assert cell["further negatives"]["value"] == 0.0
    assert cell["all"]["value"] == 0.5
