"""Ours against the authors' program on the same inputs; `make_golden.py` says how the melodies were made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from condition_inputs import GAPS, PASSAGES, RATE, SECONDS, gappy, salience, tune

from soundalike.audio import Clip
from soundalike.research.generation.conditions import coverage, fill_gaps, melody_from_npz, melody_of

GOLDEN = dict(np.load(Path(__file__).with_name("golden.npz")))


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("name", sorted(PASSAGES))
def test_melodies_from_salience_files_are_those_of_the_authors(tmp_path, timed, name):
    np.savez(tmp_path / "x.npz", **salience(0, timed=timed))
    offset, duration, threshold = PASSAGES[name]
    theirs = GOLDEN[f"npz-{timed}-{name}"].T
    assert theirs.shape == (50 * duration, 53)
    ours = melody_from_npz(tmp_path / "x.npz", offset=offset, duration=duration, threshold=threshold)
    np.testing.assert_array_equal(ours, theirs)


def test_salience_is_compared_where_some_frames_have_a_note_and_some_have_none():
    shares = [coverage(GOLDEN[f"npz-True-{name}"].T) for name in PASSAGES]
    assert min(shares) < 0.5 < max(shares)


@pytest.mark.parametrize("seed", range(5))
def test_gaps_are_filled_and_coverage_counted_as_by_the_authors(seed):
    assert coverage(gappy(seed)) == pytest.approx(float(GOLDEN[f"ratio-{seed}"]), abs=1e-7)
    for longest in GAPS:
        np.testing.assert_array_equal(fill_gaps(gappy(seed), longest), GOLDEN[f"filled-{seed}-{longest}"].T)


@pytest.mark.parametrize("seed", range(2))
def test_a_melody_is_heard_as_by_the_authors_with_their_defects(seed):
    pytest.importorskip("librosa")
    clip = Clip(tune(seed)[None], RATE)
    theirs = GOLDEN[f"heard-{seed}"].T
    assert 0.3 < coverage(theirs) < 1.0
    np.testing.assert_array_equal(melody_of(clip, duration=SECONDS, reference=True), theirs)


@pytest.mark.parametrize("seed", range(2))
def test_without_the_defects_no_note_is_heard_that_is_not_played(seed):
    """Their zeros among the medians put the lowest note where a note ends; ours has only notes that sound."""
    pytest.importorskip("librosa")
    theirs = GOLDEN[f"heard-{seed}"].T
    ours = melody_of(Clip(tune(seed)[None], RATE), duration=SECONDS)
    assert (theirs[:, 0] & ~ours[:, 0]).sum() > 0
    assert (ours.any(axis=1) == theirs.any(axis=1)).all()
