"""What of a file's pulse can be heard, from its start to its end: beats that a net expects, strokes, attacks.

The net hears ten seconds at a time. Windows overlap by half, and of each only the middle half is kept, where what is
before and after is heard too; so a piece of any length becomes one curve, with no more sound in memory than a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import ExcerptStream, load_clip
from soundalike.audio.decoding import AnyPath
from soundalike.encoders.embedded import drums, listening, rhythm
from soundalike.encoders.embedded.spectra import (
    ONSET_HOP,
    PITCH_HOP,
    PITCHES,
    RATE,
    Spectra,
    mel_filters,
    mono,
    power_frames,
    semitones,
)
from soundalike.tempo import BPM

Array = NDArray[np.float32]

FRAME: Final = 2 * ONSET_HOP
"""Samples from one frame of `Pulse.beat` to the next."""

ATTACK_HOP: Final = 64
ATTACK_RATE: Final = RATE / ATTACK_HOP

BEAT: Final = len(drums.CLASSES)
"""Column of `Pulse.activations` with the beats; the next one has first beats of bars."""

HARMONY_PARTS: Final = (slice(0, 12), slice(12, 25), slice(25, 38))
"""Columns of `Pulse.harmony`: tones, root, bass."""

HARMONY_RATE: Final = listening.RATE
_HARMONY_FRAME: Final = listening.FRAMES_JOINED * PITCH_HOP

_HALF: Final = 108
_STEP: Final = 2 * _HALF * FRAME
"""Samples from one window to the next, half a window: 5 s and a little, whole frames."""

_ATTACK_WINDOW: Final = 256
_FINER: Final = FRAME // ATTACK_HOP
_LEAST: Final = 0.02


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is heard of a passage.

    Attributes
    ----------
    activations : float32, shape (frames, 6)
        Strokes by `drums.CLASSES`, beats, first beats of a bar, from 0 to 1; `drums.DRUM_RATE` frames a second, frame
        i is centred on sample ``i * FRAME``.
    attacks : float32, shape (n,)
        How much begins, `ATTACK_RATE` values a second.
    harmony : float32, shape (m, 38)
        How likely each pitch class belongs to the chord, is its root, is the bass; the last two have one more, for
        none. `HARMONY_RATE` rows a second.
    tempo : float64, shape (320,)
        Tempo profile, see `soundalike.tempo`, the mean over windows; one in which nothing begins counts as zeros.
    seconds : float
        Length of the passage.
    """

    activations: Array
    attacks: Array
    harmony: Array
    tempo: NDArray[np.float64]
    seconds: float


def hear_pulse(path: AnyPath, *, start: float = 0.0, end: float | None = None) -> Pulse:
    """Listen to a file or a passage of it.

    Parameters
    ----------
    path : path
    start, end : float
        The passage, in seconds.

    Raises
    ------
    AudioDecodeError, UsageError
        See `soundalike.audio.load_clip`.
    """
    beats: list[Array] = []
    attacks: list[Array] = []
    chords: list[Array] = []
    profiles: list[NDArray[np.float64]] = []
    done, sung, seconds = 0, 0, 0.0
    for window, first, last in _windows(path, start, end):
        signal = mono(window[None])
        heard, fine, profile = _hear(window, signal)
        upto = (first + len(window)) // FRAME + 1 if last else first // FRAME + 3 * _HALF
        kept = slice(done - first // FRAME, upto - first // FRAME)
        beats.append(heard[kept])
        attacks.append(fine[kept.start * _FINER : kept.stop * _FINER])
        profiles.append(profile)
        done = upto
        # Chords need little of what is around them: every second window has all of them.
        if last or first % (2 * _STEP) == 0:
            chords.append(_harmony(window, signal)[sung - first // _HARMONY_FRAME :])
            sung += len(chords[-1])
        seconds = (first + len(window)) / RATE
    found, fine, harmony = (np.concatenate(parts) for parts in (beats, attacks, chords))
    return Pulse(found, fine, harmony, np.mean(profiles, axis=0), seconds)


def _hear(window: Array, signal: Array | None) -> tuple[Array, Array, NDArray[np.float64]]:
    """Activations, attacks and tempo profile of one window; zeros if it is silent."""
    frames = len(window) // FRAME + 1
    heard = np.zeros((frames, BEAT + 2), np.float32)
    if signal is None:
        return heard, np.zeros(frames * _FINER, np.float32), np.zeros(len(BPM))
    mel = power_frames(signal, 4 * ONSET_HOP, ONSET_HOP, filters=mel_filters())
    found = drums.hear(Spectra(mel, np.zeros((0, PITCHES), np.float32), len(window) / RATE))
    if found is not None:
        count = min(frames, len(found.beat))
        heard[:count] = np.column_stack([found.strokes, found.beat, found.downbeat])[:count]
    described = rhythm.describe(mel)
    tempo = np.zeros(len(BPM)) if described is None else described.tempo.astype(np.float64)
    return heard, attack_curve(signal), tempo


def _harmony(window: Array, signal: Array | None) -> Array:
    """What the transcription net hears in one window; zeros if it is silent."""
    rows = np.zeros((len(window) // _HARMONY_FRAME, HARMONY_PARTS[-1].stop), np.float32)
    found = None if signal is None else listening.hear(semitones(signal)[0])
    if found is not None:
        heard = np.concatenate([found.tones, found.root, found.bass], axis=1)[: len(rows)]
        rows[: len(heard)] = heard
    return rows


def attack_curve(signal: Array) -> Array:
    """How much begins, every `ATTACK_HOP` samples: the rise of the logarithmic level in bands, float32 (n,)."""
    power = power_frames(signal, _ATTACK_WINDOW, ATTACK_HOP)
    edges = np.array([0, 2, 4, 8, 16, 32, 64])
    bands = np.add.reduceat(power, edges, axis=1)
    level = np.log10(bands + 1e-3 * bands.mean(axis=0) + 1e-9)
    rise = np.maximum(level[2:] - level[:-2], 0.0).mean(axis=1)
    return np.pad(rise, (1, 1 + _FINER)).astype(np.float32)


def _windows(path: AnyPath, start: float, end: float | None) -> Iterator[tuple[Array, int, bool]]:
    """Windows of two steps, where each begins in the passage, and whether it is the last."""
    steps = _steps(path, start, end)
    window, first = next(steps), 0
    step = next(steps, None)
    while step is not None:
        after = next(steps, None)
        yield np.concatenate([window, step]), first, after is None
        window, step, first = step, after, first + _STEP
    if not first:
        yield window, 0, True


def _steps(path: AnyPath, start: float, end: float | None) -> Iterator[Array]:
    """The sound of a passage in pieces of `_STEP` samples; the last is shorter."""
    stream = ExcerptStream(path, rate=RATE, seconds=_STEP / RATE, start=start, end=end)
    done = 0
    for excerpt in stream:
        samples = excerpt.clip.samples[0]
        first = round((excerpt.start - start) * RATE)
        yield samples[done - first :]
        done = first + len(samples)
    # The stream drops less than a second at the end, in which a bar may end.
    if stream.duration - done / RATE > _LEAST:
        yield load_clip(path, start=start + done / RATE, end=end, rate=RATE, mono=True).samples[0]
