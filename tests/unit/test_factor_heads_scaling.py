"""How embeddings are scaled before heads read them: the training triples decide."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from soundalike.research.factor_heads.examples import Examples
from soundalike.research.factor_heads.scaling import SCALINGS, choose_spread, spread_of, untrained_accuracy
from soundalike.research.triplets.sets import ClipNotes, Members, TripletSet

DIM = 40


def examples(*, loud: bool, seed: int = 0) -> Examples:
    """Folders whose factor is in the first four numbers: ten times as large as the rest, or a tenth of it."""
    rng = np.random.default_rng(seed)
    scale = np.ones(DIM)
    scale[:4] = 10.0 if loud else 0.1
    rows, folders = [], []
    for number in range(30):
        shared, first = rng.standard_normal(4), 4 * number
        for place in range(4):
            row = rng.standard_normal(DIM)
            row[:4] = row[:4] if place == 3 else shared + 0.2 * row[:4]
            rows.append(row * scale + 3.0)
        folders.append(Members(f"triplets_{number}", first, (first + 1, first + 2), (first + 3,)))
    clips = tuple(f"{place}.wav" for place in range(len(rows)))
    triplets = TripletSet(
        "melody", "toy", np.array(rows, np.float32), clips, (ClipNotes(),) * len(rows), tuple(folders)
    )
    return Examples(triplets, tuple(folders[:25]), tuple(folders[25:]))


def test_each_scaling_is_chosen_where_it_answers_more_of_the_training_triples():
    for loud, better in ((False, "each"), (True, "all")):
        made = examples(loud=loud)
        chosen, wanted = (choose_spread({"melody": made}, how) for how in ("auto", better))
        assert np.array_equal(chosen[1], wanted[1])
        accuracy = {
            how: untrained_accuracy(made.triplets, made.validation, choose_spread({"melody": made}, how))
            for how in ("each", "all")
        }
        assert max(accuracy, key=accuracy.get) == better


def test_validation_folders_have_no_say():
    made = examples(loud=True)
    other = examples(loud=False, seed=1)
    rows = made.triplets.embeddings.copy()
    for folder in made.validation:
        rows[list(folder.clips)] = other.triplets.embeddings[list(folder.clips)]
    changed = TripletSet("melody", "toy", rows, made.triplets.clips, made.triplets.notes, made.triplets.folders)
    one = choose_spread({"melody": made}, "auto")
    two = choose_spread({"melody": Examples(changed, made.train, made.validation)}, "auto")
    assert np.array_equal(one[0], two[0])
    assert np.array_equal(one[1], two[1])


def test_standardised_rows_have_mean_0_and_about_unit_size():
    rows = examples(loud=True).triplets.embeddings
    for each in (True, False):
        mean, scale = spread_of(rows, each=each)
        made = (rows - mean) / scale
        assert np.abs(made.mean(axis=0)).max() < 1e-3
        assert np.sqrt(np.mean(made**2)) == pytest.approx(1.0, rel=0.2)
    assert len(set(spread_of(rows, each=False)[1].tolist())) == 1


def test_none_takes_embeddings_as_they_are_and_every_scaling_can_be_asked_for():
    made = {"melody": examples(loud=True)}
    assert choose_spread(made, "none") is None
    assert all(choose_spread(made, how) is not None for how in SCALINGS if how != "none")


def test_what_cannot_tell_is_half_right():
    made = examples(loud=True)
    flat = np.ones_like(made.triplets.embeddings)
    triplets = TripletSet("melody", "toy", flat, made.triplets.clips, made.triplets.notes, made.triplets.folders)
    assert untrained_accuracy(triplets, made.train) == 0.5
