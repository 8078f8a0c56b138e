"""The two pictures of a clip that everything else is computed from: a log-mel and a semitone spectrogram.

Every function works on one clip alone and with fixed shapes, on one thread and without BLAS: a sum
whose order depends on the batch or on the number of threads would not give the same bits twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float32]

RATE: Final = 22050
ONSET_HOP: Final = 256
ONSET_RATE: Final = RATE / ONSET_HOP
PITCH_HOP: Final = 1024
PITCH_RATE: Final = RATE / PITCH_HOP
MELS: Final = 64
MEL_RANGE: Final = (30.0, 10500.0)
LOWEST: Final = 24
PITCHES: Final = 96
TUNINGS: Final = 10
"""Steps per semitone in which the tuning is estimated."""

_MEL_WINDOW: Final = 1024
_DECIMATION: Final = 4
_FRAMES_AT_ONCE: Final = 96


@dataclass(frozen=True, slots=True)
class _Band:
    """A range of pitches and the transform that resolves them: low notes need long windows."""

    low: int
    high: int
    decimation: int
    window: int

    @property
    def bins(self) -> int:
        """How many frequencies reach a whole tone beyond the highest pitch."""
        highest = 440.0 * 2.0 ** ((self.high + 2 - 69) / 12.0)
        return int(highest / RATE * self.decimation * self.window) + 2


_BANDS: Final = (
    _Band(24, 60, _DECIMATION, 2048),
    _Band(60, 84, _DECIMATION, 1024),
    _Band(84, 120, 1, 2048),
)


@dataclass(frozen=True, slots=True)
class Spectra:
    """What is heard in one clip; levels are relative to the clip's own loudness.

    Attributes
    ----------
    mel : float32, shape (frames, 64)
        Power in mel bands, `ONSET_RATE` frames a second.
    semitone : float32, shape (frames, 96)
        Amplitude of every semitone from MIDI note 24 on, tuned to the clip, `PITCH_RATE` frames a second.
    seconds : float
        Length of the clip.
    tuning : int
        How far the clip is tuned from A = 440 Hz, see `tuning`.
    """

    mel: Array
    semitone: Array
    seconds: float
    tuning: int = 0


def mono(samples: Array) -> Array | None:
    """One channel without its mean, at an RMS of 1: float32, shape (n,); None if it is silent.

    Silent is below -100 dBFS, less than the dither of a 16-bit file.
    """
    signal = samples.mean(axis=0, dtype=np.float64)
    signal -= signal.mean()
    loudness = float(np.sqrt(np.mean(np.square(signal))))
    if not loudness > 1e-5:
        return None
    scaled: Array = (signal / loudness).astype(np.float32)
    return scaled


def analyse(signal: Array) -> Spectra:
    """Both pictures of a clip.

    Parameters
    ----------
    signal : float32, shape (n,)
        From `mono`, at 22050 Hz.
    """
    mel = power_frames(signal, _MEL_WINDOW, ONSET_HOP, filters=mel_filters())
    semitone, step = semitones(signal)
    return Spectra(mel, semitone, len(signal) / RATE, step)


def power_frames(
    signal: Array, size: int, hop: int, *, bins: int | None = None, filters: scipy.sparse.csr_array | None = None
) -> Array:
    """Power spectra of Hann-windowed frames centred on every `hop`-th sample: (1 + n // hop, bins).

    Only the first `bins` of the ``size // 2 + 1`` frequencies are kept, where that is given; `filters`, of shape
    (bins, n), sum them up to n bands.

    A sinusoid of amplitude 1 has a peak of 1/4 whatever the size.
    """
    padded = np.pad(signal, (size // 2, size // 2))
    framed = sliding_window_view(padded, size)[::hop]
    bins = size // 2 + 1 if bins is None else bins
    power = np.empty((len(framed), bins if filters is None else filters.shape[1]), np.float32)
    # A few frames at a time stay in the processor's cache: several times faster, and the same bits.
    for first in range(0, len(framed), _FRAMES_AT_ONCE):
        rows = slice(first, first + _FRAMES_AT_ONCE)
        spectrum = scipy.fft.rfft(framed[rows] * _hann(size), workers=1)[:, :bins]
        part = np.square(spectrum.real) + np.square(spectrum.imag)
        power[rows] = part if filters is None else part @ filters
    return power


def decimate(signal: Array) -> Array:
    """Keep every fourth sample after a low-pass filter."""
    taps = _low_pass()
    padded = np.pad(signal, (len(taps) // 2, len(taps)))
    count = -(-len(signal) // _DECIMATION)
    view = sliding_window_view(padded, len(taps))[::_DECIMATION][:count]
    slow: Array = np.einsum("ij,j->i", view, taps)
    return slow


def semitones(signal: Array) -> tuple[Array, int]:
    """Amplitude per semitone, tuned to the clip: float32, shape (1 + n // 1024, 96); and the `tuning` found."""
    slow = decimate(signal)
    frames = 1 + len(signal) // PITCH_HOP
    powers = []
    for band in _BANDS:
        source = signal if band.decimation == 1 else slow
        powers.append(power_frames(source, band.window, PITCH_HOP // band.decimation, bins=band.bins)[:frames])
    step = tuning(powers[1])
    columns = [power @ pitch_filters(i, step) for i, power in enumerate(powers)]
    frames = min(len(column) for column in columns)
    amplitude: Array = np.sqrt(np.concatenate([column[:frames] for column in columns], axis=1))
    return amplitude, step


def tuning(power: Array) -> int:
    """How far a clip is tuned from A = 440 Hz, in steps of 1 / `TUNINGS` semitone, from -5 to 4.

    Circular mean of the peaks' deviations from their semitone, weighted by amplitude, from the middle band.
    """
    first, last = 40, power.shape[1] - 1
    middle = power[:, first:last]
    peaks = (middle > power[:, first - 1 : last - 1]) & (middle >= power[:, first + 1 : last + 1])
    peaks &= middle > 0.02 * middle.max(axis=1, keepdims=True)
    rows, columns = np.nonzero(peaks)
    if len(rows) == 0:
        return 0
    columns = columns + first
    below, here, above = (np.log(power[rows, columns + i] + 1e-20) for i in (-1, 0, 1))
    curve = below - 2.0 * here + above
    shift = np.where(curve < -1e-9, 0.5 * (below - above) / np.minimum(curve, -1e-9), 0.0)
    hertz = (columns + np.clip(shift, -0.5, 0.5)) * (RATE / _DECIMATION / _BANDS[1].window)
    deviation = np.exp(2j * np.pi * _midi(hertz))
    mean = np.sum(deviation * np.sqrt(power[rows, columns]))
    step = int(np.round(np.angle(mean) / (2.0 * np.pi) * TUNINGS))
    return step if step < TUNINGS // 2 else step - TUNINGS


@lru_cache(maxsize=8)
def _hann(size: int) -> Array:
    phase = np.arange(size) / size
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * phase)
    scaled: Array = (window / window.sum()).astype(np.float32)
    return scaled


@lru_cache(maxsize=1)
def _low_pass() -> Array:
    """Windowed-sinc filter that passes up to 2.2 kHz and stops from 2.8 kHz on."""
    time = np.arange(-32, 33)
    taps = np.sinc(0.23 * time) * np.blackman(65)
    scaled: Array = (taps / taps.sum()).astype(np.float32)
    return scaled


@lru_cache(maxsize=1)
def mel_filters() -> scipy.sparse.csr_array:
    """Triangular mel filters of equal area (O'Shaughnessy's formula): sparse float32, (513, 64)."""
    hertz = np.fft.rfftfreq(_MEL_WINDOW, 1.0 / RATE)
    low, high = (2595.0 * np.log10(1.0 + f / 700.0) for f in MEL_RANGE)
    edges = 700.0 * (10.0 ** (np.linspace(low, high, MELS + 2) / 2595.0) - 1.0)
    rising = (hertz[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hertz[:, None]) / np.diff(edges)[1:]
    weights = np.maximum(0.0, np.minimum(rising, falling))
    # A filter narrower than a bin may miss every bin centre: it takes the nearest one.
    empty = np.flatnonzero(weights.sum(axis=0) < 0.05)
    weights[np.abs(hertz[:, None] - edges[1:-1][empty]).argmin(axis=0), empty] = 1.0
    return scipy.sparse.csr_array((weights / weights.sum(axis=0)).astype(np.float32))


@lru_cache(maxsize=len(_BANDS) * TUNINGS)
def pitch_filters(band: int, step: int) -> scipy.sparse.csr_array:
    """Filters of one band's semitones for one tuning: sparse float32, (bins, semitones).

    Each takes the bins within its semitone, and at least the nearest two, with a raised cosine.
    """
    spec = _BANDS[band]
    offset = step / TUNINGS
    hertz = np.fft.rfftfreq(spec.window, spec.decimation / RATE)[: spec.bins]
    spacing = hertz[1]
    centres = 440.0 * 2.0 ** ((np.arange(spec.low, spec.high) + offset - 69.0) / 12.0)
    width = np.maximum(centres * (2.0 ** (1.0 / 12.0) - 1.0) * 0.75, spacing)
    distance = np.abs(hertz[:, None] - centres) / width
    weights = np.where(distance < 1.0, np.square(np.cos(0.5 * np.pi * np.minimum(distance, 1.0))), 0.0)
    return scipy.sparse.csr_array(weights.astype(np.float32))


def _midi(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 69.0 + 12.0 * np.log2(np.maximum(hertz, 1.0) / 440.0)
