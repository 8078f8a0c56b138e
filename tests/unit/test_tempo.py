from __future__ import annotations

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.encoders.embedded import LAYOUT, EmbeddedEncoder
from soundalike.tempo import BPM, estimate_tempo


def click_track(bpm: float, seconds: float = 10.0, rate: int = 22050) -> Clip:
    samples = np.zeros(round(seconds * rate), np.float32)
    click = np.sin(2 * np.pi * 1500 * np.arange(400) / rate) * np.exp(-np.arange(400) / 60)
    for start in (np.arange(0.1, seconds - 0.05, 60.0 / bpm) * rate).astype(int):
        samples[start : start + 400] += click.astype(np.float32)
    return Clip(samples[None], rate)


def profile_of(clip: Clip) -> np.ndarray:
    return EmbeddedEncoder().encode([clip])[0, LAYOUT["tempo"]]


@pytest.mark.parametrize("bpm", [50.0, 63.7, 77.0, 90.3, 111.1, 120.0, 128.0, 147.9, 174.0, 200.0])
def test_a_click_track_has_its_tempo_within_one_percent_up_to_octaves(bpm):
    estimate = estimate_tempo(profile_of(click_track(bpm)))
    octaves = np.log2(estimate.bpm / bpm)
    assert abs(octaves - round(octaves)) < np.log2(1.01)


@pytest.mark.parametrize("bpm", [90.0, 104.5, 120.0, 135.0])
def test_a_click_track_at_a_common_tempo_has_the_right_octave(bpm):
    assert estimate_tempo(profile_of(click_track(bpm))).bpm == pytest.approx(bpm, rel=0.01)


def test_the_peak_is_placed_between_grid_points():
    wanted = BPM[160] * 1.003
    profile = np.exp(-0.5 * np.square(np.log(BPM / wanted) / 0.02))
    assert estimate_tempo(profile).bpm == pytest.approx(wanted, rel=3e-4)


def test_clicks_are_surer_than_noise():
    rng = np.random.default_rng(0)
    noise = Clip(0.1 * rng.standard_normal((1, 220500)).astype(np.float32), 22050)
    of_noise = estimate_tempo(profile_of(noise))
    of_clicks = estimate_tempo(profile_of(click_track(120.0)))
    assert of_clicks.confidence > 0.5
    assert of_noise is None or of_noise.confidence < of_clicks.confidence - 0.2


@pytest.mark.parametrize("bpm", [60.0, 100.0, 140.0, 180.0])
def test_confidence_lies_between_zero_and_one(bpm):
    assert 0.0 <= estimate_tempo(profile_of(click_track(bpm))).confidence <= 1.0


def test_a_profile_that_is_nowhere_positive_has_no_tempo():
    assert estimate_tempo(np.zeros(len(BPM))) is None
    assert estimate_tempo(np.full(len(BPM), -0.3)) is None


def test_the_level_of_a_profile_does_not_matter():
    profile = profile_of(click_track(97.0))
    assert estimate_tempo(profile * 0.01).bpm == pytest.approx(estimate_tempo(profile).bpm)
