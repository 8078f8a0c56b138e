"""Invariance curves: how often a changed clip still finds its own original.

`ANCHORS` rendered pieces that no head was trained on are each changed in many ways, by growing amounts. Every
changed clip ranks all the originals by cosine, facet by facet; its own should come first. A facet that does not
hear what a change touches should stay at the top of its curve; a facet that hears it should fall.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from soundalike.audio import Clip
from soundalike.errors import UsageError
from soundalike.research.evaluation.factor_matrix import draw_groups
from soundalike.research.evaluation.hearing import Progress, System, Vectors, facets_of, hear
from soundalike.research.evaluation.metrics import cosines, first_right, reciprocal_rank, with_interval
from soundalike.research.music.composer import Split, stream
from soundalike.research.music.performer import PieceSpec, perform, scores_of
from soundalike.research.renderer import render

ANCHORS: Final = 41
"""Each changed clip has its own original and 40 others to choose from."""
KEY: Final = 6
"""Of all anchors: from here half an octave either way needs no change of octave."""

Apply: TypeAlias = Callable[[PieceSpec, Clip, float, np.random.Generator], Clip]


@dataclass(frozen=True, slots=True)
class Change:
    """A way to change a clip.

    Attributes
    ----------
    unit : str
        Of the amounts.
    amounts : tuple of float
        In ascending order.
    apply : callable
        From the piece, its clip, an amount and a source of noise to the changed clip.
    touches : tuple of str
        Factors that hear it by design; the others should not.
    """

    unit: str
    amounts: tuple[float, ...]
    apply: Apply
    touches: tuple[str, ...] = ()


def transpose(spec: PieceSpec, _original: Clip, semitones: float, _rng: np.random.Generator) -> Clip:
    """Play the piece in another key, the lead moved by exactly that; chords and bass stay in their register."""
    return render(transposed(spec, int(semitones)))


def transposed(spec: PieceSpec, semitones: int) -> PieceSpec:
    """The piece in another key, the melody written an octave up or down where the key comes round."""
    octave, key = divmod(spec.key + semitones, 12)
    melody = scores_of(spec).melody
    moved = tuple(replace(note, pitch=note.pitch + 12 * octave) for note in melody.notes)
    return replace(spec, key=key, melody=replace(melody, notes=moved))


def resample(_spec: PieceSpec, original: Clip, semitones: float, _rng: np.random.Generator) -> Clip:
    """Play the recording faster or slower, like a record: pitch and tempo move together."""
    faster = Clip(original.samples, round(original.rate * 2 ** (semitones / 12))).resample(original.rate)
    return faster.cut(0.0, original.duration)


def change_tempo(spec: PieceSpec, _original: Clip, ratio: float, _rng: np.random.Generator) -> Clip:
    """Play the piece at another tempo from the same beat on."""
    return render(replace(spec, tempo=spec.tempo * ratio))


def shift(spec: PieceSpec, _original: Clip, seconds: float, _rng: np.random.Generator) -> Clip:
    """Begin to record later."""
    return render(replace(spec, start=(spec.start or 0.0) + seconds * perform(spec).tempo / 60))


def change_level(_spec: PieceSpec, original: Clip, decibels: float, _rng: np.random.Generator) -> Clip:
    """Turn down and store with 16 bits."""
    quiet = np.round(original.samples * np.float32(32768 * 10 ** (decibels / 20))) / np.float32(32768)
    return Clip(quiet.astype(np.float32), original.rate)


def encode_mp3(_spec: PieceSpec, original: Clip, kilobits: float, _rng: np.random.Generator) -> Clip:
    """Through an MP3 file of a constant bit rate and back."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        voice = container.add_stream("libmp3lame", rate=original.rate, layout="mono")
        voice.bit_rate = int(kilobits * 1000)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(original.mono().samples), format="fltp", layout="mono")
        frame.sample_rate = original.rate
        frame.time_base = Fraction(1, original.rate)
        container.mux([*voice.encode(frame), *voice.encode(None)])
    file.seek(0)
    with av.open(file, "r") as container:
        parts = [frame.to_ndarray() for frame in container.decode(audio=0)]
    samples = np.concatenate(parts, axis=1).astype(np.float32)[:, : original.samples.shape[1]]
    return Clip(samples, original.rate)


def add_noise(_spec: PieceSpec, original: Clip, decibels: float, rng: np.random.Generator) -> Clip:
    """White noise at a signal-to-noise ratio."""
    noise = rng.standard_normal(original.samples.shape, dtype=np.float32)
    return Clip(original.samples + noise * np.float32(_rms(original) * 10 ** (-decibels / 20)), original.rate)


def lead_in_silence(_spec: PieceSpec, original: Clip, seconds: float, _rng: np.random.Generator) -> Clip:
    """Silence first; what no longer fits is cut."""
    return _led_in(original, np.zeros(round(seconds * original.rate), np.float32))


def lead_in_applause(_spec: PieceSpec, original: Clip, seconds: float, rng: np.random.Generator) -> Clip:
    """Noise like the clapping of many hands first, as loud as the clip; what no longer fits is cut."""
    size = round(seconds * original.rate)
    claps = np.where(rng.random(size) < 150 / original.rate, rng.uniform(0.2, 1.0, size), 0.0)
    time = np.arange(round(0.03 * original.rate)) / original.rate
    hand = rng.standard_normal(len(time)) * np.exp(-time / 0.006)
    applause = fftconvolve(claps, np.diff(hand, prepend=0.0))[:size]
    applause *= _rms(original) / max(float(np.sqrt(np.mean(np.square(applause)))), 1e-9)
    return _led_in(original, applause.astype(np.float32))


def _led_in(original: Clip, lead: NDArray[np.float32]) -> Clip:
    both = np.concatenate([lead, original.mono().samples[0]])[: original.samples.shape[1]]
    return Clip(both[None], original.rate)


def _rms(clip: Clip) -> float:
    return float(np.sqrt(np.mean(np.square(clip.samples, dtype=np.float64))))


CHANGES: Final = MappingProxyType(
    {
        "transposition": Change("semitones", (-12, -9, -7, -5, -3, -2, -1, 1, 2, 3, 5, 7, 9, 12), transpose),
        "speed": Change("semitones, tempo with them", (-2, -1, -0.5, -0.25, 0.25, 0.5, 1, 2), resample, ("rhythm",)),
        "tempo": Change("times the tempo", (0.7, 0.8, 0.9, 0.95, 1.05, 1.1, 1.2, 1.3, 1.4), change_tempo, ("rhythm",)),
        "shift": Change("s later", (0.25, 0.5, 1, 2, 3, 4), shift),
        "level": Change("dB", (-30, -24, -18, -12, -6), change_level),
        "codec": Change("kb/s, MP3", (64, 96, 128, 192), encode_mp3),
        "noise": Change("dB signal to noise", (0, 5, 10, 20, 30, 40), add_noise),
        "silence before": Change("s", (0.5, 1, 2, 4), lead_in_silence),
        "applause before": Change("s", (0.5, 1, 2, 4), lead_in_applause),
    }
)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A piece and all its changed versions as a source of clips, see `hearing.Source`."""

    spec: PieceSpec
    seed: int
    changes: tuple[str, ...] = tuple(CHANGES)

    def clips(self) -> list[Clip]:
        """The original, then the versions in the order of `versions`."""
        original = render(self.spec)
        changed = []
        for number, (name, amount) in enumerate(versions(self.changes)):
            rng = np.random.default_rng([self.seed, number])
            changed.append(CHANGES[name].apply(self.spec, original, amount, rng))
        return [original, *changed]


def versions(changes: Sequence[str]) -> list[tuple[str, float]]:
    """Every change with each of its amounts."""
    return [(name, amount) for name in changes for amount in CHANGES[name].amounts]


def draw_anchors(
    count: int = ANCHORS, *, seed: int = 0, split: Split = "test", palette: str | None = None
) -> list[PieceSpec]:
    """Pieces of music that no head was trained on, all in one key, with known starts.

    Parameters
    ----------
    count : int
        At least 1.
    seed : int
        Not negative.
    split, palette
        See `soundalike.research.evaluation.factor_matrix.draw_groups`.
    """
    rng = stream("invariance", seed, split)
    groups = draw_groups(count, seed=seed, split=split, palette=palette)
    return [replace(group["A"], key=KEY, start=float(rng.uniform(0, 16))) for group in groups]


def measure_invariance(
    systems: Sequence[System],
    anchors: Sequence[PieceSpec],
    *,
    changes: Sequence[str] = tuple(CHANGES),
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Change every anchor and let it look for its original.

    Parameters
    ----------
    systems : sequence of System
    anchors : sequence of PieceSpec
        At least two.
    changes : sequence of str
        Names from `CHANGES`.
    seed : int
        Of noise and bootstrap.
    jobs : int
        Processes to render and listen in.
    progress : callable, optional

    Returns
    -------
    dict of str to dict
        By system: ``anchors``, ``chance`` and ``curves``: by change its unit, amounts, the factors that it
        touches, and by facet for each amount the share of clips that find their original ``first`` and the
        mean ``reciprocal`` rank, with 95 % intervals over anchors.

    Raises
    ------
    UsageError
        If there are fewer than two anchors.
    """
    if len(anchors) < 2:
        raise UsageError(f"{len(anchors)} anchors were given.", "Give at least two: one must be told from the others.")
    sources = [Anchor(spec, seed + place, tuple(changes)) for place, spec in enumerate(anchors)]
    heard = hear(sources, systems, jobs=jobs, progress=progress)
    return {name: score_invariance(found, changes, seed=seed) for name, found in heard.items()}


def score_invariance(found: Sequence[Vectors], changes: Sequence[str], *, seed: int = 0) -> dict[str, Any]:
    """Curves from vectors that are at hand; see `measure_invariance`.

    Parameters
    ----------
    found : sequence of dict of Facet to float32, shape (1 + n versions, d)
        One per anchor, as `Anchor` orders its clips.
    """
    curves: dict[str, Any] = {}
    for name in changes:
        change = CHANGES[name]
        curves[name] = {"unit": change.unit, "amounts": list(change.amounts), "touches": list(change.touches)}
        curves[name]["facets"] = {facet.short: [] for facet in facets_of(found)}
    for facet in facets_of(found):
        vectors = np.stack([anchor[facet] for anchor in found])
        for number, (name, _) in enumerate(versions(changes), start=1):
            curves[name]["facets"][facet.short].append(_found(vectors[:, number], vectors[:, 0], seed))
    return {"anchors": len(found), "chance": round(1 / len(found), 5), "curves": curves}


def _found(changed: NDArray[np.float32], originals: NDArray[np.float32], seed: int) -> dict[str, Any]:
    """How well the changed clips, (n, d), find their originals, (n, d)."""
    table = cosines(changed, originals)
    own = np.eye(len(table), dtype=np.bool_)
    first = np.array([first_right(scores, right) for scores, right in zip(table, own, strict=True)])
    reciprocal = np.array([reciprocal_rank(scores, place) for place, scores in enumerate(table)])
    return {
        "first": with_interval(first, seed=seed).to_json(),
        "reciprocal": with_interval(reciprocal, seed=seed).to_json(),
    }
