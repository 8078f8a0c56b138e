from __future__ import annotations

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.strokes import LONGEST, SHORTEST, find_strokes, kinds_of

RATE = 22050


def beats(times: list[float], seconds: float, *, gain: float = 0.5, noise: float = 0.0) -> Clip:
    """Decaying bursts at some times."""
    rng = np.random.default_rng(0)
    samples = noise * rng.standard_normal(round(seconds * RATE))
    for time in times:
        t = np.arange(round(min(0.2, seconds - time) * RATE)) / RATE
        first = round(time * RATE)
        samples[first : first + len(t)] += gain * rng.standard_normal(len(t)) * np.exp(-25 * t)
    return Clip(samples[None].astype(np.float32), RATE)


def test_every_stroke_is_found_where_it_begins():
    times = [0.5, 1.0, 1.25, 2.1, 3.4]
    found = find_strokes(beats(times, 4.0))
    assert [start for start, _ in found] == pytest.approx(times, abs=0.03)
    assert all(start <= time for (start, _), time in zip(found, times, strict=True))


def test_a_stroke_ends_where_the_next_begins_and_is_never_too_long():
    found = find_strokes(beats([0.5, 1.0, 3.0], 6.0))
    assert found[0][1] == found[1][0]
    assert all(SHORTEST <= end - start <= LONGEST for start, end in found)


@pytest.mark.parametrize("gain", [0.01, 0.9])
def test_strokes_do_not_depend_on_loudness(gain):
    assert len(find_strokes(beats([0.3, 0.8, 1.3], 2.0, gain=gain))) == 3


def test_silence_has_no_strokes():
    assert find_strokes(Clip(np.zeros((1, RATE), np.float32), RATE)) == []


def test_a_clip_of_a_few_samples_has_no_strokes():
    assert find_strokes(Clip(np.ones((1, 10), np.float32), RATE)) == []


def test_stereo_at_another_rate_is_heard_too():
    clip = beats([0.5, 1.0], 2.0).resample(44100)
    assert len(find_strokes(Clip(np.concatenate([clip.samples, clip.samples]), 44100))) == 2


def test_one_of_each_kind_is_chosen_and_of_each_the_longest():
    rng = np.random.default_rng(1)
    centres = np.eye(3, 8)
    rows = np.repeat(centres, 10, axis=0) + 0.01 * rng.standard_normal((30, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    lengths = [0.1] * 30
    chosen = kinds_of(rows.astype(np.float32), lengths, most=3)
    assert {row // 10 for row in chosen} == {0, 1, 2}
    longer = [0.1 if row in chosen else 0.3 for row in range(30)]
    again = kinds_of(rows.astype(np.float32), longer, most=3)
    assert not set(again) & set(chosen)


def test_there_are_never_more_kinds_than_asked_for():
    rows = np.random.default_rng(2).standard_normal((50, 6)).astype(np.float32)
    assert len(kinds_of(rows, [0.2] * 50, most=4)) <= 4
    assert kinds_of(rows[:2], [0.2, 0.2]) == [0, 1]
    assert kinds_of(rows[:0], []) == []
