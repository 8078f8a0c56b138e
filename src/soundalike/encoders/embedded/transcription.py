"""From what may sound in every frame to notes and chords: the most likely string, by the Viterbi algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ShapeError
from soundalike.notes import CHORD, NOTE, QUALITIES, Transcription, mask_of

Array = NDArray[np.float32]

LOWEST_LEAD: Final = 36
"""MIDI pitch of the first column of `Posteriors.lead`."""

LEAD_PITCHES: Final = 60

_FLOOR: Final = 1e-3
"""Least probability: no frame alone can rule a note out."""

_LEAD_SWITCH: Final = 3.0
_CHORD_SWITCH: Final = 7.0
"""How much more likely, as a logarithm, a new note or chord must make what is heard."""

_ROOT_SHARE: Final = 1.0
_TONE_SHARE: Final = 0.5
_SHORTEST_CHORD: Final = 0.4


@dataclass(frozen=True, slots=True)
class Posteriors:
    """How likely everything is in each frame of a clip; the first frame is centred on its start.

    Attributes
    ----------
    lead : float32, shape (frames, 61)
        Probabilities of the lead's pitches from MIDI 36 to 95, and of no lead.
    tones : float32, shape (frames, 12)
        Probability of each pitch class, C first, to be a tone of the chord.
    root : float32, shape (frames, 13)
        Probabilities of the chord's root, and of no chord.
    bass : float32, shape (frames, 13)
        Probabilities of the pitch class of the lowest note, and of none.
    rate : float
        Frames a second.

    Raises
    ------
    ShapeError
        If an array has another shape.
    """

    lead: Array
    tones: Array
    root: Array
    bass: Array
    rate: float

    def __post_init__(self) -> None:
        for name, width in (("lead", LEAD_PITCHES + 1), ("tones", 12), ("root", 13), ("bass", 13)):
            shape = getattr(self, name).shape
            if shape != (len(self.lead), width):
                raise ShapeError(f"'{name}' has shape {shape}.", f"Give ({len(self.lead)}, {width}).")


def transcribe(posteriors: Posteriors, *, beat: float = 0.0) -> Transcription:
    """Notes and chords of one clip.

    Parameters
    ----------
    posteriors : Posteriors
    beat : float
        Length of a beat in seconds, 0 if it is not known.

    Returns
    -------
    Transcription
        Times in seconds from the start of the clip.
    """
    return Transcription(_notes(posteriors), _chords(posteriors), beat)


def _notes(posteriors: Posteriors) -> NDArray[np.void]:
    path = best_path(_log(posteriors.lead), _LEAD_SWITCH)
    begin, end, state = _runs(path, LEAD_PITCHES)
    notes = np.zeros(len(state), NOTE)
    notes["start"], notes["length"] = _times(begin, end, posteriors.rate)
    notes["pitch"] = LOWEST_LEAD + state
    return notes


def _chords(posteriors: Posteriors) -> NDArray[np.void]:
    roots, masks, table = _vocabulary()
    present, missing = _log(posteriors.tones), _log(1.0 - posteriors.tones)
    # einsum and not BLAS, as everywhere: the sums must not depend on threads.
    tones = np.einsum("tc,kc->tk", present - missing, table) + missing.sum(axis=1, keepdims=True)
    root = _log(posteriors.root)
    evidence = np.empty((len(root), len(roots) + 1), np.float32)
    evidence[:, :-1] = np.float32(_ROOT_SHARE) * root[:, roots] + np.float32(_TONE_SHARE) * tones
    evidence[:, -1] = np.float32(_ROOT_SHARE) * root[:, 12] + np.float32(_TONE_SHARE) * missing.sum(axis=1)
    begin, end, state = _runs(best_path(evidence, _CHORD_SWITCH), len(roots))
    chords = np.zeros(len(state), CHORD)
    chords["start"], chords["length"] = _times(begin, end, posteriors.rate)
    chords["root"], chords["tones"] = roots[state], masks[state]
    chords["bass"] = _lowest(posteriors.bass, begin, end, roots[state])
    return chords[chords["length"] >= min(_SHORTEST_CHORD, len(posteriors.root) / posteriors.rate / 2)]


def _lowest(bass: Array, begin: NDArray[np.intp], end: NDArray[np.intp], roots: NDArray[np.intp]) -> NDArray[np.intp]:
    """The most likely bass of each chord; its root where none is heard."""
    total = np.cumsum(np.pad(_log(bass), ((1, 0), (0, 0))), axis=0, dtype=np.float64)
    best = (total[end] - total[begin]).argmax(axis=1)
    return np.where(best == 12, roots, best)


def best_path(evidence: Array, switch: float) -> NDArray[np.intp]:
    """The most likely string of states where staying costs nothing and any change the same.

    Parameters
    ----------
    evidence : float32, shape (frames, states)
        Logarithms of likelihoods.
    switch : float
        Cost of a change.

    Returns
    -------
    int, shape (frames,)
    """
    frames = len(evidence)
    if not frames:
        return np.zeros(0, np.intp)
    score = evidence[0].copy()
    changed = np.zeros(evidence.shape, np.bool_)
    source = np.zeros(frames, np.intp)
    cost = np.float32(switch)
    for frame in range(1, frames):
        source[frame] = best = score.argmax()
        level = score[best] - cost
        np.less(score, level, out=changed[frame])
        np.maximum(score, level, out=score)
        score += evidence[frame]
        score -= score[best]  # keeps float32 exact enough for clips of any length
    path = np.empty(frames, np.intp)
    state = int(score.argmax())
    for frame in range(frames - 1, -1, -1):
        path[frame] = state
        if changed[frame, state]:
            state = int(source[frame])
    return path


def _runs(path: NDArray[np.intp], nothing: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """First frame, frame after the last, and state of each run of one state that is not `nothing`."""
    if not len(path):
        return path, path, path
    edges = np.flatnonzero(np.diff(path)) + 1
    begin, end = np.concatenate([[0], edges]), np.concatenate([edges, [len(path)]])
    state = path[begin]
    sounding = state != nothing
    return begin[sounding], end[sounding], state[sounding]


def _times(
    begin: NDArray[np.intp], end: NDArray[np.intp], rate: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Starts and lengths in seconds: a frame stands for the time half a frame around its centre."""
    start = np.maximum((begin - 0.5) / rate, 0.0)
    return start, (end - 0.5) / rate - start


def _log(likelihood: Array) -> Array:
    logarithm: Array = np.log(np.clip(likelihood, np.float32(_FLOOR), np.float32(1.0)))
    return logarithm


@lru_cache(maxsize=1)
def _vocabulary() -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """Root, mask and tones of every chord: (chords,), (chords,), (chords, 12)."""
    chords = [(root, [(root + i) % 12 for i in tones]) for tones in QUALITIES.values() for root in range(12)]
    table = np.zeros((len(chords), 12), np.float32)
    for row, (_, tones) in zip(table, chords, strict=True):
        row[tones] = 1.0
    return np.array([root for root, _ in chords]), np.array([mask_of(tones) for _, tones in chords]), table


_LOWEST_VOICE: Final = 52
_POOLED: Final = 2
