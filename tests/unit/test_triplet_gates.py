"""Passages are chosen and judged: windows, the gates of the four factors, loudness."""

from __future__ import annotations

import numpy as np
import pytest

from multitracks import RATE, beats, hum, strum, tune
from soundalike.audio import Clip
from soundalike.errors import UsageError
from soundalike.research.triplets.gates import measure, measure_beside
from soundalike.research.triplets.loudness import level_clip, loudness_of
from soundalike.research.triplets.windows import (
    activity_of,
    cut_window,
    loud_windows,
    most_active_window,
    settle_window,
)


def mono(samples):
    return Clip(np.asarray(samples, np.float32)[None], RATE)


def test_the_loudest_window_is_taken_and_may_be_the_last():
    samples = np.concatenate([hum(0, 3.3) * np.float32(0.1), hum(1, 1.0)])
    assert settle_window(samples, RATE, seconds=1.0).offset == pytest.approx(3.3)


def test_a_window_that_was_asked_for_stays_unless_it_is_silent():
    samples = np.concatenate([np.zeros(2 * RATE, np.float32), hum(0, 1.0), hum(1, 1.0) * np.float32(2)])
    assert settle_window(samples, RATE, 2.0, seconds=1.0).offset == 2.0
    assert settle_window(samples, RATE, 0.0, seconds=1.0).offset == 3.0


def test_a_recording_shorter_than_a_window_is_silent_to_its_end():
    window = settle_window(hum(0, 0.5), RATE, seconds=1.0)
    assert window.offset == 0.0
    assert window.level == pytest.approx(0.1 / np.sqrt(2), rel=0.05)
    cut = cut_window(hum(0, 0.5), RATE, 0.0, seconds=1.0)
    assert len(cut) == RATE
    assert not cut[RATE // 2 :].any()


def test_silence_and_places_behind_the_end_have_no_window():
    with pytest.raises(UsageError, match="silent"):
        settle_window(np.zeros(RATE, np.float32), RATE, seconds=0.5)
    with pytest.raises(UsageError, match="earlier"):
        settle_window(hum(0, 1.0), RATE, 2.0, seconds=0.5)
    assert most_active_window(np.zeros(RATE, np.float32), RATE, seconds=0.5) is None


def test_the_most_active_window_has_least_silence_even_if_another_is_louder():
    samples = hum(0, 4.0)
    samples[RATE : RATE + RATE // 2] *= 8
    samples[RATE + RATE // 2 : 2 * RATE] = 0
    window = most_active_window(samples, RATE, seconds=1.0)
    assert window.activity == 1.0
    assert window.offset in (2.0, 3.0)


def test_an_excerpt_half_of_which_is_silent_is_half_active():
    samples = hum(0, 2.0)
    samples[RATE:] = 0
    assert activity_of(samples, RATE)[0] == pytest.approx(0.5, abs=0.02)
    assert measure_beside(mono(samples)).refused == "activity"
    assert measure_beside(mono(hum(0, 1.0) * np.float32(0.01))).refused == "level"
    assert activity_of(np.zeros(0, np.float32), RATE) == (0.0, 0.0)


def test_a_steady_melody_passes_and_noise_does_not():
    sung = measure("melody", mono(tune([60, 62, 64, 65])), seconds=2.0)
    assert sung.refused == ""
    assert sung.numbers["coverage"] > 0.9
    assert measure("melody", mono(hum(0, 1.0)), seconds=1.0).refused == "coverage"


def test_a_melody_is_looked_for_in_several_passages_but_as_merit_does_only_in_the_loudest():
    samples = np.concatenate([hum(0, 1.0) * np.float32(3), tune([60, 62])])
    found = measure("melody", mono(samples), seconds=1.0)
    assert (found.refused, found.offset) == ("", 1.0)
    alone = measure("melody", mono(samples), seconds=1.0, style="reference")
    assert (alone.refused, alone.offset) == ("coverage", 0.0)


def test_loud_windows_do_not_overlap_and_none_is_silent():
    samples = np.concatenate([hum(0, 1.5), np.zeros(2 * RATE, np.float32), hum(1, 1.0) * np.float32(2)])
    assert [window.offset for window in loud_windows(samples, RATE, seconds=1.0, most=9)] == [3.5, 0.0, 1.0]


def test_drums_need_two_onsets_a_second_and_some_level():
    assert measure("rhythm", mono(beats(0, 4.0)), seconds=4.0).refused == ""
    assert measure("rhythm", mono(beats(0, 0.5)), seconds=4.0).refused == "onsets"
    assert measure("rhythm", mono(beats(0, 4.0) * np.float32(0.01)), seconds=4.0).refused == "drum level"


def test_a_timbre_needs_sound_nearly_all_the_time():
    assert measure("timbre", mono(hum(0, 2.0)), seconds=1.0).refused == ""
    assert measure("timbre", mono(beats(0, 2.0)), seconds=2.0).refused == "activity"


def test_a_harmony_needs_chords_that_change():
    changing, still = strum([48, 53, 55, 48]), strum([48, 48, 48, 48])
    assert measure("harmony", mono(changing), seconds=4.0).numbers["changes"] >= 3
    assert measure("harmony", mono(changing), seconds=4.0).refused == ""
    assert measure("harmony", mono(still), seconds=4.0).refused == "changes"


@pytest.mark.parametrize("factor", ["melody", "rhythm", "timbre", "harmony"])
def test_silence_is_refused_for_every_factor(factor):
    assert measure(factor, mono(np.zeros(RATE)), seconds=1.0).refused == "silence"


def test_a_clip_is_brought_to_a_loudness():
    quiet = mono(hum(0, 2.0) * np.float32(0.2))
    levelled = level_clip(quiet, -23.0, compress=False)
    assert loudness_of(levelled) == pytest.approx(-23.0, abs=0.01)
    assert loudness_of(quiet) != pytest.approx(-23.0, abs=3)


def test_a_tone_has_the_loudness_that_the_standard_gives_it():
    time = np.arange(3 * 48000) / 48000
    tone = Clip(np.sin(2 * np.pi * 997 * time).astype(np.float32)[None], 48000)
    assert loudness_of(tone) == pytest.approx(-3.01, abs=0.1)


def test_peaks_stay_within_full_scale_and_near_silence_is_left_alone():
    sparse = mono(beats(0, 0.5))
    assert np.abs(level_clip(sparse, -5.0).samples).max() <= 1.0
    assert np.abs(level_clip(sparse, -5.0, compress=False).samples).max() <= 1.0
    still = mono(hum(0, 1.0) * np.float32(0.001))
    assert level_clip(still) is still
