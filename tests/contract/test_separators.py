from __future__ import annotations

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.separators import SEPARATORS, load_separator

CLIP = Clip(np.random.default_rng(0).normal(0, 0.1, (2, 4000)).astype(np.float32), 22050)


@pytest.mark.parametrize("name", SEPARATORS)
def test_stems_have_the_length_and_rate_of_the_clip(name):
    separator = load_separator(name)
    stems = separator.separate(CLIP)
    assert tuple(stems) == separator.stems
    assert all(stem.samples.shape[1] == 4000 and stem.rate == 22050 for stem in stems.values())


@pytest.mark.parametrize("name", SEPARATORS)
def test_the_clip_is_left_untouched(name):
    before = CLIP.samples.copy()
    load_separator(name).separate(CLIP)
    assert np.array_equal(CLIP.samples, before)


@pytest.mark.parametrize("name", SEPARATORS)
def test_silence_gives_silence(name):
    silence = Clip(np.zeros((1, 4000), np.float32), 22050)
    assert not any(stem.samples.any() for stem in load_separator(name).separate(silence).values())
