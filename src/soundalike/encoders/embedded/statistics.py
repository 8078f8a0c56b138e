"""What stays of a transcription when key, tempo and start are taken out: fixed-length statistics.

Melody and harmony are described by which interval follows after how many beats, whatever the first
pitch. A beat heard at half or twice its rate is the commonest mistake, so every table is given at all three
rates; and what follows what is given once more without any beat.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.correlation import at_steps, correlate_pitches, unit_block
from soundalike.encoders.embedded.transcription import LEAD_PITCHES, Posteriors

Array = NDArray[np.float32]

_RATES: Final = (0.5, 1.0, 2.0)
"""Of the beat, against the beat that is heard."""

_MELODY_STEPS: Final = 32
_MELODY_STEPS_PER_BEAT: Final = 4
_MELODY_SECONDS: Final = 7.0
_WIDEST: Final = 8
_INTERVALS: Final = 2 * _WIDEST + 1
_SURE: Final = 0.5
MELODY_DIM: Final = 2 * len(_RATES) * 12 * _MELODY_STEPS + 3 * _INTERVALS + _INTERVALS**2

_HARMONY_STEPS: Final = 17
_HARMONY_STEPS_PER_BEAT: Final = 2
_HARMONY_SECONDS: Final = 9.3
HARMONY_DIM: Final = 4 * len(_RATES) * 12 * _HARMONY_STEPS + 12 + 144


def melody(posteriors: Posteriors, beat: float) -> Array:
    """Key-, octave- and tempo-invariant statistics of the lead.

    Parameters
    ----------
    posteriors : Posteriors
    beat : float
        Length of a beat in seconds.

    Returns
    -------
    float32, shape (`MELODY_DIM`,)
        Lag x interval tables of the lead's pitch classes and of where they begin, over eight beats; then how often
        each interval follows, alone and after another, whatever their time.
    """
    pitches = posteriors.lead[:, :LEAD_PITCHES]
    classes = np.ascontiguousarray(pitches.reshape(len(pitches), -1, 12).sum(axis=1))
    begins = np.maximum(np.diff(classes, axis=0, prepend=np.float32(0.0)), 0.0)
    step = beat * posteriors.rate / _MELODY_STEPS_PER_BEAT
    lags = min(int(_MELODY_SECONDS * posteriors.rate), len(classes))
    tables = [
        block
        for rows in (classes, begins)
        for block in _at_rates(correlate_pitches(rows, rows, lags), step, _MELODY_STEPS)
    ]
    return np.concatenate([*tables, *_successions(posteriors.lead)])


def harmony(posteriors: Posteriors, beat: float) -> Array:
    """Key- and tempo-invariant statistics of the chords.

    Parameters
    ----------
    posteriors : Posteriors
    beat : float
        Length of a beat in seconds.

    Returns
    -------
    float32, shape (`HARMONY_DIM`,)
        Lag x interval tables of roots, of chord tones and between the two, over eight beats; then how far the
        root moves from chord to chord, alone and twice in a row, whatever the time.
    """
    root, tones = np.ascontiguousarray(posteriors.root[:, :12]), np.ascontiguousarray(posteriors.tones)
    step = beat * posteriors.rate / _HARMONY_STEPS_PER_BEAT
    lags = min(int(_HARMONY_SECONDS * posteriors.rate), len(root))
    tables = [
        block
        for first, second in ((root, root), (tones, tones), (root, tones), (tones, root))
        for block in _at_rates(correlate_pitches(first, second, lags), step, _HARMONY_STEPS)
    ]
    return np.concatenate([*tables, *_moves(posteriors.root)])


def _at_rates(table: Array, step: float, count: int) -> list[Array]:
    return [unit_block(at_steps(table, rate * step, count)) for rate in _RATES]


def _successions(lead: Array) -> tuple[Array, Array]:
    """How often each interval follows: by duration class, and by the interval before it."""
    begin, pitch = _notes(lead)
    alone = np.zeros((_INTERVALS, 3), np.float32)
    pairs = np.zeros((_INTERVALS, _INTERVALS), np.float32)
    if len(pitch) > 2:
        interval = np.clip(np.diff(pitch), -_WIDEST, _WIDEST) + _WIDEST
        gap = np.diff(begin).astype(np.float64)
        # Longer, as long as, or shorter than the gap before: a duration without a clock.
        longer = np.digitize(np.log2(gap[1:] / gap[:-1]), [-0.5, 0.5])
        np.add.at(alone, (interval[1:], longer), np.float32(1.0))
        np.add.at(pairs, (interval[:-1], interval[1:]), np.float32(1.0))
    return unit_block(np.sqrt(alone)), unit_block(np.sqrt(pairs))


def _notes(lead: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First frame and pitch of each run of frames with the same most likely pitch, single unsure frames left out."""
    likely = lead.argmax(axis=1)
    begin = np.flatnonzero(np.diff(likely, prepend=-1))
    length = np.diff(begin, append=len(likely))
    pitch = likely[begin]
    strength = np.maximum.reduceat(lead.max(axis=1), begin)
    kept = (pitch < LEAD_PITCHES) & ((length > 1) | (strength > _SURE))
    return begin[kept], pitch[kept]


def _moves(root: Array) -> tuple[Array, Array]:
    """How often the root moves by each interval, and by one after another."""
    likely = root.argmax(axis=1)
    begin = np.flatnonzero(np.diff(likely, prepend=-1))
    length = np.diff(begin, append=len(likely))
    kept = likely[begin[(length > 1) & (likely[begin] < 12)]]
    kept = kept[np.diff(kept, prepend=-1) != 0]
    move = np.diff(kept) % 12
    alone, pairs = np.zeros(12, np.float32), np.zeros((12, 12), np.float32)
    np.add.at(alone, move, np.float32(1.0))
    np.add.at(pairs, (move[:-1], move[1:]), np.float32(1.0))
    return unit_block(np.sqrt(alone)), unit_block(np.sqrt(pairs))
