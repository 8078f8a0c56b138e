"""Fit what `soundalike.bars.bar_decoding` takes as a sign that a beat begins a bar.

How to use it
-------------
``python -m soundalike.research.training.bar_weights OUT.json DATA`` makes rendered pieces of the split "train" and,
from DATA, those drummers of ``groove_midi`` and songs of ``pop909`` that are not for tests, and writes the weights and
the offset as they stand in that module. Wants scikit-learn.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.bars.bar_decoding import described, neighbours
from soundalike.bars.pulse_hearing import hear_pulse
from soundalike.research.evaluation.beats import RATE, Piece, drummed, rendered, sung

PIECES: Final = (240, 60, 80)
"""How many are rendered, drummed and songs."""

_FEWEST: Final = 16
_NEAR: Final = 0.01


def examples(piece: Piece) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What is heard at the known beats of a piece and around, (n, 36), and which of them begin a bar, (n,)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.wav"
        soundfile.write(path, piece.samples, RATE)
        heard = neighbours(described(hear_pulse(path), piece.beats))
    first = np.array([np.abs(piece.downbeats - beat).min() < _NEAR for beat in piece.beats])
    return heard, first


def fit_bar_weights(pieces: Iterable[Piece]) -> dict[str, Any]:
    """Logistic regression of first beats against others.

    Parameters
    ----------
    pieces : iterable of Piece
        Those with few beats, or with only one bar, are left out.

    Returns
    -------
    dict
        ``weights`` (3, 12) for the beat itself, the one before and the one after, and ``offset``, such that their sum
        is the log-likelihood ratio: that first beats are rarer is taken out.
    """
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped,unused-ignore]

    usable = (piece for piece in pieces if len(piece.beats) >= _FEWEST and len(piece.downbeats) > 1)
    parts = [examples(piece) for piece in usable]
    heard, first = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    fitted = LogisticRegression(max_iter=2000).fit(heard, first)
    share = float(first.mean())
    offset = float(fitted.intercept_[0]) - np.log(share / (1.0 - share))
    return {"weights": np.round(fitted.coef_[0].reshape(3, -1), 2).tolist(), "offset": round(offset, 2)}


if __name__ == "__main__":
    out, data = Path(sys.argv[1]), Path(sys.argv[2])
    many, some, few = PIECES
    learned = chain(
        rendered(many, split="train", palette="fonts-other"),
        drummed(data / "groove_midi", some, split="train", palette="fonts-other"),
        sung(data / "pop909", few, split="train", palette="fonts-other"),
    )
    write_atomically(out, json.dumps(fit_bar_weights(learned), indent=1).encode() + b"\n")
