"""Whether a separated stem holds its own instrument."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.presence import LEAST_PRESENT, MODEL, STEMS, TRACES, plays, traces
from soundalike.research.renderer import PieceSpec, render
from soundalike.separators import load_separator

RATE = 22050
SEEDS = (5, 21, 40)


def piece(seed: int, parts: tuple[str, ...] | None = None) -> Clip:
    """A rendered piece, or some of its parts."""
    return render(PieceSpec(seed, seed + 1, seed + 2, 110.0, seed + 3, duration=8.0, parts=parts), rate=RATE)


@pytest.fixture(scope="module")
def separated() -> list[dict[str, Clip]]:
    """The stems of three pieces."""
    return [dict(load_separator("embedded").separate(piece(seed))) for seed in SEEDS]


def test_drums_and_basses_that_play_are_kept(separated):
    for stems in separated:
        for stem in ("drums", "bass"):
            assert plays(stem, stems[stem], stems["mix"]) >= LEAST_PRESENT


def test_what_leaks_into_the_drums_of_music_without_any_is_dropped():
    separator = load_separator("embedded")
    for seed in SEEDS:
        stems = separator.separate(piece(seed, ("lead", "comp", "bass")))
        assert plays("drums", stems["drums"], stems["mix"]) < LEAST_PRESENT


def test_a_silent_stem_does_not_play(separated):
    mix = separated[0]["mix"]
    assert plays("bass", Clip(np.zeros_like(mix.samples), mix.rate), mix) == 0.0


def test_of_stems_that_the_embedded_separator_does_not_give_nothing_is_known(separated):
    assert plays("vocals", separated[0]["other"], separated[0]["mix"]) == 1.0


@pytest.mark.parametrize("stem", STEMS)
def test_how_loud_a_song_is_does_not_matter(stem, separated):
    stems = separated[0]
    softer = {name: Clip(0.1 * clip.samples, clip.rate) for name, clip in stems.items()}
    surely = plays(stem, stems[stem], stems["mix"])
    assert plays(stem, softer[stem], softer["mix"]) == pytest.approx(surely, abs=0.02)


def test_the_same_stem_is_judged_the_same_each_time(separated):
    stems = separated[1]
    assert plays("other", stems["other"], stems["mix"]) == plays("other", stems["other"], stems["mix"])


def test_a_mix_owns_all_of_itself_and_half_of_it_owns_little(separated):
    mix = separated[0]["mix"]
    own = traces(mix, mix)
    assert own.shape == (TRACES,)
    assert own[:3] == pytest.approx([0.0, 1.0, 1.0], abs=1e-6)
    half = traces(Clip(0.5 * mix.samples, mix.rate), mix)
    assert half[:3] == pytest.approx([6.02, 0.5, 0.0], abs=0.01)


def test_a_stem_of_a_few_samples_is_no_error():
    mix = Clip(np.ones((1, 40), np.float32), RATE)
    assert 0.0 <= plays("drums", mix, mix) <= 1.0


def test_the_model_that_ships_is_small():
    assert len((resources.files("soundalike") / MODEL).read_bytes()) < 20_000
