"""What is played in a track, as strings of notes and chords: kept in a few bytes each, shown by their names.

Times are seconds from the start of the track. Pitches are MIDI numbers, 60 is middle C ("C4"); pitch classes
count from C (0) to B (11); the tones of a chord are a mask with bit i set for pitch class i.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ShapeError, StoreError
from soundalike.key import PITCH_CLASSES

VERSION: Final = 1
"""First byte of `Transcription.to_bytes`."""

NOTE: Final = np.dtype([("start", "f8"), ("length", "f8"), ("pitch", "u1")])
"""A note of the lead: seconds, seconds, MIDI number."""

CHORD: Final = np.dtype([("start", "f8"), ("length", "f8"), ("root", "u1"), ("bass", "u1"), ("tones", "u2")])
"""A chord: seconds, seconds, pitch class of its root, pitch class of the lowest note, mask of its tones."""

QUALITIES: Final = MappingProxyType(
    {
        "": (0, 4, 7),
        "m": (0, 3, 7),
        "7": (0, 4, 7, 10),
        "m7": (0, 3, 7, 10),
        "maj7": (0, 4, 7, 11),
        "6": (0, 4, 7, 9),
        "m6": (0, 3, 7, 9),
        "sus4": (0, 5, 7),
        "sus2": (0, 2, 7),
        "dim": (0, 3, 6),
        "m7b5": (0, 3, 6, 10),
        "dim7": (0, 3, 6, 9),
        "aug": (0, 4, 8),
        "5": (0, 7),
    }
)
"""Endings of chord names, and their tones in semitones above the root."""

TICKS: Final = 100
"""Stored times are whole hundredths of a second."""

_SEAM: Final = 0.15
"""Seconds around the seam of two excerpts within which a note that ends and one that begins are one."""


@dataclass(frozen=True, slots=True, eq=False)
class Transcription:
    """What a track plays.

    Attributes
    ----------
    notes : array of `NOTE`
        The lead, one note at a time, in order of time.
    chords : array of `CHORD`
        One chord at a time, in order of time.
    beat : float
        Length of a beat in seconds; 0 where no pulse was heard.

    Raises
    ------
    ShapeError
        If an array has another dtype or more than one dimension.
    """

    notes: NDArray[np.void]
    chords: NDArray[np.void]
    beat: float = 0.0

    def __post_init__(self) -> None:
        for name, array, dtype in (("notes", self.notes, NOTE), ("chords", self.chords, CHORD)):
            if array.dtype != dtype or array.ndim != 1:
                raise ShapeError(f"The {name} have dtype {array.dtype} and shape {array.shape}.", f"Give 1-D {dtype}.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Transcription):
            return NotImplemented
        same = np.array_equal(self.notes, other.notes) and np.array_equal(self.chords, other.chords)
        return bool(same and self.beat == other.beat)

    def __bool__(self) -> bool:
        return bool(len(self.notes) or len(self.chords))

    def to_bytes(self) -> bytes:
        """About three bytes a note and five a chord; times are rounded to hundredths of a second."""
        columns = [np.array([round(self.beat * 1000), len(self.notes), len(self.chords)], np.int64)]
        for rows in (self.notes, self.chords):
            first = np.rint(rows["start"] * TICKS).astype(np.int64)
            last = np.rint((rows["start"] + rows["length"]) * TICKS).astype(np.int64)
            columns += [np.diff(first, prepend=0), np.maximum(last - first, 1)]
            columns += [rows[name].astype(np.int64) for name in (rows.dtype.names or ())[2:]]
        return bytes([VERSION]) + _pack(np.concatenate(columns))

    @classmethod
    def from_bytes(cls, content: bytes) -> Transcription:
        """Read what `to_bytes` wrote.

        Raises
        ------
        StoreError
            If the bytes are damaged, or of a version that is not known.
        """
        if content[:1] != bytes([VERSION]):
            raise StoreError(
                f"A transcription has version {content[0] if content else 'none'}, and {VERSION} is known.",
                "Install a newer version of this program, or analyse the track again.",
            )
        values = _unpack(content[1:])
        counts = values[1:3].tolist()
        if len(counts) < 2 or len(values) != 3 + 3 * counts[0] + 5 * counts[1]:
            raise _damaged()
        notes = _rows(values[3 : 3 + 3 * counts[0]], NOTE)
        chords = _rows(values[3 + 3 * counts[0] :], CHORD)
        if (notes["pitch"] > 127).any() or (chords["root"] > 11).any() or (chords["bass"] > 11).any():
            raise _damaged()
        if (chords["tones"] > 0xFFF).any():
            raise _damaged()
        return cls(notes, chords, int(values[0]) / 1000)


EMPTY: Final = Transcription(np.zeros(0, NOTE), np.zeros(0, CHORD))
"""Nothing is played."""


def _damaged() -> StoreError:
    return StoreError("A stored transcription is damaged.", "Analyse the track again.")


def _rows(values: NDArray[np.int64], dtype: np.dtype[np.void]) -> NDArray[np.void]:
    assert dtype.names is not None
    columns = values.reshape(len(dtype.names), -1)
    rows = np.zeros(columns.shape[1], dtype)
    if columns[2:].max(initial=0) > 0xFFFF:
        raise _damaged()
    rows["start"], rows["length"] = np.cumsum(columns[0]) / TICKS, columns[1] / TICKS
    for name, column in zip(dtype.names[2:], columns[2:], strict=True):
        if column.max(initial=0) > np.iinfo(dtype[name]).max:
            raise _damaged()
        rows[name] = column
    return rows


def _pack(values: NDArray[np.int64]) -> bytes:
    """Whole numbers from 0 to 2**35 - 1, seven bits a byte, low ones first; a set high bit says that more follow."""
    groups = (values[:, None] >> np.arange(0, 35, 7)) & 0x7F
    size = 1 + (values[:, None] >= np.int64(1) << np.arange(7, 35, 7)).sum(axis=1)
    place = np.arange(groups.shape[1])
    groups = groups | (place < size[:, None] - 1) << 7
    octets: NDArray[np.uint8] = groups[place < size[:, None]].astype(np.uint8)
    return octets.tobytes()


def _unpack(content: bytes) -> NDArray[np.int64]:
    octets = np.frombuffer(content, np.uint8).astype(np.int64)
    ends = np.flatnonzero(octets < 0x80)
    starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.intp)
    if not len(ends) or ends[-1] != len(octets) - 1 or (ends - starts >= 5).any():
        raise _damaged()
    place = np.arange(len(octets)) - np.repeat(starts, ends - starts + 1)
    return np.add.reduceat((octets & 0x7F) << 7 * place, starts)


# Joining


def join(parts: Iterable[tuple[float, float, Transcription]], *, beat: float | None = None) -> Transcription:
    """One track from its excerpts; a note or chord that goes on across a seam is one.

    Parameters
    ----------
    parts : iterable of (start, end, Transcription)
        The excerpts' times in the track, in seconds, in order, and what they play in seconds from their own
        start. Where two overlap, the earlier one counts.
    beat : float, optional
        Length of a beat in the track; the default is the median over the excerpts in which a pulse was heard.
    """
    notes: list[NDArray[np.void]] = []
    chords: list[NDArray[np.void]] = []
    beats = []
    reached = -np.inf
    for start, end, part in parts:
        for rows, kept in ((part.notes, notes), (part.chords, chords)):
            kept.append(_after(rows, start, reached))
        beats += [part.beat] if part.beat > 0 else []
        reached = max(reached, end)
    if beat is None:
        beat = float(np.median(beats)) if beats else 0.0
    return Transcription(_joined(notes, NOTE, ("pitch",)), _joined(chords, CHORD, ("root", "tones")), beat)


def _after(rows: NDArray[np.void], start: float, reached: float) -> NDArray[np.void]:
    """Rows moved by `start`, without what lies before `reached`."""
    moved = rows.copy()
    begin, end = rows["start"] + start, rows["start"] + rows["length"] + start
    moved["start"] = np.maximum(begin, reached)
    moved["length"] = end - moved["start"]
    # What began well before the seam is known from the excerpt before it; a sliver of it says nothing.
    kept: NDArray[np.void] = moved[moved["length"] > (0.02 if not np.isfinite(reached) else 0.05)]
    return kept


def _joined(parts: Sequence[NDArray[np.void]], dtype: np.dtype[np.void], same: tuple[str, ...]) -> NDArray[np.void]:
    rows: list[NDArray[np.void]] = []
    for part in parts:
        part = part.copy()
        if rows and len(part):
            last, first = rows[-1][-1:], part[:1]
            gap = float(first["start"][0] - last["start"][0] - last["length"][0])
            if gap <= _SEAM and all(last[name][0] == first[name][0] for name in same):
                last["length"] = first["start"] + first["length"] - last["start"]
                part = part[1:]
        if len(part):
            rows.append(part)
    return np.concatenate(rows) if rows else np.zeros(0, dtype)


# Names


def note_name(pitch: int) -> str:
    """Name of a MIDI pitch, such as "C4" for 60."""
    octave, pitch_class = divmod(int(pitch), 12)
    return f"{PITCH_CLASSES[pitch_class]}{octave - 1}"


def mask_of(tones: Iterable[int]) -> int:
    """Mask of pitch classes, such as 0b10010001 for C, E and G."""
    return sum(1 << tone for tone in {int(tone) % 12 for tone in tones})


def tones_of(mask: int) -> list[int]:
    """Pitch classes of a mask, in ascending order."""
    return [tone for tone in range(12) if int(mask) >> tone & 1]


def chord_name(root: int, tones: int, bass: int | None = None) -> str:
    """Name of a chord by its root and its mask of tones, such as "Am7" or "C/E".

    Tones that have no name of their own are called by the most similar chord that has one.
    """
    shifted = (int(tones) >> int(root) | int(tones) << 12 - int(root)) & 0xFFF
    name = PITCH_CLASSES[int(root)] + _quality(shifted | 1)
    return name if bass is None or int(bass) == int(root) else f"{name}/{PITCH_CLASSES[int(bass)]}"


@lru_cache(maxsize=4096)
def _quality(tones: int) -> str:
    masks = {name: mask_of(intervals) for name, intervals in QUALITIES.items()}
    return min(masks, key=lambda name: (masks[name] ^ tones).bit_count())
