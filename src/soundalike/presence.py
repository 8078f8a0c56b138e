"""Whether a stem that the embedded separator took out of a mix holds its own instrument, or only what leaked into it.

A separator leaves something in every stem. What tells leaks from an instrument that plays, even softly: how loud the
stem is, which instrument it sounds like, whether strokes of drums are heard in it, and whether it owns the places of
the spectrum that it sounds in, or only has its share of what sounds elsewhere. A logistic model for each stem weighs
these; `soundalike.research.training.families` makes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import stft

from soundalike.audio import Clip
from soundalike.encoders.embedded import EmbeddedEncoder, drums
from soundalike.encoders.embedded.spectra import analyse, mono
from soundalike.family import Values, hear_logits, linear, read_model, scaled
from soundalike.separators import Separator
from soundalike.stems import level

MODEL: Final = "presence.npz"

STEMS: Final = ("drums", "bass", "other")
"""The stems of the embedded separator."""

LEAST_PRESENT: Final = 0.5
"""`plays` below which a separated stem counts as not there."""

TRACES: Final = 11
"""Numbers that `traces` gives."""

_WINDOW: Final = 1024
_OWNED: Final = 0.8
"""Share of a cell's power from which on a stem owns it."""
_STRONG: Final = 0.98
"""Quantile of the frames that stands for the strongest strokes."""


def judges(separator: Separator) -> bool:
    """Whether `plays` may be asked of a separator's stems: how those of others leak was not taught."""
    return separator.name.startswith("embedded")


def plays(stem: str, sound: Clip, mix: Clip) -> float:
    """How surely a stem holds its own instrument.

    Parameters
    ----------
    stem : str
        Of any but `STEMS` nothing is known: 1.
    sound : Clip
        The stem, at most 10 s, at any rate.
    mix : Clip
        What it was taken out of, as long and at the same rate.

    Returns
    -------
    float
        0 to 1; 0 for silence. Below `LEAST_PRESENT` the stem had better be left out.
    """
    if stem not in STEMS:
        return 1.0
    own, whole = as_heard(sound), as_heard(mix)
    return weigh(stem, traces(own, whole), EmbeddedEncoder().encode([own])[0])


def weigh(stem: str, traced: Values, embedding: NDArray[np.float32]) -> float:
    """What `plays` says of a stem, one of `STEMS`, that has been listened to: by its `traces` and its embedding."""
    if not embedding.any():
        return 0.0
    model = _model()
    told = scaled(features(traced, hear_logits(embedding)), model[f"{stem}.mean"], model[f"{stem}.scale"])
    logit = float(linear(model, f"{stem}.output", told)[0])
    return 1.0 / (1.0 + math.exp(-max(min(logit, 40.0), -40.0)))


def as_heard(clip: Clip) -> Clip:
    """A clip as the encoder takes it."""
    return clip.mono().resample(EmbeddedEncoder.sample_rate)


def traces(sound: Clip, mix: Clip) -> Values:
    """What a stem is like beside its mix, both as the encoder takes them: float64, shape (`TRACES`,).

    Decibels below the mix; the mean share of its places of the spectrum that is its own, and how much of it lies where
    it owns nearly all; then how surely kick, snare, hat and other strokes are heard in it, on average and at their
    strongest.
    """
    below = min(level(mix) - level(sound), 100.0)
    length = min(sound.samples.shape[1], mix.samples.shape[1])
    own, whole = (_spectrum(clip.samples[0, :length]) for clip in (sound, mix))
    power, rest = np.square(np.abs(own)), np.square(np.abs(whole - own))
    share, total = power / (power + rest + 1e-12), power.sum() + 1e-12
    owned = [(power * share).sum() / total, power[share > _OWNED].sum() / total]
    return np.array([below, *owned, *_strokes(sound)], np.float64)


def _spectrum(samples: NDArray[np.float32]) -> NDArray[np.complex128]:
    size = min(_WINDOW, len(samples))
    spectrum: NDArray[np.complex128] = stft(samples.astype(np.float64), nperseg=size, noverlap=size // 2)[2]
    return spectrum


def _strokes(sound: Clip) -> list[float]:
    signal = mono(sound.samples)
    heard = None if signal is None else drums.hear(analyse(signal))
    if heard is None:
        return [0.0] * (2 * len(drums.CLASSES))
    strokes = heard.strokes.astype(np.float64)
    return [*strokes.mean(axis=0).tolist(), *np.quantile(strokes, _STRONG, axis=0).tolist()]


def features(traced: Values, logits: Values) -> Values:
    """What the models are told: the level, near the mix once more, other traces, and how likely each family is."""
    below = max(float(traced[0]), 0.0)
    return np.concatenate([[min(below, 60.0), min(below, 15.0)], traced[1:], logits])


@cache
def _model() -> Mapping[str, Values]:
    return read_model((resources.files(__package__) / MODEL).read_bytes())
