"""Extension point: clips to embeddings.

An encoder is a frozen function of sound. To add one, write a class with the attributes and the one
method of `Encoder`, add a line to `ENCODERS`, and run ``tests/contract/test_encoders.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
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
        "mert-95m": "soundalike.encoders.mert:load_95m",
        "mert-330m": "soundalike.encoders.mert:load_330m",
        "merit": "soundalike.encoders.mert:load_merit",
        "clap": "soundalike.encoders.clap:load",
        "clap-music": "soundalike.encoders.clap:load_music",
        "muq": "soundalike.encoders.muq:load",
        "muq-mulan": "soundalike.encoders.mulan:load",
    }
)
"""Those behind "descriptors" are pretrained: they need the extra ``models`` and a checkpoint of their name."""


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


@runtime_checkable
class TextEncoder(Encoder, Protocol):
    """An encoder that also puts words where the sound is that they describe."""

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts: float32, shape (n, dim), unit rows. The same text gives the same bits in any company.

        Raises
        ------
        UsageError
            If a text is empty, or too long to be read whole.
        """
        ...


def load_encoder(
    name: str = "embedded",
    *,
    checkpoint: str | Path | None = None,
    device: str | None = None,
    precision: str | None = None,
    layers: str | None = None,
    padded: float | None = None,
) -> Encoder:
    """Make the encoder called `name`.

    Parameters
    ----------
    name : str
    checkpoint : str or Path, optional
        File or folder of a pretrained encoder; the default is where ``soundalike models get`` put it.
    device, precision : str, optional
        Where and how it computes; see `soundalike.frozen.Network`.
    layers : str, optional
        Which of its layers are heard, such as "5" or "3-6,23".
    padded : float, optional
        Seconds to which clips are padded with silence, of "merit" only; see `soundalike.encoders.mert.load_merit`.

    Raises
    ------
    UnknownNameError, UsageError
        If there is no such encoder, or it does not take one of the options.
    MissingExtraError, CheckpointError
        If it needs packages or a checkpoint that are not here, or the checkpoint is not its own.
    """
    encoder: Encoder = extensions.make(
        "encoders",
        ENCODERS,
        name,
        checkpoint=checkpoint,
        device=device,
        precision=precision,
        layers=layers,
        padded=padded,
    )
    return encoder
