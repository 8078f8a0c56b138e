"""The words that sample libraries put into the names of files and folders: kinds, tempi, keys."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Final

from soundalike.key import parse_key

_LOOPS: Final = re.compile(r"\b(?!bloop)\w*loops?\b")
_ONE_SHOTS: Final = re.compile(r"\b(?:one|1) ?shots?\b")
_STROKES: Final = re.compile(
    r"\b(?:kick|snare|clap|snap|hat|hi ?hat|crash|ride|cymbal|tom|rim|rim ?shot|cowbell|hit|stab|shot|impact)s?\b"
)
_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")

_TEMPO: Final = re.compile(
    r"(?<![\d.])(\d{2,3}(?:\.\d+)?)[ _-]?bpm(?![a-z])|(?<![a-z])bpm[ _-]?(\d{2,3}(?:\.\d+)?)(?!\d)", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"(?<![A-Za-z\d.#])(\d{2,3}(?:\.\d+)?)(?![A-Za-z\d.]*[A-Za-z\d])")
_POSSIBLE: Final = (40.0, 250.0)

_FREE: Final = r"(?<![A-Za-z\d#♯])"
_ENDS: Final = r"(?![A-Za-z\d#♯♭])"
_KEY: Final = re.compile(
    rf"{_FREE}([A-G][#♯b♭]?(?:m|[ _-]?(?i:major|maj|minor|min))|[a-g][#♯b♭]?[ _-]?(?:major|minor)){_ENDS}"
)
_TONIC: Final = re.compile(rf"{_FREE}([A-G][#♯b♭]?)-?\d?{_ENDS}")
_WHEEL: Final = re.compile(rf"{_FREE}((?:1[0-2]|[1-9])[AB]){_ENDS}")


@dataclass(frozen=True, slots=True)
class NameWords:
    """What a file's name and the two folders above it say; doubtful things are for the reader to check.

    Attributes
    ----------
    kind : str
        "loop" or "one-shot" where one of these words is there and not the other, in the file's own name first.
    named_loop : bool
        Whether the file's own name says that it is a loop.
    stroke : bool
        Whether the file's own name is that of a drum or of a single sound, as "kick" or "stab" are.
    tempo : float or None
        A number that is said to be beats per minute.
    numbers : tuple of float
        Other numbers that may be a tempo.
    key : str or None
        A key with its mode, one of `soundalike.key.KEYS`.
    tonics : tuple of str
        Notes without a mode, such as "F#"; a single letter may mean anything.
    places : tuple of str
        Keys that are meant if the name's "8A" is a place on the Camelot wheel.
    """

    kind: str = ""
    named_loop: bool = False
    stroke: bool = False
    tempo: float | None = None
    numbers: tuple[float, ...] = ()
    key: str | None = None
    tonics: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


def read_name(path: str) -> NameWords:
    """Read the name of a sample's file, and for its kind and tempo also those of two folders above it.

    Parameters
    ----------
    path : str
        ``Loops/120 BPM/Bass_F#min.wav`` is a loop at 120 BPM in F# minor.
    """
    folder, file = os.path.split(path)
    own = os.path.splitext(file)[0]  # noqa: PTH122 - bytes that are not UTF-8 pass
    names = [own, os.path.basename(folder), os.path.basename(os.path.dirname(folder))]  # noqa: PTH119, PTH120
    kinds = [_kind(name) for name in names]
    keys = _KEY.findall(own)
    tempi = [tempo for name in names if (tempo := _tempo(name)) is not None]
    return NameWords(
        kind=next((kind for kind in kinds if kind), ""),
        named_loop=kinds[0] == "loop",
        stroke=bool(_STROKES.search(_plain(own))),
        tempo=tempi[0] if tempi else None,
        numbers=tuple(number for text in _NUMBER.findall(own) if _possible(number := float(text))),
        key=parse_key(keys[-1].replace("_", " ").replace("-", " ")) if keys else None,
        tonics=tuple(_TONIC.findall(own)),
        places=tuple(parse_key(place) for place in _WHEEL.findall(own)),
    )


def _plain(name: str) -> str:
    """A name's words in lower case: "DrumLoop_01" is "drum loop 01"."""
    return " ".join(_WORDS.findall(name)).lower()


def _kind(name: str) -> str:
    plain = _plain(name)
    loop, one_shot = bool(_LOOPS.search(plain)), bool(_ONE_SHOTS.search(plain))
    return "" if loop == one_shot else "loop" if loop else "one-shot"


def _tempo(name: str) -> float | None:
    numbers = (float(before or after) for before, after in _TEMPO.findall(name))
    return next((number for number in numbers if _possible(number)), None)


def _possible(tempo: float) -> bool:
    return _POSSIBLE[0] <= tempo <= _POSSIBLE[1]
