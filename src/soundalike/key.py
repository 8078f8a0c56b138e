"""Musical keys: their names, and which one a track is in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ShapeError, UsageError

Mode: TypeAlias = Literal["major", "minor"]

PITCH_CLASSES: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
"""Names of the pitch classes in the order of a chroma vector."""

_TONICS: Final[dict[Mode, tuple[str, ...]]] = {
    "major": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "minor": ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}
_LETTERS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}

# How often each degree occurs in pieces of either mode: J. Albrecht and D. Shanahan, "The use of
# large corpora to train a new type of key-finding algorithm", Music Perception 31 (2013), table 1.
_PROFILES: Final[dict[Mode, tuple[float, ...]]] = {
    "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
}
_CLEAR_MARGIN: Final = 0.15

_CAMELOT: Final = re.compile(r"(1[0-2]|[1-9])([AB])", re.IGNORECASE)
_NAME: Final = re.compile(r"([A-G])([#♯b♭]?)[ -]?(major|maj|minor|min|m|)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class KeyEstimate:
    """A key.

    Attributes
    ----------
    name : str
        Such as "A minor"; always one of `KEYS`.
    camelot : str
        Its place on the Camelot wheel, such as "8A": neighbours mix well.
    confidence : float
        From 0 to 1, by how far it is ahead of the next best key.
    """

    name: str
    camelot: str
    confidence: float


KEYS: Final = tuple(f"{tonic} {mode}" for mode, tonics in _TONICS.items() for tonic in tonics)
"""Canonical names of all keys: the majors from C up, then the minors."""


def estimate_key(chroma: NDArray[np.floating]) -> KeyEstimate | None:
    """Find the key whose profile correlates best with a chroma vector.

    Parameters
    ----------
    chroma : float, shape (12,)
        Strength of the pitch classes, C first; the mean over a track's excerpts is best.

    Returns
    -------
    KeyEstimate or None
        None if all pitch classes are equally strong: nothing pitched was heard.

    Raises
    ------
    ShapeError
        If there are not 12 values.
    """
    strength = np.asarray(chroma, np.float64)
    if strength.shape != (12,):
        raise ShapeError(f"A chroma vector has shape {strength.shape}.", "Give 12 values, C first.")
    strength = strength - strength.mean()
    length = float(np.sqrt(np.sum(np.square(strength))))
    if not length > 1e-9:
        return None
    likeness = _profiles() @ (strength / length)
    best, second = np.argsort(-likeness, kind="stable")[:2]
    margin = float(likeness[best] - likeness[second]) / _CLEAR_MARGIN
    name = KEYS[best]
    return KeyEstimate(name, camelot(name), float(np.clip(margin, 0.0, 1.0)))


def camelot(name: str) -> str:
    """Place of a key on the Camelot wheel: "8A" for "A minor"; takes what `parse_key` takes."""
    index = KEYS.index(parse_key(name))
    mode_minor = index >= 12
    relative_major = (index + 3) % 12 if mode_minor else index
    number = (relative_major * 7 + 7) % 12 + 1
    return f"{number}{'A' if mode_minor else 'B'}"


def parse_key(text: str) -> str:
    """Bring a key into its canonical name.

    Parameters
    ----------
    text : str
        Such as "A minor", "Am", "8A", "F# major", "Gb", "bbm", "C sharp minor"; a tonic alone is major.

    Returns
    -------
    str
        One of `KEYS`; enharmonic spellings become one.

    Raises
    ------
    UsageError
        If it is not a key.
    """
    compact = (
        " ".join(text.strip().replace("sharp", "#").replace("flat", "b").split()).replace(" #", "#").replace(" b", "b")
    )
    wheel = _CAMELOT.fullmatch(compact)
    if wheel:
        return _on_wheel(int(wheel[1]), wheel[2].upper())
    named = _NAME.fullmatch(compact)
    if not named:
        raise UsageError(f"'{text}' is not a key.", "Write it as 'A minor', 'Am', 'F# major', 'Gb' or '8A'.")
    step = {"#": 1, "♯": 1, "b": -1, "♭": -1, "B": -1, "": 0}[named[2]]
    tonic = (_LETTERS[named[1].upper()] + step) % 12
    ending = named[3]
    # "M" is major where "m" is minor: the only place in which case matters.
    minor = ending == "m" or ending.lower() in ("min", "minor")
    return KEYS[tonic + 12 * minor]


def _on_wheel(number: int, letter: str) -> str:
    major = ((number - 8) * 7) % 12
    return KEYS[12 + (major - 3) % 12] if letter == "A" else KEYS[major]


def _profiles() -> NDArray[np.float64]:
    """The 24 keys' profiles, centred and of length 1, in the order of `KEYS`: (24, 12)."""
    rows = np.array([np.roll(_PROFILES[mode], tonic) for mode in ("major", "minor") for tonic in range(12)])
    rows -= rows.mean(axis=1, keepdims=True)
    centred: NDArray[np.float64] = rows / np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    return centred
