"""Single strokes and notes in a stem, to find one-shots by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from soundalike.audio import Clip
from soundalike.encoders.embedded.rhythm import onsets
from soundalike.encoders.embedded.spectra import ONSET_RATE, RATE, analyse, mono

LONGEST: Final = 1.0
SHORTEST: Final = 0.06
"""Seconds that a stroke lasts at most, and must have to itself at least to be told from the next."""

_BEFORE: Final = 0.012
"""Seconds before the steepest rise at which a stroke begins."""

_APART: Final = round(0.05 * ONSET_RATE)
_HEIGHT: Final = 0.25
"""Share of the clip's strongest rise that a stroke must reach; ghost notes and leaks rise less."""

KINDS: Final = 12
"""Kinds of strokes of a stem, at most, that one-shots are looked for by."""


def find_strokes(clip: Clip) -> list[tuple[float, float]]:
    """Where single strokes or notes lie in a clip.

    Parameters
    ----------
    clip : Clip
        At most 10 s at any rate, of one stem.

    Returns
    -------
    list of (float, float)
        Start and end in seconds from the beginning of the clip, in order; each ends where the next begins.
    """
    signal = mono(clip.mono().resample(RATE).samples)
    if signal is None:
        return []
    rise = onsets(analyse(signal).mel).sum(axis=1)
    if len(rise) < 3 or not rise.max() > 0.0:
        return []
    peaks = [
        i
        for i in np.flatnonzero(rise >= _HEIGHT * rise.max())
        if rise[i] == rise[max(i - _APART, 0) : i + _APART + 1].max() and rise[i] > rise[i - 1 : i].max(initial=0.0)
    ]
    # A rise is over two frames and lies on the second of them.
    starts = [max((int(i) + 1) / ONSET_RATE - _BEFORE, 0.0) for i in peaks]
    ends = [
        min(following, start + LONGEST) for start, following in zip(starts, [*starts[1:], clip.duration], strict=True)
    ]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if end - start >= SHORTEST]


def kinds_of(vectors: NDArray[np.float32], lengths: Sequence[float], *, most: int = KINDS) -> list[int]:
    """One stroke of each kind: those that sound alike are one kind, the rarest kinds beyond `most` are left out.

    Parameters
    ----------
    vectors : float32, shape (n, dim)
        How the strokes sound; unit rows, or zero rows where nothing is heard, which are of no kind.
    lengths : sequence of float
        Seconds that each has to itself: of those near the middle of a kind the longest stands for it.

    Returns
    -------
    list of int
        Rows, ascending.
    """
    heard = np.flatnonzero(vectors.any(axis=1))
    if len(heard) <= 2:
        return [int(row) for row in heard]
    rows = vectors[heard].astype(np.float64)
    groups = fcluster(linkage(rows, "average", metric="cosine"), t=2 * most, criterion="maxclust")
    sizes = sorted(((groups == group).sum(), -int(group)) for group in set(groups.tolist()))[::-1][:most]
    chosen = []
    for _, negative in sizes:
        members = np.flatnonzero(groups == -negative)
        likeness = rows[members] @ rows[members].mean(axis=0)
        central = members[likeness >= np.median(likeness)]
        chosen.append(int(max(heard[central], key=lambda row: (lengths[row], -row))))
    return sorted(chosen)
