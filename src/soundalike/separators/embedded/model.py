"""The separator that ships: a small net says what part of each band is whose, and masks give it to them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from soundalike.nets import open_net
from soundalike.separators.embedded.picture import (
    RATE,
    Array,
    by_bin,
    features,
    restore,
    tonality,
    transform,
)

STEMS: Final[tuple[str, ...]] = ("drums", "bass", "other")
"""In the order of the net's shares. Voices are other."""
NET: Final = Path(__file__).with_name("masks.onnx")

SEGMENT: Final = 12.0
"""Seconds that are listened to at a time: a window of the embedded encoder and a little more."""

STRIDE: Final = 16
"""The net takes whole multiples of so many frames."""


class EmbeddedModel:
    """Masks from a net of 0.2 million weights; see `soundalike.separators.streaming.SegmentModel`.

    The stems add up to the mix: the shares of every cell sum to one, and the last stem is what the others leave.

    Parameters
    ----------
    net : Path
        Another net than the one that ships.
    """

    name = "embedded-1"
    sample_rate = RATE
    channels = 2
    segment = SEGMENT
    stems = STEMS
    normalised = False
    gate: float = 18.0  # of recordings, 100 % of the stems that play pass it; see docs/separation.md

    def __init__(self, net: Path = NET) -> None:
        self._session = open_net(net)

    def separate_segment(self, samples: Array) -> Array:
        """Split one segment: float32 (2, n) to (stems, 2, n)."""
        one = np.array_equal(samples[0], samples[1])
        heard = samples[:1] if one else samples
        stems = self.split(heard)
        return np.repeat(stems, 2, axis=1) if one else stems

    def split(self, samples: Array) -> Array:
        """Split sound of at most a minute: float32 (channels, n), one channel or two, to (stems, channels, n)."""
        length = samples.shape[1]
        spectrum = transform(samples)
        power, side = levels(spectrum)
        tonal = tonality(power)
        shares = self._listen(features(power, tonal, side))
        stems = np.empty((len(STEMS), *samples.shape), np.float32)
        rest = samples.copy()
        for i in range(len(STEMS) - 1):
            lasting, bursting = by_bin(shares[0, i]), by_bin(shares[1, i])
            mask = bursting + tonal * (lasting - bursting)
            stems[i] = restore(spectrum * mask, length)
            rest -= stems[i]
        stems[-1] = rest
        return stems

    def _listen(self, level: Array) -> Array:
        """Shares of the tonal and of the noisy part of each band: (2, stems, frames, 64), summing to one."""
        frames = level.shape[1]
        padded = np.pad(level, ((0, 0), (0, -frames % STRIDE), (0, 0)), mode="edge")
        (shares,) = self._session.run(None, {"level": padded[None]})
        found: Array = shares[0, :, :, :frames]
        return found


def levels(spectrum: np.ndarray[tuple[int, ...], np.dtype[np.complex64]]) -> tuple[Array, Array]:
    """Mean power over the channels, and power of half their difference: float32 (frames, bins) each."""
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    if len(spectrum) == 1:
        return power[0], np.zeros_like(power[0])
    difference = spectrum[1] - spectrum[0]
    side = (np.square(difference.real) + np.square(difference.imag)) * np.float32(0.25)
    return (power[0] + power[1]) * np.float32(0.5), side
