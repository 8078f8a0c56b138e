"""The classic baseline: statistics of MFCC for the sound, the mean chroma for the notes.

Everybody has these numbers, so whatever claims to hear more must beat them at its own task.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.encoders.embedded.spectra import RATE, Spectra, analyse, mono
from soundalike.facets import Facet, unit
from soundalike.research.renderer import factor_group, render

SPACE: Final = "mfcc-1"
COEFFICIENTS: Final = 20
STANDARD_PIECES: Final = 40
"""Rendered training pieces on which the statistics are standardised."""
MAJOR_SCALE: Final = np.array([1.0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1]) - 7 / 12


def mfcc_statistics(clips: Sequence[Clip]) -> dict[Facet, NDArray[np.float32]]:
    """Vectors by facet.

    Parameters
    ----------
    clips : sequence of Clip

    Returns
    -------
    dict of Facet to float32, shape (n, d)
        ``overall`` and ``timbre``: means, deviations and covariances of 20 MFCC, standardised. ``melody`` and
        ``harmony``: the mean chroma in the rotation that fits a major scale best. Rhythm it does not hear.
        Rows of zeros where a clip is silent.
    """
    mean, deviation = _standard()
    sound = np.zeros((len(clips), len(mean)), np.float32)
    notes = np.zeros((len(clips), 12), np.float32)
    for i, clip in enumerate(clips):
        spectra = _spectra(clip)
        if spectra is not None:
            sound[i] = (_cepstral(spectra) - mean) / deviation
            notes[i] = _rotated(_chroma(spectra))
    sound, notes = unit(sound), unit(notes)
    return {Facet("overall"): sound, Facet("timbre"): sound, Facet("melody"): notes, Facet("harmony"): notes}


def _spectra(clip: Clip) -> Spectra | None:
    """What is heard, or None in silence."""
    signal = mono(clip.mono().resample(RATE).samples)
    return None if signal is None else analyse(signal)


def _cepstral(spectra: Spectra) -> NDArray[np.float64]:
    """Mean without the level, deviation and covariance of MFCC: float64, (19 + 20 + 190,)."""
    level = np.log10(spectra.mel + 1e-6 * float(spectra.mel.max()))
    cepstrum = scipy.fft.dct(level.astype(np.float64), axis=1, norm="ortho", workers=1)[:, :COEFFICIENTS]
    centred = cepstrum - cepstrum.mean(axis=0)
    covariance = np.einsum("ti,tj->ij", centred, centred) / len(centred)
    deviation = np.sqrt(np.diag(covariance))
    return np.concatenate([cepstrum.mean(axis=0)[1:], deviation, covariance[np.triu_indices(COEFFICIENTS, 1)]])


def _chroma(spectra: Spectra) -> NDArray[np.float64]:
    """Mean amplitude by pitch class, without its mean: float64, (12,)."""
    chroma = spectra.semitone.mean(axis=0, dtype=np.float64).reshape(-1, 12).sum(axis=0)
    centred: NDArray[np.float64] = chroma - chroma.mean()
    return centred


def _rotated(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a chroma, (12,), so that it fits C major best: keys no longer matter."""
    rotations = np.stack([np.roll(chroma, -tonic) for tonic in range(12)])
    best: NDArray[np.float64] = rotations[np.einsum("ij,j->i", rotations, MAJOR_SCALE).argmax()]
    return best


@lru_cache(maxsize=1)
def _standard() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and deviation of the statistics over rendered pieces, the blocks brought to equal say."""
    found = []
    for seed in range(STANDARD_PIECES):
        spectra = _spectra(render(factor_group(seed, "train", duration=4.0)["A"]))
        assert spectra is not None
        found.append(_cepstral(spectra))
    table = np.array(found)
    sizes = (COEFFICIENTS - 1, COEFFICIENTS, COEFFICIENTS * (COEFFICIENTS - 1) // 2)
    say = np.repeat(np.sqrt(sizes), sizes)
    return table.mean(axis=0), np.maximum(table.std(axis=0), 1e-3) * say
