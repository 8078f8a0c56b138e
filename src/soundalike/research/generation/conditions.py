"""Melodies as generators follow them: heard in a clip, read from a salience file, made of notes, and changed.

A melody is bool, shape (frames, 53), with at most one note per frame; `soundalike.research.generation` says which notes
and how long a frame is. Source of hearing and of salience files: Roy et al., "MERIT: Learning Disentangled Music
Representations for Audio Similarity", 2026, and their program.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.errors import MissingExtraError, ShapeError, UsageError
from soundalike.research.generation import FRAME_RATE, LOWEST_NOTE, NOTES, Condition

MelodyRows: TypeAlias = NDArray[np.bool_]

LONGEST_GAP: Final = 3
"""Frames without a note that are taken for a slip of the tracker and filled."""

_RATE: Final = 22050
_HOP: Final = _RATE // FRAME_RATE
_LOWEST_HERTZ, _HIGHEST_HERTZ = 65.0, 2000.0
_LEAST_VOICED: Final = 0.2
_SMOOTHED: Final = 5
"""Frames over which pitches are smoothed."""

_SALIENCE_RATE: Final = 22050 / 256
"""Frames per second of a salience file that does not say when its frames are."""


def melody_of(clip: Clip, *, duration: float = 10.0, reference: bool = False) -> MelodyRows:
    """Hear the melody of a clip by the probabilistic YIN algorithm (Mauch and Dixon, 2014) on its harmonic part.

    Parameters
    ----------
    clip : Clip
        Best of one voice.
    duration : float
        Seconds; a longer clip is cut, a shorter one is silent to the end.
    reference : bool
        Do as MERIT's program does: a pitch is smoothed as if frames without one had MIDI pitch 0, which pulls the ends
        of notes down to G2, and pitches out of range become the range's lowest or highest note. Otherwise only pitches
        that were heard take part, and those out of range move by octaves.

    Returns
    -------
    bool, shape (round(50 * duration), 53)

    Raises
    ------
    MissingExtraError
        If librosa is not installed.
    UsageError
        If the duration is less than a frame.
    """
    frames = frames_of(duration)
    samples = clip.mono().resample(_RATE).samples[0]
    length = round(duration * _RATE)
    pitch = _pitches(np.pad(samples[:length], (0, max(0, length - len(samples)))))[:frames]
    pitch = np.pad(pitch, (0, frames - len(pitch)), constant_values=np.nan)
    pitch = _smooth_with_zeros(pitch) if reference else _smooth(pitch)
    heard = np.flatnonzero(np.isfinite(pitch))
    if reference:
        notes = np.rint(np.clip(pitch[heard], LOWEST_NOTE, LOWEST_NOTE + NOTES - 1)).astype(np.intp) - LOWEST_NOTE
    else:
        notes = _into_range(np.rint(pitch[heard]).astype(np.intp) - LOWEST_NOTE)
    return fill_gaps(_rows(frames, heard, notes))


def _pitches(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """MIDI pitch of every frame, float32; NaN where there is none."""
    try:
        import librosa
    except ImportError:
        raise MissingExtraError(
            "Melodies are heard with librosa, not installed here.",
            "Install it with: pip install 'soundalike[research]'",
        ) from None
    if not samples.any():
        return np.full(1 + len(samples) // _HOP, np.nan, np.float32)
    harmonic = librosa.effects.harmonic(samples)
    hertz, _, voiced = librosa.pyin(harmonic, fmin=_LOWEST_HERTZ, fmax=_HIGHEST_HERTZ, sr=_RATE, hop_length=_HOP)
    hertz = np.where(np.asarray(voiced, np.float32) >= _LEAST_VOICED, np.asarray(hertz, np.float32), np.nan)
    pitch: NDArray[np.float32] = (69.0 + 12.0 * np.log2(hertz / 440.0)).astype(np.float32)
    return pitch


def _smooth(pitch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median over the pitches within two frames; of two in the middle the lower, so that it is one that was heard."""
    near = _SMOOTHED // 2
    around = np.sort(sliding_window_view(np.pad(pitch, near, constant_values=np.nan), _SMOOTHED), axis=1)
    count = np.isfinite(around).sum(axis=1)
    median = np.take_along_axis(around, np.maximum(count - 1, 0)[:, None] // 2, axis=1)[:, 0]
    return np.where(np.isfinite(pitch), median, np.float32(np.nan))


def _smooth_with_zeros(pitch: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median over five frames, with 0 where there is no pitch."""
    filled = np.pad(np.where(np.isfinite(pitch), pitch, np.float32(0.0)), _SMOOTHED // 2, mode="edge")
    median = np.median(sliding_window_view(filled, _SMOOTHED), axis=1)
    return np.where(np.isfinite(pitch), median, np.float32(np.nan))


def melody_from_npz(
    path: str | Path, *, offset: float = 0.0, duration: float = 10.0, threshold: float = 0.3
) -> MelodyRows:
    """Take the most salient note of every frame from a file that a salience network wrote.

    Parameters
    ----------
    path : str or Path
        A .npz file with "salience", shape (frequencies, frames); "freqs" in hertz; and "times" in seconds, without
        which there are 86.13 frames per second.
    offset, duration : float
        The passage in seconds. Without times the offset is not looked at, as in MERIT's program.
    threshold : float
        Salience below which there is no note.

    Returns
    -------
    bool, shape (round(50 * duration), 53)
        Saliences are summed per semitone and interpolated linearly in time. Gaps are not filled.

    Raises
    ------
    UsageError
        If the file cannot be read, lacks an array, or ends before the passage.
    """
    salience, hertz, times = _read_salience(Path(path))
    frames = frames_of(duration)
    if times is not None and times.shape == salience.shape[1:]:
        salience = salience[:, (times >= offset) & (times < offset + duration)]
    else:
        salience = salience[:, : round(duration * _SALIENCE_RATE)]
    if not salience.shape[1]:
        raise UsageError(f"'{path}' has no frames from {offset:g} s on.", "Name a passage that it covers.")
    with np.errstate(divide="ignore", invalid="ignore"):
        notes = np.rint(69.0 + 12.0 * np.log2(hertz / 440.0)) - LOWEST_NOTE
    summed = np.zeros((NOTES, salience.shape[1]), np.float32)
    for note, row in zip(notes, salience, strict=True):
        if 0 <= note < NOTES:
            summed[int(note)] += row
    summed = _interpolate(summed, frames)
    loudest, level = summed.argmax(axis=0), summed.max(axis=0)
    kept = np.flatnonzero((level >= np.float32(threshold)) & (level > 0))
    return _rows(frames, kept, loudest[kept])


def _read_salience(
    path: Path,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32] | None]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = {
                name: np.asarray(file[name], np.float32) for name in ("salience", "freqs", "times") if name in file
            }
    except (OSError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, EOFError) as error:
        raise UsageError(f"'{path}' cannot be read as a salience file: {error}.", "Give a .npz file.") from None
    salience, hertz = found.get("salience"), found.get("freqs")
    if salience is None or hertz is None or salience.ndim != 2 or hertz.shape != salience.shape[:1]:
        shapes = {name: array.shape for name, array in found.items()}
        raise UsageError(
            f"'{path}' holds arrays of shapes {shapes}.", "Give 'salience', (frequencies, frames), and 'freqs'."
        )
    return salience, hertz, found.get("times")


def _interpolate(rows: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """Linear interpolation along the last axis, ends not aligned: as torch does it, in its order of sums."""
    scale = np.float32(rows.shape[1] / length)
    place = np.maximum(scale * (np.arange(length, dtype=np.float32) + np.float32(0.5)) - np.float32(0.5), 0)
    first = np.minimum(place.astype(np.intp), rows.shape[1] - 1)
    second = np.minimum(first + 1, rows.shape[1] - 1)
    share = (place - first).astype(np.float32)
    between: NDArray[np.float32] = rows[:, first] * (np.float32(1) - share) + rows[:, second] * share
    return between


def melody_from_notes(notes: Iterable[tuple[float, float, float]], *, duration: float = 10.0) -> MelodyRows:
    """Make a melody of notes, such as ``transcription.notes.tolist()`` or those of a score.

    Parameters
    ----------
    notes : iterable of (start, length, pitch)
        Seconds, seconds, MIDI number. Where two sound at once the later one in the list does.
    duration : float
        Seconds; what begins later is left out.

    Returns
    -------
    bool, shape (round(50 * duration), 53)
        Every note has at least one frame; those out of range move by octaves.
    """
    frames = frames_of(duration)
    row = np.full(frames, -1, np.intp)
    for start, length, pitch in notes:
        first = max(round(start * FRAME_RATE), 0)
        last = max(round((start + length) * FRAME_RATE), first + 1)
        if start + length > 0:
            row[first:last] = _into_range(np.array([round(pitch) - LOWEST_NOTE]))[0]
    sounding = np.flatnonzero(row >= 0)
    return _rows(frames, sounding, row[sounding])


def fill_gaps(melody: MelodyRows, longest: int = LONGEST_GAP) -> MelodyRows:
    """Sound the note before a gap through it, or at the beginning the note after it, if it has at most so many frames.

    Parameters
    ----------
    melody : bool, shape (frames, 53)
        Left untouched.
    longest : int
        Frames; longer gaps stay.
    """
    check_melody(melody)
    filled = melody.copy()
    sounding = melody.any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], sounding, [True]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2).tolist():
        if last - first > longest or last - first == len(melody):
            continue
        filled[first:last] = melody[first - 1] if first else melody[last]
    return filled


def coverage(melody: MelodyRows) -> float:
    """Share of a melody's frames that have a note; 0 if there are no frames."""
    return float(melody.any(axis=1).mean()) if len(melody) else 0.0


def transpose_melody(melody: MelodyRows, semitones: int) -> MelodyRows:
    """Move a melody up or down.

    Parameters
    ----------
    melody : bool, shape (frames, 53)
    semitones : int

    Returns
    -------
    bool, shape (frames, 53)
        If a note would fall out of the range, the whole melody moves back by the fewest octaves that keep all of it
        inside. If no octave does, only the notes that are out move by octaves.
    """
    check_melody(melody)
    sounding = np.flatnonzero(melody.any(axis=1))
    if not len(sounding):
        return melody.copy()
    notes = melody[sounding].argmax(axis=1) + semitones
    fewest, most = math.ceil(-int(notes.min()) / 12), (NOTES - 1 - int(notes.max())) // 12
    if fewest <= most:
        notes = notes + 12 * min(max(0, fewest), most)
    return _rows(len(melody), sounding, _into_range(notes))


def stretch_melody(melody: MelodyRows, ratio: float) -> MelodyRows:
    """Play a melody in another tempo.

    Parameters
    ----------
    melody : bool, shape (frames, 53)
    ratio : float
        How many times as long it gets: 2 is half the tempo.

    Returns
    -------
    bool, shape (round(ratio * frames), 53)

    Raises
    ------
    UsageError
        If the ratio is not positive, or so small that nothing is left.
    """
    check_melody(melody)
    frames = round(len(melody) * ratio) if 0 < ratio < math.inf else 0
    if not frames:
        raise UsageError(f"A melody of {len(melody)} frames was to be {ratio:g} times as long.", "Give about 0.5 to 2.")
    source = ((np.arange(frames) + 0.5) * (len(melody) / frames)).astype(np.intp)
    return melody[source]


def shift_melody(melody: MelodyRows, seconds: float) -> MelodyRows:
    """Begin a melody later, or earlier if `seconds` is negative; as long as before, and what falls out is lost."""
    check_melody(melody)
    shifted = np.zeros_like(melody)
    by = round(seconds * FRAME_RATE)
    kept = max(len(melody) - abs(by), 0)
    first, second = max(by, 0), max(-by, 0)
    shifted[first : first + kept] = melody[second : second + kept]
    return shifted


def fit_melody(melody: MelodyRows, duration: float) -> MelodyRows:
    """Cut a melody to a duration in seconds, or add silence to it."""
    check_melody(melody)
    frames = frames_of(duration)
    return np.pad(melody[:frames], ((0, max(0, frames - len(melody))), (0, 0)))


def chroma_of_melody(melody: MelodyRows) -> NDArray[np.bool_]:
    """Pitch class of every frame, C first: bool, shape (frames, 12)."""
    check_melody(melody)
    chroma = np.zeros((len(melody), 12), np.bool_)
    frames, notes = np.nonzero(melody)
    chroma[frames, (notes + LOWEST_NOTE) % 12] = True
    return chroma


def frames_of(duration: float) -> int:
    """Frames of a melody of a duration in seconds.

    Raises
    ------
    UsageError
        If there is not one.
    """
    frames = round(duration * FRAME_RATE) if math.isfinite(duration) else 0
    if frames < 1:
        raise UsageError(f"A duration of {duration:g} s was given.", f"Give at least {1 / FRAME_RATE:g} s.")
    return frames


def check_melody(melody: MelodyRows) -> None:
    """Refuse what is no melody.

    Raises
    ------
    ShapeError
        If it has another shape or dtype.
    UsageError
        If a frame has several notes.
    """
    if melody.ndim != 2 or melody.shape[1] != NOTES or melody.dtype != np.bool_:
        raise ShapeError(
            f"A melody has shape {melody.shape} and dtype {melody.dtype}.", f"Give bool (frames, {NOTES})."
        )
    crowded = np.flatnonzero(melody.sum(axis=1) > 1)
    if len(crowded):
        raise UsageError(f"Frame {crowded[0]} of a melody has several notes.", "Give at most one per frame.")


def check_condition(condition: Condition, *, name: str, takes: frozenset[str], longest: float) -> None:
    """Refuse a condition that a generator cannot follow.

    Parameters
    ----------
    condition : Condition
    name : str
        The generator's.
    takes : frozenset of str
        See `soundalike.research.generation.Generator`.
    longest : float
        Seconds that it can make.

    Raises
    ------
    UsageError
        If there are no words, duration or seed are none of its, or the condition names what it does not take.
    ShapeError
        If the melody is none.
    """
    given = {"melody": condition.melody is not None, "drums": condition.drums is not None, "chords": condition.chords}
    for what, is_given in given.items():
        if is_given and what not in takes:
            raise UsageError(f"'{name}' does not follow {what}.", f"It follows {', '.join(sorted(takes))} and words.")
    if not condition.text.strip():
        raise UsageError(f"'{name}' was given no words.", "Say in a few words what it should sound like.")
    if not 0 <= condition.seed < 2**32:
        raise UsageError(f"'{name}' was given the seed {condition.seed}.", "Give one from 0 to 4294967295.")
    frames_of(condition.duration)
    if condition.duration > longest:
        raise UsageError(
            f"'{name}' was asked for {condition.duration:g} s.", f"It makes at most {longest:g} s at a time."
        )
    if condition.melody is not None:
        check_melody(condition.melody)


def _into_range(notes: NDArray[np.intp]) -> NDArray[np.intp]:
    """Columns of a melody; those out of range by octaves."""
    up = np.maximum(-(notes // 12), 0)
    down = np.maximum(-((NOTES - 1 - notes) // 12), 0)
    moved: NDArray[np.intp] = notes + 12 * (up - down)
    return moved


def _rows(frames: int, places: NDArray[np.intp], notes: NDArray[np.intp]) -> MelodyRows:
    rows = np.zeros((frames, NOTES), np.bool_)
    rows[places, notes] = True
    return rows
