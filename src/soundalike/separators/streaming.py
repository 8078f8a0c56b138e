"""Sound of any length through a network that takes segments of one length, in bounded memory.

Segments overlap by a quarter and are blended with triangular weights, exactly as ``demucs.apply.apply_model`` does
with ``split=True, overlap=0.25, shifts=0``: streaming a file gives what that gives for the whole file at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from soundalike.audio.clip import mean

Samples: TypeAlias = NDArray[np.float32]

SMALLEST = 1e-8
"""Added to the standard deviation before dividing by it, as Demucs does."""


@runtime_checkable
class SegmentModel(Protocol):
    """A network that splits a segment of sound into stems.

    Attributes
    ----------
    name : str
        Name, version and weights; part of the space.
    sample_rate : int
        Rate in hertz at which it wants sound.
    channels : int
        1 or 2.
    segment : float
        Seconds that it takes at a time; see `segment_length`.
    stems : tuple of str
        Without "mix", in the order of its answer.
    normalised : bool
        Whether it wants sound whose mono mix has mean 0 and standard deviation 1 over the whole passage.
    gate : float
        See `soundalike.separators.Separator`.
    """

    name: str
    sample_rate: int
    channels: int
    segment: float
    stems: tuple[str, ...]
    normalised: bool
    gate: float

    def separate_segment(self, samples: Samples) -> Samples:
        """Split one segment.

        Parameters
        ----------
        samples : float32, shape (channels, n)
            n is `segment_length`, always: shorter sound comes with what was before it and zeros after it.

        Returns
        -------
        float32, shape (stems, channels, n)
            The same samples give the same bits, whatever came before.
        """
        ...


def segment_length(model: SegmentModel) -> int:
    """Samples of a segment."""
    return math.floor(model.segment * model.sample_rate + 1e-6)  # 7.8 s at 44100 Hz must not lose a sample to rounding


def stream(model: SegmentModel, blocks: Iterable[Samples]) -> Iterator[Samples]:
    """Split sound that comes block by block.

    Parameters
    ----------
    model : SegmentModel
    blocks : iterable of float32, shape (channels, any)
        At the model's rate.

    Yields
    ------
    float32, shape (stems, channels, m)
        As many samples in all as came in. Digital silence gives digital silence.
    """
    size = segment_length(model)
    stride = size * 3 // 4
    weights = _triangle(size)
    tail = np.zeros((len(model.stems), model.channels, 0), np.float32)
    for segment, lead, length in _segments(blocks, size, stride):
        blended = weights[:length] * _split(model, segment)[..., lead : lead + length]
        total = weights[:length].copy()
        overlap = tail.shape[-1]
        assert overlap <= length, "a segment reaches at least as far as the one before it"
        blended[..., :overlap] += tail
        total[:overlap] += weights[stride : stride + overlap]
        yield blended[..., :stride] / total[:stride]
        tail = blended[..., stride:]
    assert not tail.shape[-1], "the last segment is shorter than a stride"


def _split(model: SegmentModel, segment: Samples) -> Samples:
    """Ask the model, except about digital silence, in which some networks hear their own bias."""
    if segment.any():
        return model.separate_segment(segment)
    return np.zeros((len(model.stems), *segment.shape), np.float32)


def _triangle(size: int) -> Samples:
    """Weights of a segment's samples: float32 (size,), the greatest 1."""
    up, down = size // 2, size - size // 2
    rising = np.concatenate([np.arange(1, up + 1), np.arange(down, 0, -1)]).astype(np.float32)
    return rising / np.float32(down)


def _segments(blocks: Iterable[Samples], size: int, stride: int) -> Iterator[tuple[Samples, int, int]]:
    """Segments of `size` samples every `stride`: the samples, where the new sound begins, and how long it is.

    The last ones are centred on the shorter rest of the sound, with real sound before it and zeros after it.
    """
    held: list[Samples] = []
    count = at = 0  # samples held, and where among them the next segment begins
    for block in blocks:
        held.append(block)
        count += block.shape[1]
        while count - at >= size:
            samples = held[0] if len(held) == 1 else np.concatenate(held, axis=1)
            yield samples[:, at : at + size], 0, size
            at += stride
            unneeded = max(0, at - size // 2)
            held, count, at = [samples[:, unneeded:]], count - unneeded, at - unneeded
    while count > at:
        samples = held[0] if len(held) == 1 else np.concatenate(held, axis=1)
        lead = (size - (count - at)) // 2
        before = min(lead, at)
        rest = samples[:, at - before : at - lead + size]
        segment = np.pad(rest, ((0, 0), (lead - before, size - (lead - before) - rest.shape[1])))
        yield segment, lead, count - at
        at += stride


@dataclass(frozen=True, slots=True)
class Level:
    """What `SegmentModel.normalised` takes out of a passage and puts back into its stems.

    Attributes
    ----------
    mean, deviation : float32
        Of the mono mix.
    """

    mean: np.float32
    deviation: np.float32


def measure(blocks: Iterable[Samples]) -> Level:
    """Mean and standard deviation of the mono mix over all blocks, each float32 (channels, any)."""
    count, total, energy = 0, 0.0, 0.0
    for block in blocks:
        mono = mean(block).astype(np.float64)
        count += len(mono)
        total += float(mono.sum())
        energy += float(np.einsum("i,i->", mono, mono))
    average = total / max(count, 1)
    variance = max(energy - total * average, 0.0) / max(count - 1, 1)
    return Level(np.float32(average), np.float32(math.sqrt(variance) + SMALLEST))


def stream_normalised(model: SegmentModel, blocks: Iterable[Samples], level: Level) -> Iterator[Samples]:
    """Do what `stream` does, with the passage at the level that the model learned from."""
    for split in stream(model, ((block - level.mean) / level.deviation for block in blocks)):
        yield split * level.deviation + level.mean
