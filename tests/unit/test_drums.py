"""What the drum net hears."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike.encoders.embedded import drums
from soundalike.encoders.embedded.spectra import RATE, Spectra, analyse, mono
from soundalike.research.sound.drum_kits import KITS
from soundalike.research.sound.synthesizer import drum

PATTERN = {
    "kick": [(0.5 + 1.0 * i, 1.0) for i in range(5)],
    "snare": [(1.0 + 1.0 * i, 0.9) for i in range(5)],
    "hat": [(0.75 + 0.5 * i, 0.8) for i in range(9)],
}


def heard(kit: str = "big room", gain: float = 1.0) -> drums.Activations:
    return listened(gain * drum(KITS["test"][kit], PATTERN, rate=RATE, length=6 * RATE))


def listened(sound: np.ndarray) -> drums.Activations:
    activations = drums.hear(spectra(sound))
    assert activations is not None
    return activations


def spectra(sound: np.ndarray) -> Spectra:
    signal = mono(sound[None].astype(np.float32))
    assert signal is not None
    return analyse(signal)


@pytest.mark.parametrize(
    ("kit", "name"),
    [("big room", "kick"), ("big room", "snare"), ("big room", "hat"), ("toy machine", "kick"), ("toy machine", "hat")],
)
def test_strokes_are_heard_when_and_as_what_they_are_played(kit: str, name: str) -> None:
    strokes = heard(kit).strokes
    right = 0
    for time, _ in PATTERN[name]:
        place = round(time * drums.DRUM_RATE)
        near = strokes[place - 2 : place + 3].max(axis=0)
        right += drums.CLASSES[int(near.argmax())] == name
    assert right >= 0.8 * len(PATTERN[name])


def test_between_strokes_nothing_is_heard() -> None:
    strokes = heard().strokes
    played = np.array([time for hits in PATTERN.values() for time, _ in hits])
    times = np.arange(len(strokes)) / drums.DRUM_RATE
    far = np.abs(times[:, None] - played).min(axis=1) > 0.1
    assert np.quantile(strokes[far], 0.95) < 0.15


def test_level_does_not_matter() -> None:
    np.testing.assert_allclose(heard(gain=0.01).strokes, heard().strokes, atol=1e-3)


def test_a_clip_is_heard_alike_whatever_was_heard_before() -> None:
    first = heard()
    listened(np.random.default_rng(0).standard_normal(3 * RATE))
    again = heard()
    for name in ("strokes", "beat", "downbeat"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))


def test_activations_are_finite_and_between_0_and_1() -> None:
    for sound in (np.random.default_rng(1).standard_normal(RATE), np.eye(1, 2 * RATE, RATE)[0]):
        found = listened(sound)
        for values in (found.strokes, found.beat, found.downbeat):
            assert np.isfinite(values).all()
            assert values.min() >= 0.0
            assert values.max() <= 1.0


def test_steady_noise_has_no_drums() -> None:
    found = listened(np.random.default_rng(2).standard_normal(6 * RATE))
    assert np.quantile(found.strokes, 0.99) < 0.3


def test_a_clip_of_an_instant_is_not_heard() -> None:
    assert drums.hear(spectra(np.random.default_rng(3).standard_normal(RATE // 20))) is None


def test_the_net_is_small() -> None:
    from importlib import resources

    assert len((resources.files("soundalike.encoders.embedded") / "drums.onnx").read_bytes()) < 500_000
