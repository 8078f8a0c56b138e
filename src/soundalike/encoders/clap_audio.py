"""What CLAP hears: ten seconds, a short clip again and again, as a mel spectrogram in decibels.

Source: Wu et al., "Large-Scale Contrastive Language-Audio Pretraining with Feature Fusion and Keyword-to-Caption
Augmentation", ICASSP 2023, and the settings that were released with its networks.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import CheckpointError
from soundalike.frozen import computing

if TYPE_CHECKING:
    import torch

RATE: Final = 48000
WINDOW: Final = 10.0
SAMPLES: Final = 480000
"""Hertz, seconds and samples that CLAP was trained on; a longer clip is never given to it."""

FFT: Final = 1024
HOP: Final = 480
BANDS: Final = 64
FRAMES: Final = SAMPLES // HOP + 1
FLOOR: Final = 1e-10
"""Samples of a spectrum and between two, bands, spectra, and the least power, which is -100 dB."""

BAND: Final = (50.0, 14000.0)
"""Lowest and highest frequency in hertz that the networks without fusion were trained on."""

_EXPECTED: Final[Mapping[str, Any]] = {
    "sampling_rate": RATE,
    "max_length_s": 10,
    "fft_window_size": FFT,
    "hop_length": HOP,
    "feature_size": BANDS,
    "top_db": None,
    "padding": "repeatpad",
    "truncation": "rand_trunc",
}
"""What ``preprocessor_config.json`` says. "rand_trunc" stands for Slaney's mel filters; "fusion" means others."""


def band_of(settings: Mapping[str, Any]) -> tuple[float, float]:
    """Lowest and highest frequency in hertz from a checkpoint's ``preprocessor_config.json``.

    Where it is silent, `BAND` is taken, not the defaults of the library that wrote it, which are those of other
    networks.

    Raises
    ------
    CheckpointError
        If it asks for another way of hearing than these networks were trained with.
    """
    for name, expected in _EXPECTED.items():
        if settings.get(name, expected) != expected:
            raise CheckpointError(
                f"The checkpoint's preprocessor_config.json says {name} {settings[name]!r}, not {expected!r}.",
                "Use the file released with clap-htsat-unfused, or a network without fusion.",
            )
    low, high = (settings.get(name, edge) for name, edge in zip(("frequency_min", "frequency_max"), BAND, strict=True))
    if not (isinstance(low, int | float) and isinstance(high, int | float) and 0 <= low < high <= RATE / 2):
        raise CheckpointError(
            f"The checkpoint's preprocessor_config.json says frequencies from {low!r} to {high!r} Hz.",
            "Use the file released with it.",
        )
    return float(low), float(high)


def fill(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Ten seconds from less: the clip as often as it fits whole, then silence.

    Parameters
    ----------
    samples : float32, shape (n,), 1 <= n <= SAMPLES

    Returns
    -------
    float32, shape (SAMPLES,)
    """
    filled = np.zeros(SAMPLES, np.float32)
    whole = SAMPLES // len(samples) * len(samples)
    filled[:whole] = np.tile(samples, SAMPLES // len(samples))
    return filled


def quantise(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Samples as 16-bit numbers hold them, cut towards zero, as the authors' program does first; about 1e-5 off."""
    whole = np.trunc(np.clip(samples, -1.0, 1.0) * np.float32(32767.0))
    quantised: NDArray[np.float32] = (whole.astype(np.float64) / 32767.0).astype(np.float32)
    return quantised


def log_mel(samples: NDArray[np.float32], band: tuple[float, float] = BAND) -> NDArray[np.float32]:
    """The mel spectrogram that CLAP sees.

    Parameters
    ----------
    samples : float32, shape (SAMPLES,)
    band : (float, float)
        See `band_of`.

    Returns
    -------
    float32, shape (FRAMES, BANDS)
        Power in dB, at least -100. Frames are centred every `HOP` samples; the ends are mirrored.
    """
    import torch

    with computing(torch.device("cpu")):
        spectra = torch.stft(
            torch.from_numpy(samples.astype(np.float64)),
            FFT,
            HOP,
            window=torch.hann_window(FFT, dtype=torch.float64),
            return_complex=True,
        )
        power = spectra.abs().square().T @ _mel_filters(*band)
        return (10.0 * power.clamp(min=FLOOR).log10()).float().numpy()


@functools.cache
def _mel_filters(low: float, high: float) -> torch.Tensor:
    """Slaney's triangles of equal area: float64, shape (FFT // 2 + 1, BANDS)."""
    import torch

    edges = _hertz(np.linspace(_mels(low), _mels(high), BANDS + 2))
    widths = np.diff(edges)
    distances = np.linspace(0.0, RATE / 2, FFT // 2 + 1)[:, None] - edges
    rising = distances[:, :-2] / widths[:-1]
    falling = -distances[:, 2:] / widths[1:]
    triangles = np.maximum(np.minimum(rising, falling), 0.0)
    return torch.from_numpy(triangles * (2.0 / (edges[2:] - edges[:-2])))


_LINEAR: Final = 200.0 / 3.0
_BREAK: Final = 1000.0
_RATIO: Final = np.log(6.4) / 27.0
"""Slaney's scale: hertz per mel below 1000 Hz, which are 15 mels, and logarithm of the ratio of two mels above."""


def _mels(hertz: float) -> float:
    return float(hertz / _LINEAR if hertz < _BREAK else _BREAK / _LINEAR + np.log(hertz / _BREAK) / _RATIO)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BREAK * np.exp(_RATIO * (mels - _BREAK / _LINEAR))
    return np.where(mels < _BREAK / _LINEAR, mels * _LINEAR, above)
