"""Stems that the embedded separator takes out of mixes in which they play, and of mixes in which they do not.

The mixes are those that the separator itself learns from (`soundalike.research.training.separation_scenes`), once as
they are and once without one of their stems.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.encoders.embedded import EmbeddedEncoder
from soundalike.family import Values
from soundalike.presence import as_heard, traces
from soundalike.research.training.separation_scenes import STEMS, Scene
from soundalike.separators import Separator, load_separator
from soundalike.separators.embedded.picture import RATE, restore
from soundalike.stems import level

Arrays: TypeAlias = dict[str, NDArray[Any]]
Sounds: TypeAlias = Mapping[str, NDArray[np.float32]]
"""By stem, float32 (channels, n) at 44100 Hz."""

FAINT: Final = 30.0
"""Decibels below the mix from which on a stem that plays cannot be expected to be found."""
_SECONDS: Final = 10.0


@cache
def _encoder() -> EmbeddedEncoder:
    return EmbeddedEncoder()


@cache
def _separator() -> Separator:
    return load_separator("embedded")


@dataclass(frozen=True, slots=True)
class Presence:
    """From a seed to separated stems; can be sent to another process.

    Attributes
    ----------
    pieces : tuple of Path
        As `soundalike.research.training.separation_scenes.Scene` takes them.
    """

    pieces: tuple[Path, ...]

    def __call__(self, seed: int) -> Arrays | None:
        """Separate a mix, and the same without one stem.

        Returns
        -------
        dict of str to array, or None
            Of six rows: ``embedding`` float16 (6, dim), ``traces`` float32 (6, 11) as `soundalike.presence.traces` has
            them, ``stem`` int8 (6,) place in `STEMS`, ``plays`` int8 (6,), 1 or 0, or -1 where nobody could tell. None
            if the mix has fewer than two stems.
        """
        rng = np.random.default_rng([seed, 1])
        spectra = Scene(self.pieces).stems(seed, rng)
        if len(spectra) < 2:
            return None
        sounds = {stem: restore(spectrum, round(_SECONDS * RATE)) for stem, spectrum in spectra.items()}
        without = str(rng.choice(list(sounds)))
        rest = {stem: sound for stem, sound in sounds.items() if stem != without}
        rows = [row for stems in (sounds, rest) for row in separated(stems)]
        return {
            "embedding": np.stack([row.embedding for row in rows]).astype(np.float16),
            "traces": np.array([row.traces for row in rows], np.float32),
            "stem": np.array([STEMS.index(row.stem) for row in rows], np.int8),
            "plays": np.array([row.plays for row in rows], np.int8),
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """A separated stem: `plays` is 1 or 0, or -1 where nobody could tell; `traces` as in `soundalike.presence`."""

    stem: str
    plays: int
    traces: Values
    embedding: NDArray[np.float32]


def separated(stems: Sounds) -> list[Taken]:
    """What the embedded separator makes of the sum of some stems, at most 10 s of it: one for each of `STEMS`."""
    mix = Clip(np.sum(list(stems.values()), axis=0, dtype=np.float32), RATE)
    heard = {stem: as_heard(clip) for stem, clip in _separator().separate(mix).items()}
    loudness = level(heard["mix"])
    found = []
    for stem in STEMS:
        own = level(as_heard(Clip(stems[stem], RATE))) if stem in stems else -np.inf
        plays = 0 if own == -np.inf else 1 if own > loudness - FAINT else -1
        traced = traces(heard[stem], heard["mix"])
        found.append(Taken(stem, plays, traced, _encoder().encode([heard[stem]])[0]))
    return found
