"""Extension point: clips to embeddings.

An encoder is a frozen function of sound. To add one, write a class with the attributes and the one
method of `Encoder`, add a line to `ENCODERS`, and run ``tests/contract/test_encoders.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from soundalike import extensions
from soundalike.audio import Clip

ENCODERS = MappingProxyType(
    {
        "embedded": "soundalike.encoders.embedded:EmbeddedEncoder",
        "descriptors": "soundalike.encoders.embedded.descriptors:DescriptorEncoder",
    }
)


@runtime_checkable
class Encoder(Protocol):
    """What every encoder has.

    Attributes
    ----------
    name : str
        Name and version; part of the space.
    sample_rate : int
        Rate in hertz at which it wants clips.
    window : float
        Longest excerpt in seconds that makes one embedding.
    dim : int
        Length of an embedding.
    """

    name: str
    sample_rate: int
    window: float
    dim: int

    def encode(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """Embed clips.

        Parameters
        ----------
        clips : sequence of Clip
            Mono, at `sample_rate`, each at most `window` seconds long, at least one sample.

        Returns
        -------
        float32, shape (n, dim)
            Finite. The same clip gives the same bits, alone or in any batch.
        """
        ...


def load_encoder(name: str = "embedded") -> Encoder:
    """Make the encoder called `name`."""
    encoder: Encoder = extensions.load("encoders", ENCODERS, name)()
    return encoder
