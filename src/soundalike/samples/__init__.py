"""What a sample is, a loop or a one-shot, and its exact tempo and key: what its file tells goes before what is heard.

In order of trust: what its maker wrote into it (see `soundalike.audio.wav_chunks`); the words of its name and of the
two folders that it lies in, such as ``Loops/Drum_120bpm_Am.wav``; and then its length. A loop is cut to its beats: one
of 2 s has 4 of them at 120 BPM, or 8 at 240, so that a heard tempo, which is coarse in so little sound, need only say
which of these it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.audio.wav_chunks import SampleChunks, read_chunks
from soundalike.key import KEYS, parse_key
from soundalike.samples.names import NameWords, read_name

LONGEST: Final = 40.0
"""Seconds; what is longer is a piece of music, neither loop nor one-shot, unless its own name calls it a loop."""

_LONGEST_LOOP: Final = 120.0

BEATS: Final = (4, 8, 16, 32, 64, 3, 6, 12, 24, 48)
"""How many beats a loop may have: bars of four and of three, in ones, twos, fours and so on."""

TEMPI: Final = (50.0, 210.0)
"""Tempi that a loop's length may stand for, in beats per minute."""

NEAR: Final = (0.015, 0.04)
"""How far, as a share, a heard tempo may be from the exact one: in ten seconds or more, and in four or less."""

_NEAR_SECONDS: Final = 0.16
_FITS: Final = 0.01
_LOOP_ATTACKS: Final = 3
_BUSY: Final = 4
_LONGEST_CUT: Final = 20.0
_SHORTEST_LOOP: Final = 0.7

_WHOLE: Final = 0.02
"""How far, in beats per minute, a tempo may be from a whole number to be one: makers of loops like whole numbers."""

_PREFERRED: Final = 115.0
_UNSURE_ROOTS: Final = (48, 60)
"""The note C that programs write which do not know the root."""


@dataclass(frozen=True, slots=True)
class Attacks:
    """How a sound goes on.

    Attributes
    ----------
    count : int
        How often something begins.
    late : float
        Share of the energy in the second half, 0 to 1.
    """

    count: int
    late: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What is known of a sample.

    Attributes
    ----------
    kind : str
        One of `soundalike.tracks.KINDS`, or empty.
    tempo : float or None
        Beats per minute; None for one-shots, which have none.
    key : str or None
        Such as "A minor".
    beats : int or None
        Beats of a loop from its first sample to its last.
    tempo_told, key_told : bool
        Whether the file itself tells, so that there is nothing to doubt.
    """

    kind: str = ""
    tempo: float | None = None
    key: str | None = None
    beats: int | None = None
    tempo_told: bool = False
    key_told: bool = False


def count_attacks(clip: Clip) -> Attacks:
    """Count the attacks in a few seconds of sound, from its level in steps of 10 ms.

    An attack is a rise by 6 dB within 50 ms to no more than 20 dB below the loudest moment. The level is the mean, in
    decibels, of the sound's and its difference's, so that neither rumble nor hiss alone makes attacks.
    """
    samples = clip.mono().samples[0]
    step = max(clip.rate // 100, 1)
    frames = len(samples) // step
    if frames < 2 or not samples.any():
        return Attacks(0, 0.0)
    level = np.zeros(frames)
    for signal in (samples, np.diff(samples, prepend=samples[:1])):
        framed = signal[: frames * step].reshape(frames, step)
        power = np.einsum("ij,ij->i", framed, framed).astype(np.float64)
        level += 5.0 * np.log10(power / max(power.max(), 1e-20) + 1e-5)
    padded = np.concatenate([np.full(5, -50.0), level])
    before = np.lib.stride_tricks.sliding_window_view(padded, 5)[:-1].min(axis=1)
    rises = np.flatnonzero((level - before >= 6.0) & (level >= level.max() - 20.0))
    half = len(samples) // 2
    early, late = (float(np.einsum("i,i->", part, part)) for part in (samples[:half], samples[half:]))
    return Attacks(int((np.diff(rises, prepend=-99) > 5).sum()), late / (early + late))


def describe(
    path: str,
    *,
    duration: float,
    tempo: float | None = None,
    key: str | None = None,
    attacks: Attacks | None = None,
    chroma: NDArray[np.floating] | None = None,
) -> Sample:
    """Put together what a sample's file tells and what is heard in it.

    Parameters
    ----------
    path : str
        The file; it need not be there for its name to be read.
    duration : float
        Seconds.
    tempo : float, optional
        Heard, in beats per minute; may be off by an octave.
    key : str, optional
        Heard, as `soundalike.key.estimate_key` names it.
    attacks : Attacks, optional
        Of the whole sound.
    chroma : float, shape (12,), optional
        Strength of the pitch classes: whether a told tonic without a mode is major or minor.

    Returns
    -------
    Sample
        A piece of music, which is longer than `LONGEST`, keeps what is heard.
    """
    words = read_name(path)
    if not 0.0 < duration <= (_LONGEST_LOOP if words.named_loop else LONGEST):
        return Sample("", tempo, key)
    chunks = read_chunks(path) or SampleChunks()
    told_key = _told_key(chunks, words, key, chroma)
    kind = _told_kind(chunks, words) or ("one-shot" if _is_one_shot(words, duration, attacks) else "")
    if kind == "one-shot":
        return Sample(kind, None, told_key or key, key_told=told_key is not None)
    told = _told_tempo(chunks, words, duration, tempo)
    exact = fitting_tempo(duration, told or tempo, known_loop=kind == "loop" or _goes_on(duration, attacks))
    if exact and attacks and attacks.count >= _LOOP_ATTACKS:
        kind = "loop"
    by_length = exact if kind == "loop" else None
    known = told or by_length or tempo
    return Sample(
        kind,
        known,
        told_key or key,
        beats=chunks.beats or (_whole_beats(known, duration) if kind == "loop" and known else None),
        # A length at which nothing was heard is of the file alone.
        tempo_told=told is not None or (by_length is not None and tempo is None),
        key_told=told_key is not None,
    )


def fitting_tempo(duration: float, heard: float | None, *, known_loop: bool = False) -> float | None:
    """The tempo at which a length is a number of beats that loops have.

    Parameters
    ----------
    duration : float
        Seconds.
    heard : float, optional
        Beats per minute. The answer is near it, or else near its half or its double.
    known_loop : bool
        It is known to be a loop, or goes on like one: where nothing near was heard, a length that is one of these
        numbers of beats at a whole number of beats per minute counts, for that is hardly by chance.

    Returns
    -------
    float or None
        Beats per minute, exact; None where no tempo fits.
    """
    tempi = [60.0 * beats / duration for beats in BEATS]
    tempi = [tempo for tempo in tempi if TEMPI[0] <= tempo <= TEMPI[1]]
    if not tempi:
        return None
    near = min(max(_NEAR_SECONDS / duration, NEAR[0]), NEAR[1])
    for asked in (heard, heard / 2.0, heard * 2.0) if heard else ():
        best = min(tempi, key=lambda tempo: abs(math.log(tempo / asked)))
        if abs(math.log(best / asked)) <= near:
            return _in_fours(best, duration)
    whole = [tempo for tempo in tempi if _is_whole(tempo)]
    if known_loop and whole:
        return min(whole, key=lambda tempo: (_in_threes(tempo, duration), abs(math.log(tempo / _PREFERRED))))
    return None


def _in_fours(tempo: float, duration: float) -> float:
    """The tempo of four beats that were heard as three, if only that is a whole number; else `tempo` itself."""
    if not _in_threes(tempo, duration) or _is_whole(tempo):
        return tempo
    others = (tempo * 4.0 / 3.0, tempo * 2.0 / 3.0)
    return next((other for other in others if TEMPI[0] <= other <= TEMPI[1] and _is_whole(other)), tempo)


def _in_threes(tempo: float, duration: float) -> bool:
    return round(tempo * duration / 60.0) % 3 == 0


def _goes_on(duration: float, attacks: Attacks | None) -> bool:
    """Whether a short sound is about as busy in its second half as in its first, as loops are.

    Whoever cuts a whole number of seconds out of music did not cut to beats.
    """
    if attacks is None or duration > _LONGEST_CUT or abs(duration - round(duration)) < 0.01:
        return False
    return attacks.count >= _BUSY and 0.25 <= attacks.late <= 0.75


def _whole_beats(tempo: float, duration: float) -> int | None:
    """How many beats there are, if there are no parts of one."""
    beats = tempo * duration / 60.0
    return round(beats) if abs(beats - round(beats)) <= 0.1 else None


def _is_whole(tempo: float) -> bool:
    return abs(tempo - round(tempo)) <= _WHOLE


def _told_kind(chunks: SampleChunks, words: NameWords) -> str:
    if chunks.one_shot:
        return "one-shot"
    if chunks.beats and chunks.beats > 1:
        return "loop"
    # Nobody writes a tempo on what has none.
    return words.kind or ("loop" if words.tempo else "")


def _is_one_shot(words: NameWords, duration: float, attacks: Attacks | None) -> bool:
    """Whether a sound of unknown kind is a single one that dies away, or too short to be anything else."""
    if duration <= _SHORTEST_LOOP:
        return True
    if attacks is None or not attacks.count:
        return False
    if words.stroke and attacks.count <= 3 and duration <= 5.0:
        return True
    if attacks.count == 1:
        return duration <= 4.5 or (duration <= 10.0 and attacks.late <= 0.2)
    return attacks.count <= 3 and duration <= 5.0 and attacks.late <= 0.1


def _told_tempo(chunks: SampleChunks, words: NameWords, duration: float, heard: float | None) -> float | None:
    by_beats = 60.0 * chunks.beats / duration if chunks.beats and chunks.beats > 1 else None
    if chunks.tempo and not chunks.one_shot:
        # A tempo that was left at its default gives way to a number of beats that was counted.
        if by_beats and heard and _apart(by_beats, heard) < NEAR[1] < _apart(chunks.tempo, heard):
            return by_beats
        return float(chunks.tempo)
    if by_beats or words.tempo:
        return by_beats or words.tempo
    exact = [60.0 * beats / duration for beats in BEATS]
    for number in words.numbers:
        fits = any(abs(tempo / number - 1.0) <= _FITS for tempo in exact)
        if fits or (heard and _apart(number, heard) <= NEAR[1]):
            return number
    return None


def _apart(tempo: float, heard: float) -> float:
    """How far two tempi are apart, as a share, with half and double being the same."""
    octaves = math.log2(tempo / heard)
    return abs(octaves - min(max(round(octaves), -1), 1)) * math.log(2.0)


def _told_key(
    chunks: SampleChunks, words: NameWords, heard: str | None, chroma: NDArray[np.floating] | None
) -> str | None:
    if chunks.root is not None and chunks.mode:
        return KEYS[chunks.root % 12 + 12 * (chunks.mode == "minor")]
    if words.key:
        return words.key
    if heard in words.places:
        return heard
    own = None if heard is None else KEYS.index(heard) % 12
    if chunks.root is not None and (chunks.root not in _UNSURE_ROOTS or own == 0):
        return _with_mode(chunks.root % 12, heard, chroma)
    for tonic in reversed(words.tonics):
        number = KEYS.index(parse_key(tonic))
        if len(tonic) > 1 or number == own:
            return _with_mode(number, heard, chroma)
    return None


def _with_mode(tonic: int, heard: str | None, chroma: NDArray[np.floating] | None) -> str:
    """The key of a tonic whose third is the one that is heard more; major where neither is."""
    if heard is not None and KEYS.index(heard) % 12 == tonic:
        return heard
    minor = chroma is not None and float(chroma[(tonic + 3) % 12]) > float(chroma[(tonic + 4) % 12])
    return KEYS[tonic + 12 * minor]
