"""Extension point: conditions (a melody, drums, chords, words) to sound, by a generative network.

To add a generator, write a class with `generate`, add a line to `GENERATORS`, and run
``tests/contract/test_generators.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from soundalike import extensions
from soundalike.audio import Clip

LOWEST_NOTE: Final = 43
NOTES: Final = 53
FRAME_RATE: Final = 50
"""A melody has one row per fiftieth of a second and one column per MIDI note, 43 (G2) to 95 (B6)."""

GENERATORS = MappingProxyType(
    {
        "musicgen-melody": "soundalike.research.generation.musicgen:load",
        "jasco": "soundalike.research.generation.jasco:load",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """What a clip is to follow.

    Attributes
    ----------
    text : str
        In words.
    seed : int
        Of the generator's chance.
    duration : float
        Seconds.
    melody : bool, shape (frames, 53), or None
        At most one note per frame; see `FRAME_RATE`.
    drums : Clip or None
    chords : tuple of (str, float)
        Labels such as "Am7", each with the second from which it sounds.
    """

    text: str
    seed: int
    duration: float = 10.0
    melody: NDArray[np.bool_] | None = None
    drums: Clip | None = None
    chords: tuple[tuple[str, float], ...] = ()


@runtime_checkable
class Generator(Protocol):
    """What every generator has.

    Attributes
    ----------
    name : str
        Name and version, kept with what it makes.
    rate : int
        Samples per second of its clips.
    takes : frozenset of str
        Which of "melody", "drums" and "chords" it can follow.
    """

    name: str
    rate: int
    takes: frozenset[str]

    def generate(self, conditions: Sequence[Condition]) -> list[Clip]:
        """Make one mono clip per condition; the same condition gives the same clip where the network allows it.

        Raises
        ------
        UsageError
            If a condition asks for what it does not take.
        """
        ...


def load_generator(name: str, *, checkpoint: str | Path | None = None, device: str | None = None) -> Generator:
    """Make the generator called `name`.

    Parameters
    ----------
    name : str
    checkpoint : str or Path, optional
        Its folder; of "jasco", the Python program of the environment that it is installed in.
    device : str, optional
        "cpu" or "cuda".

    Raises
    ------
    UnknownNameError, UsageError
        If there is no such generator, or it does not take one of the options.
    MissingExtraError, CheckpointError
        If it needs packages or a checkpoint that are not here.
    """
    generator: Generator = extensions.make("generators", GENERATORS, name, checkpoint=checkpoint, device=device)
    return generator
