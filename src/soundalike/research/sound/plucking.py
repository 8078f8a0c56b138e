"""Plucked strings after Karplus and Strong: a burst of noise runs round a loop that dulls it.

The loop is solved in the frequency domain, where any pitch is in tune at any sampling rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from soundalike.research.sound.synthesizer import Sound, Sounding, add_up

FADE = 9.0
"""What rings on past the end of a note comes back at its beginning, weaker by ``exp(-FADE)``."""


@dataclass(frozen=True, slots=True)
class String:
    """A string and how it is plucked.

    Attributes
    ----------
    words : str
        What to call it.
    ring : float
        Seconds in which the fundamental of middle C falls by 60 decibels; higher strings ring shorter.
    dull : float
        How much faster high harmonics fade, 0 to 0.5.
    soft : float
        Softness of the plectrum: low-pass of the burst, 0 to 0.95.
    place : float
        Where it is plucked, as a part of the string.
    body : tuple of (frequency, bandwidth, gain)
        Resonances of the instrument.
    release : float
        Seconds in which it is damped after its end.
    """

    words: str
    ring: float = 2.5
    dull: float = 0.2
    soft: float = 0.4
    place: float = 0.2
    body: tuple[tuple[float, float, float], ...] = ()
    release: float = 0.08


def pluck(string: String, notes: Sequence[Sounding], *, rate: int, length: int, tuning: float = 0.0) -> Sound:
    """Play notes on strings.

    Parameters
    ----------
    string : String
        The instrument.
    notes : sequence of Sounding
        Those that start after `length` are left out, those that ring on are cut there.
    rate, length : int
        Samples per second, and number of samples to make.
    tuning : float
        Cents by which everything is higher.

    Returns
    -------
    float32, shape (length,)
    """

    def tone(note: int, seconds: float) -> Sound:
        return _ringing(string, 440.0 * 2 ** ((note - 69 + tuning / 100) / 12), seconds, rate, seed=note)

    return add_up(tone, notes, rate=rate, length=length, grid=20)


def _ringing(string: String, pitch: float, seconds: float, rate: int, *, seed: int) -> Sound:
    """One note at `pitch` hertz, damped after `seconds`."""
    n = int((seconds + string.release) * rate)
    size = next_fast_len(n + n // 8, real=True)
    # On a circle a little outside the unit circle the loop has faded before the transform wraps around.
    growth = FADE / size
    z = np.exp(-growth - 2j * np.pi * np.arange(size // 2 + 1) / size)
    period = rate / pitch
    burst = np.random.default_rng(seed).uniform(-1, 1, int(period) + 1)
    burst *= np.exp(-growth * np.arange(len(burst)))
    thrown = rfft(burst, size) * (1 - string.soft) / (1 - string.soft * z) * (1 - z ** (string.place * period))
    kept = 10 ** (-3 / (string.ring * pitch * np.sqrt(260 / pitch)))
    loop = kept * (1 - string.dull + string.dull * z) * z ** (period - string.dull)
    # Fractions of a sample ring ahead of time unless the highest fifth of the spectrum fades out.
    taper = np.clip(np.linspace(5, 0, size // 2 + 1), 0, 1)
    spectrum = thrown / (1 - loop) * taper**2 * (3 - 2 * taper) * _body(string, np.arange(len(z)) * (rate / size))
    sound = irfft(spectrum, size)[:n] * np.exp(growth * np.arange(n))
    fade = np.clip((n - np.arange(n)) / (string.release * rate), 0, 1)
    level = np.sqrt(np.mean(sound[: rate // 10] ** 2)) + 1e-9
    return np.asarray(0.2 / level * sound * fade * fade, np.float32)


def _body(string: String, f: NDArray[np.floating]) -> NDArray[np.complexfloating]:
    answer = np.full(len(f), 0.5 if string.body else 1.0, np.complex128)
    for centre, width, gain in string.body:
        answer += gain * 1j * width * f / (centre**2 - f**2 + 1j * width * f)
    return np.asarray(answer * f / (f + 30.0))
