"""Where two tracks play the same notes or chords, in whatever key and tempo.

A match is a chain: notes of the query paired with notes of the track, in order, linked where both sides move by
the same interval. Between two links up to two notes may be left out on either side (passing notes, errors of the
transcription), and the time that passes, in beats, may differ; both cost a little, as does an interval that is off
by octaves. Only steps count, never pitches, so that all transpositions are searched at once. The best chain of
every pair of notes is found by dynamic programming after T. Smith and M. Waterman (1981); one row of it is
computed for many tracks together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.facets import Facet
from soundalike.notes import Transcription, chord_name, note_name

Codes = NDArray[np.int16]

ALIGNED: Final = MappingProxyType({Facet("melody"): "melody", Facet("harmony"): "harmony"})
"""Facets that can be refined by alignment, and the kind of line that each is heard in."""

LEAST: Final = {"melody": 6, "harmony": 4}
"""Notes, and chords, that both sides need for a comparison: fewer are alike by chance."""

MOST_QUERY: Final = 600
MOST_TRACK: Final = 4000
"""Notes and chords beyond which the rest is left out: about 5 minutes to ask with, half an hour to look in."""

_REACH: Final = 3
"""A link leads at most so many notes on; the two sides together at most one more."""

# Values of a link. Whole numbers keep the tables small and the sums exact.
_LINK: Final = 16
_SKIPPED: Final = 8
_OCTAVE: Final = 5
_TIMES: Final = 8  # times are compared in eighths of an octave, each of which costs 1
_LONGEST: Final = 12
_TONE: Final = 8
_NEVER: Final = -32000
_NOTHING: Final = 999  # an interval that is none

_CHANCE: Final = {"melody": (-2.4, 0.67), "harmony": (-1.35, 0.44)}
"""Links that unrelated lines share: the first value, and the second times the logarithm of the number of pairs."""

_BEAT: Final = 0.5
"""Seconds of a beat where no pulse was heard."""

_SATURATION: Final = 8.0

_MEMORY: Final = 64 * 2**20
_OCCURRENCES: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A string of notes or chords, ready to be aligned.

    Attributes
    ----------
    kind : str
        "melody" or "harmony".
    pitch : int16, shape (n,)
        MIDI pitches, or pitch classes of chord roots.
    shape : uint16, shape (n,)
        Masks of the chords' tones above their roots; zeros for notes.
    start, end : float64, shape (n,)
        Seconds.
    rows : array of `NOTE` or `CHORD`
        Where they come from.
    beat : float
        Seconds; only ratios of times count, so that a wrong guess costs little.
    """

    kind: str
    pitch: Codes
    shape: NDArray[np.uint16]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    rows: NDArray[np.void]
    beat: float

    def __len__(self) -> int:
        return len(self.pitch)

    @property
    def enough(self) -> bool:
        """Whether there is enough to compare; see `LEAST`."""
        return len(self) >= LEAST[self.kind]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where two lines are alike.

    Attributes
    ----------
    kind : str
        "melody" or "harmony".
    similarity : float
        See `similarities`.
    transposition : int
        Semitones from the query to the track: 5 is a fourth higher. For chords from -5 to 6.
    query, track : tuple of str
        Names of the paired notes or chords of the best match, one to one.
    query_range, track_range : tuple of float
        Seconds of that match.
    exact : bool
        Whether all pairs are the same apart from the transposition: no octaves between, the same kinds of chords.
    again : tuple of (start, end)
        Where else in the track most of the same notes are played, in seconds, in order of time.
    """

    kind: str
    similarity: float
    transposition: int
    query: tuple[str, ...]
    track: tuple[str, ...]
    query_range: tuple[float, float]
    track_range: tuple[float, float]
    exact: bool
    again: tuple[tuple[float, float], ...] = ()

    @property
    def matched(self) -> int:
        """How many notes or chords are paired."""
        return len(self.query)


def line(transcription: Transcription, kind: str) -> Line:
    """The notes ("melody") or chords ("harmony") of a transcription as a `Line`."""
    rows = transcription.notes if kind == "melody" else transcription.chords
    if kind == "melody":
        pitch, shape = rows["pitch"].astype(np.int16), np.zeros(len(rows), np.uint16)
    else:
        pitch, tones = rows["root"].astype(np.int16), rows["tones"].astype(np.int32)
        shape = ((tones >> pitch | tones << 12 - pitch) & 0xFFF).astype(np.uint16)
    start = rows["start"].astype(np.float64)
    return Line(kind, pitch, shape, start, start + rows["length"], rows, transcription.beat or _BEAT)


def scores(query: Line, tracks: Sequence[Line]) -> NDArray[np.float64]:
    """Value of the best chain of the query with each track, in links: float64, shape (k,)."""
    best = np.zeros(len(tracks))
    for rows, table in _tables(query, tracks):
        best[rows] = table.max(axis=(0, 2)) / _LINK
    return best


def similarities(query: Line, tracks: Sequence[Line]) -> NDArray[np.float64]:
    """How alike the query is to each track, comparable between lines of any lengths: float64, shape (k,).

    ``1 - exp(-(s - c) / 8)``, where s is the value of the best chain in links, and c what lines of those lengths
    share by chance. About 0 for unrelated tracks, 0.63 for eight links more than chance, towards 1 for long matches.
    """
    lengths = np.array([min(len(track), MOST_TRACK) for track in tracks])
    return _similarity(query, lengths, scores(query, tracks))


def _similarity(query: Line, lengths: NDArray[np.intp], links: NDArray[np.float64]) -> NDArray[np.float64]:
    pairs = np.maximum(min(len(query), MOST_QUERY) * lengths, 1)
    least, growth = _CHANCE[query.kind]
    beyond = links - (least + growth * np.log(pairs))
    similarity: NDArray[np.float64] = 1.0 - np.exp(-np.maximum(beyond, -_SATURATION) / _SATURATION)
    return similarity


def align(query: Line, tracks: Sequence[Line]) -> list[Alignment | None]:
    """The best match with each track note by note, and where else in it that comes; None where nothing is alike."""
    found: list[Alignment | None] = [None] * len(tracks)
    asked = _Steps.of([query], MOST_QUERY)
    for rows, tables in _tables(query, tracks):
        for place, row in enumerate(rows.tolist()):
            table = tables[:, place, _REACH:]
            if table.any():
                track = tracks[row]
                found[row] = _alignment(query, track, _Trace(asked, _Steps.of([track], MOST_TRACK), table))
    return found


def _alignment(query: Line, track: Line, trace: _Trace) -> Alignment:
    i, j = np.unravel_index(trace.table.argmax(), trace.table.shape)
    best = trace.back(int(i), int(j))
    asked, found = best.T
    links = np.array([trace.table[i, j] / _LINK])
    steps, times = np.unique(track.pitch[found] - query.pitch[asked], return_counts=True)
    transposition = int(steps[times.argmax()])
    return Alignment(
        query.kind,
        float(_similarity(query, np.array([min(len(track), MOST_TRACK)]), links)[0]),
        transposition if query.kind == "melody" else (transposition + 5) % 12 - 5,
        _names(query, asked),
        _names(track, found),
        _range(query, asked),
        _range(track, found),
        len(steps) == 1 if query.kind == "melody" else bool((query.shape[asked] == track.shape[found]).all()),
        tuple(sorted(_range(track, other[:, 1]) for other in _again(trace, query, track, best))),
    )


def _names(one: Line, places: NDArray[np.intp]) -> tuple[str, ...]:
    rows = one.rows[places]
    if one.kind == "melody":
        return tuple(note_name(pitch) for pitch in rows["pitch"].tolist())
    return tuple(chord_name(chord["root"], chord["tones"]) for chord in rows)


def _range(one: Line, places: NDArray[np.intp]) -> tuple[float, float]:
    return float(one.start[places[0]]), float(one.end[places[-1]])


@dataclass(frozen=True, slots=True)
class _Trace:
    """A table of chains, to be followed backwards."""

    query: _Steps
    track: _Steps
    table: Codes

    def back(self, i: int, j: int) -> NDArray[np.intp]:
        """The best chain that ends with note i of the query and note j of the track: pairs, shape (matched, 2)."""
        pairs = [(i, j)]
        while self.table[pairs[-1]] > 0:
            pairs.append(max(self._before(*pairs[-1]))[1])
        return np.array(pairs[::-1], np.intp)

    def _before(self, i: int, j: int) -> Iterator[tuple[int, tuple[int, int]]]:
        """Value and place of each pair that (i, j) may be linked with."""
        for ahead, behind in _LINKS:
            if ahead <= i and behind <= j:
                gain = int(self.query.gain(self.track, i, ahead, behind, slice(j, j + 1))[0, 0])
                yield int(self.table[i - ahead, j - behind]) + gain, (i - ahead, j - behind)


def _again(trace: _Trace, query: Line, track: Line, best: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Other chains that hold most of the best one's notes of the query, at the same transposition."""
    first, last = int(best[0, 0]), int(best[-1, 0])
    shift = (int(track.pitch[best[0, 1]]) - int(query.pitch[best[0, 0]])) % 12
    ends = trace.table[first : last + 1].copy()
    ends[:, best[0, 1] : best[-1, 1] + 1] = 0
    found: list[NDArray[np.intp]] = []
    for _ in range(_OCCURRENCES * 5):
        i, j = np.unravel_index(ends.argmax(), ends.shape)
        if ends[i, j] * 2 <= _LINK * (len(best) - 1) or len(found) == _OCCURRENCES:
            break
        chain = trace.back(int(first + i), int(j))
        chain = chain[chain[:, 0] >= first]
        free = all(chain[0, 1] > other[-1, 1] or chain[-1, 1] < other[0, 1] for other in [best, *found])
        common = len(np.intersect1d(chain[:, 0], best[:, 0]))
        same = (int(track.pitch[j]) - int(query.pitch[first + i])) % 12 == shift
        if free and same and 2 * common > len(best):
            found.append(chain)
            ends[:, chain[0, 1] : chain[-1, 1] + 1] = 0
        else:
            ends[i, j] = 0
    return found


def _tables(query: Line, tracks: Sequence[Line]) -> Iterator[tuple[NDArray[np.intp], Codes]]:
    """Tables of chains for groups of tracks of similar length: (their rows, (n, group, `_REACH` + m) values)."""
    asked = _Steps.of([query], MOST_QUERY)
    lengths = np.array([min(len(track), MOST_TRACK) for track in tracks], np.intp)
    order = np.argsort(lengths, kind="stable")
    while len(order):
        widest = lengths[order[-1]] + _REACH
        group = order[-max(int(_MEMORY // (2 * max(len(query), 1) * widest)), 1) :]
        order = order[: -len(group)]
        yield group, _table(asked, _Steps.of([tracks[i] for i in group], MOST_TRACK))


@dataclass(frozen=True, slots=True)
class _Steps:
    """Steps of several lines over 1 to `_REACH` notes, padded to one length.

    Attributes
    ----------
    interval, pitch_class, time : int16, shape (1 + reach, lines, m)
        Semitones, the same from 0 to 11, and logarithm of the time, from the note `reach` places before.
    shape : uint16, shape (lines, m)
    """

    interval: Codes
    pitch_class: Codes
    time: Codes
    shape: NDArray[np.uint16]

    @classmethod
    def of(cls, lines: Sequence[Line], most: int) -> _Steps:
        size = max(min(len(line), most) for line in lines)
        interval = np.full((_REACH + 1, len(lines), size), _NOTHING, np.int16)
        time = np.zeros_like(interval)
        shape = np.zeros(interval.shape[1:], np.uint16)
        for row, one in enumerate(lines):
            pitch, start = one.pitch[:most], one.start[:most] / one.beat
            shape[row, : len(pitch)] = one.shape[:most]
            for reach in range(1, min(_REACH, len(pitch) - 1) + 1):
                interval[reach, row, reach : len(pitch)] = pitch[reach:] - pitch[:-reach]
                passed = np.maximum(start[reach:] - start[:-reach], 0.05)
                time[reach, row, reach : len(pitch)] = np.rint(_TIMES * np.log2(passed))
        pitch_class = np.where(interval == _NOTHING, np.int16(_NOTHING), interval % 12)
        return cls(interval, pitch_class, time, shape)

    def gain(self, other: _Steps, i: int, ahead: int, behind: int, columns: slice) -> Codes:
        """Value of linking note i of this line over `ahead` notes with notes of the others over `behind`."""
        interval, time = self.interval[ahead, 0, i], self.time[ahead, 0, i]
        apart = np.abs(other.time[behind, :, columns] - time)
        np.minimum(apart, np.abs(apart - np.int16(_TIMES)), out=apart)  # half and double tempo are easily confused
        np.minimum(apart, np.int16(_LONGEST), out=apart)
        np.subtract(np.int16(_LINK - _SKIPPED * (ahead + behind - 2)), apart, out=apart)
        apart -= np.int16(_OCTAVE) * (other.interval[behind, :, columns] != interval)
        return np.where(other.pitch_class[behind, :, columns] == self.pitch_class[ahead, 0, i], apart, np.int16(_NEVER))

    def unlike(self, other: _Steps, i: int) -> Codes | None:
        """Cost of the tones in which chord i differs from all chords of the others; None for notes."""
        if not self.shape.any():
            return None
        cost: Codes = np.int16(_TONE) * np.bitwise_count(other.shape ^ self.shape[0, i]).astype(np.int16)
        return cost


def _table(query: _Steps, tracks: _Steps) -> Codes:
    """Value of the best chain that ends at each pair: int16 (n, lines, `_REACH` + m); the first columns are padding."""
    count, (lines, size) = query.shape.shape[1], tracks.shape.shape
    table = np.zeros((count, lines, _REACH + size), np.int16)
    every = slice(None)
    for i in range(1, count):
        row = table[i, :, _REACH:]
        for ahead, behind in _LINKS:
            if ahead <= i:
                first = _REACH - behind
                chain = query.gain(tracks, i, ahead, behind, every)
                chain += table[i - ahead, :, first : first + size]
                np.maximum(row, chain, out=row)
        cost = query.unlike(tracks, i)
        if cost is not None:
            np.maximum(row - cost, 0, out=row)
    return table


_LINKS: Final = tuple(
    (ahead, behind) for ahead in range(1, _REACH + 1) for behind in range(1, _REACH + 1) if ahead + behind <= _REACH + 1
)
