"""Invariance curves: flat for what a system does not hear, falling for what it does, exact chance for a deaf one."""

from dataclasses import replace

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.errors import UsageError
from soundalike.research.evaluation import invariance
from soundalike.research.evaluation.factor_matrix import GivenSystem
from soundalike.research.evaluation.invariance import (
    CHANGES,
    KEY,
    Anchor,
    draw_anchors,
    measure_invariance,
    transposed,
    versions,
)
from soundalike.research.music.performer import perform

PLAYED = ("transposition", "tempo", "shift")
RATE = 22050


def code(*values: float) -> np.ndarray:
    return np.random.default_rng([round(v * 1000) for v in values]).standard_normal(64).astype(np.float32)


@pytest.fixture
def specs_for_clips(monkeypatch: pytest.MonkeyPatch):
    """Clips are replaced by their specifications, so that an encoder can read one thing and nothing else."""
    monkeypatch.setattr(invariance, "render", lambda spec: spec)


def sine(pitch: float, seconds: float = 2.0) -> Clip:
    return Clip(
        np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)[None].astype(np.float32) * 0.5, RATE
    )


def changed(name: str, clip: Clip, amount: float) -> np.ndarray:
    result = CHANGES[name].apply(draw_anchors(1)[0], clip, amount, np.random.default_rng(0))
    assert result.rate == clip.rate
    assert result.samples.dtype == np.float32
    return result.samples[0].astype(np.float64)


def firsts(result: dict, change: str, facet: str) -> list[float]:
    return [point["first"]["value"] for point in result["curves"][change]["facets"][facet]]


def test_a_facet_falls_only_where_what_it_hears_is_changed(specs_for_clips) -> None:
    def encode(specs):
        return {
            "rhythm": np.array([code(s.tempo) for s in specs]),
            "harmony": np.array([code(s.key, s.timbre) for s in specs]),
            "overall": np.array([code(s.timbre) for s in specs]),
        }

    result = measure_invariance([GivenSystem(encode)], draw_anchors(12), changes=PLAYED)["given"]
    for change in PLAYED:
        assert set(firsts(result, change, "overall")) == {1.0}
    assert set(firsts(result, "transposition", "rhythm") + firsts(result, "shift", "rhythm")) == {1.0}
    assert max(firsts(result, "tempo", "rhythm")) < 0.5
    assert set(firsts(result, "tempo", "harmony")) == {1.0}
    there = dict(zip(CHANGES["transposition"].amounts, firsts(result, "transposition", "harmony"), strict=True))
    assert there[12] == there[-12] == 1.0
    assert there[1] < 0.5


def test_a_system_that_cannot_tell_is_at_chance_exactly(specs_for_clips) -> None:
    def encode(specs):
        return {"melody": np.ones((len(specs), 2), np.float32), "timbre": np.zeros((len(specs), 2), np.float32)}

    result = measure_invariance([GivenSystem(encode)], draw_anchors(5), changes=["tempo"])["given"]
    assert result["chance"] == 0.2
    for facet in ("melody", "timbre"):
        assert set(firsts(result, "tempo", facet)) == {0.2}
        reciprocal = result["curves"]["tempo"]["facets"][facet][0]["reciprocal"]["value"]
        assert reciprocal == pytest.approx(np.mean(1 / np.arange(1, 6)), abs=1e-5)


def test_one_anchor_is_refused() -> None:
    with pytest.raises(UsageError, match="1 anchors"):
        measure_invariance([], draw_anchors(1))


def test_transposition_moves_every_note_of_the_lead_by_just_that() -> None:
    (spec,) = draw_anchors(1)
    lead = [note.pitch for note in perform(spec).lead]
    assert spec.key == KEY
    for semitones in (-12, -7, 1, 12):
        assert [note.pitch - semitones for note in perform(transposed(spec, semitones)).lead] == lead


def test_later_start_is_the_same_performance_so_many_seconds_later() -> None:
    (spec,) = draw_anchors(1)
    tempo = perform(spec).tempo
    later = replace(spec, start=spec.start + 2 * tempo / 60)
    times = [note.start for note in perform(spec).lead if note.start > 2.3]
    moved = [note.start + 2 for note in perform(later).lead]
    assert len(times) > 3
    assert all(min(abs(time - other) for other in moved) < 0.05 for time in times)


def test_speed_moves_the_pitch() -> None:
    crossings = np.sum(np.diff(np.sign(changed("speed", sine(440), 2))) > 0)
    seconds = 2.0 / 2 ** (2 / 12)
    assert crossings / seconds == pytest.approx(440 * 2 ** (2 / 12), rel=0.01)
    assert len(changed("speed", sine(440), -2)) == 2 * RATE


def test_level_and_noise_are_as_loud_as_asked() -> None:
    clip = sine(440)
    loud = np.sqrt(np.mean(np.square(clip.samples)))
    assert np.sqrt(np.mean(np.square(changed("level", clip, -30)))) == pytest.approx(loud * 10**-1.5, rel=0.01)
    noise = changed("noise", clip, 20) - clip.samples[0]
    assert np.sqrt(np.mean(np.square(noise))) == pytest.approx(loud / 10, rel=0.02)


def test_codec_gives_back_nearly_the_same_sound() -> None:
    clip = sine(440)
    coded = changed("codec", clip, 64)
    assert 1.8 * RATE < len(coded) <= 2 * RATE
    spectrum = np.abs(np.fft.rfft(coded[RATE // 2 : RATE]))
    assert spectrum.argmax() == pytest.approx(220, abs=1)
    assert np.sqrt(np.mean(np.square(coded))) == pytest.approx(np.sqrt(np.mean(np.square(clip.samples))), rel=0.1)


def test_lead_in_comes_before_and_leaves_the_length() -> None:
    clip = sine(440)
    silence, applause = changed("silence before", clip, 0.5), changed("applause before", clip, 0.5)
    lead = RATE // 2
    for sound in (silence, applause):
        assert len(sound) == 2 * RATE
        assert np.array_equal(sound[lead:], clip.samples[0][:-lead].astype(np.float64))
    assert not silence[:lead].any()
    assert np.sqrt(np.mean(np.square(applause[:lead]))) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    flatness = np.abs(np.fft.rfft(applause[:lead]))
    assert flatness.max() < 30 * flatness.mean()


def test_an_anchor_gives_its_versions_in_order_and_always_the_same() -> None:
    spec = replace(draw_anchors(1)[0], duration=1.0)
    anchor = Anchor(spec, 3, ("noise", "level"))
    once, again = anchor.clips(), anchor.clips()
    assert len(once) == 1 + len(versions(("noise", "level")))
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(once, again, strict=True))
