"""MuQ-MuLan: music and words, in English and Chinese, in one space, as an encoder of both.

Licence of the released checkpoint ``OpenMuQ/MuQ-MuLan-large``: CC-BY-NC 4.0. Source: Zhu et al., "MuQ:
Self-Supervised Music Representation Learning with Mel Residual Vector Quantization", 2025.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.checkpoints import fingerprint, locate, read_json, read_tensors, require
from soundalike.encoders.muq import RATE, WINDOW, check_precision, log_mel
from soundalike.encoders.released import Reader, embed_texts, folder_with, read_tokenizer
from soundalike.encoders.windows import embed_audible
from soundalike.errors import CheckpointError
from soundalike.frozen import Network, identity, load_strictly

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PIECE: Final = round(RATE * WINDOW)
"""Samples that make one embedding."""

AUDIO_MODEL: Final = "OpenMuQ/MuQ-large-msd-iter"
TEXT_MODEL: Final = "xlm-roberta-base"
"""Names that a released configuration gives to its parts; their last words may be folders inside the checkpoint's."""


class MuLanEncoder:
    """Unit vectors of music and of words.

    Parameters
    ----------
    audio : Network
        From mel frames, shape (128, n), to a unit row, shape (dim,).
    text : Network
        From numbers of tokens, shape (n,), to a unit row, shape (dim,).
    reader : Reader
    scale : (float, float)
        Mean and standard deviation; see `soundalike.encoders.muq.log_mel`.
    name : str
    dim : int
    """

    sample_rate = RATE
    window = WINDOW

    def __init__(
        self,
        audio: Network,
        text: Network,
        reader: Reader,
        *,
        scale: tuple[float, float],
        name: str,
        dim: int,
    ) -> None:
        self.name = name
        self.dim = dim
        self._audio, self._text, self._read = audio, text, reader
        self._mean, self._std = scale

    def encode(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """Embed clips; see `soundalike.encoders.Encoder.encode`. Digital silence gives a row of zeros.

        Raises
        ------
        UsageError
            If a clip is at another rate, empty or longer than the window.
        """
        return embed_audible(
            clips, self.dim, rate=RATE, window=WINDOW, embed=lambda sounds: self.embed([cut(one)[0] for one in sounds])
        )

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts; see `soundalike.encoders.TextEncoder.encode_text`.

        Each is read alone, or beside texts of as many tokens: the blocks behind the text transformer take padding
        for words.

        Raises
        ------
        UsageError
            If a text is empty or has too many tokens.
        CheckpointError
            If the checkpoint came without a tokenizer.
        """
        return embed_texts(texts, self._read, self._text, self.dim)

    def embed(self, pieces: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Embed samples, each of shape (n,) with n at most `PIECE`, as they are: unit rows, float32 (n, dim)."""
        return self._audio([log_mel(piece, self._mean, self._std) for piece in pieces])


def cut(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Pieces as the authors cut them.

    Parameters
    ----------
    samples : float32, shape (n,)

    Returns
    -------
    list of float32, shape (PIECE,)
        One after another. What is left at the end is filled up from the start; if all is shorter than half a
        piece, that makes one piece of only twice its length.
    """
    whole = len(samples) // PIECE * PIECE
    pieces = [samples[first : first + PIECE] for first in range(0, whole, PIECE)]
    if whole < len(samples):
        left = samples[whole:]
        pieces.append(np.concatenate((left, samples[: PIECE - len(left)])))
    return pieces


def published_embedding(encoder: MuLanEncoder, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the authors' program gives for a recording of any length: float32, shape (dim,), not of unit length.

    The mean over `cut`, in which silent pieces count. Here a track is embedded excerpt by excerpt instead.

    Parameters
    ----------
    encoder : MuLanEncoder
    samples : float32, shape (n,), n >= 1
        At the encoder's rate.
    """
    mean: NDArray[np.float32] = encoder.embed(cut(samples)).mean(0)
    return mean


def load(checkpoint: str | Path | None = None, device: str = "cpu", precision: str = "fp32") -> MuLanEncoder:
    """Make the encoder "muq-mulan".

    Parameters
    ----------
    checkpoint : str or Path, optional
        Folder with the tensors and ``config.json`` as released, ``MuQ-large-msd-iter/config.json``, which is MuQ's
        (else that of the fetched checkpoint "muq" is taken), and for text the ``tokenizer.json`` of xlm-roberta-base.
    device : str
    precision : {"fp32", "onnx", "int8"}
        Of the sound's side; texts are few, and every length would be exported by itself.

    Raises
    ------
    MissingExtraError, CheckpointError, UsageError
        If packages or the checkpoint are not here, or it is not MuQ-MuLan's, or an option is not known.
    """
    check_precision("muq-mulan", precision)
    require("torch", "transformers", "tokenizers")
    from soundalike.encoders import conformer
    from soundalike.encoders.mulan_network import UNUSED, Embedder, MuLan, Sizes

    path = locate("muq-mulan", checkpoint)
    folder = folder_with(path)
    config = read_json(folder, "config.json")
    muq = _part(folder, config, "audio_model", "muq")
    text = _part(folder, config, "text_model", "xlm-roberta") or {}
    sizes = Sizes.of(config, muq=muq or _fetched_muq(), text=text)
    tensors = read_tensors(path)
    mulan = MuLan(sizes)
    load_strictly(mulan, tensors, what="MuQ-MuLan", unused=UNUSED, derived=conformer.DERIVED)
    name = identity("muq-mulan", fingerprint(tensors), precision=None if precision == "fp32" else precision)
    return MuLanEncoder(
        Network(Embedder(mulan, "audio"), device=device, precision=precision, key=name),
        Network(Embedder(mulan, "text"), device=device),
        Reader(
            _tokenizer(folder),
            longest=sizes.text["max_position_embeddings"] - sizes.text["pad_token_id"] - 1,
            missing=f"Put the tokenizer.json of {TEXT_MODEL} beside it.",
        ),
        scale=(sizes.muq.mean, sizes.muq.std),
        name=name,
        dim=sizes.dim,
    )


def _part(folder: Path, config: dict[str, Any], part: str, kind: str) -> dict[str, Any] | None:
    """The configuration of a part, which may lie in a folder called like it; None if there is none.

    Raises
    ------
    CheckpointError
        If the part is not of the kind that it should be.
    """
    named = config.get(part, {})
    name = str(named.get("name", "")) if isinstance(named, dict) else ""
    if kind not in name.lower():
        raise CheckpointError(
            f"This checkpoint's {part} is '{name}', which is no {kind}.", "Use the released MuQ-MuLan-large."
        )
    inner = folder / PurePosixPath(name).name
    return read_json(inner, "config.json") if (inner / "config.json").is_file() else None


def _fetched_muq() -> dict[str, Any]:
    """MuQ's configuration, which MuQ-MuLan's folder need not hold, from the checkpoint "muq"."""
    try:
        return read_json(folder_with(locate("muq")), "config.json")
    except CheckpointError:
        raise CheckpointError(
            "The checkpoint of MuQ-MuLan came without the configuration of MuQ.",
            f"Put the config.json of {AUDIO_MODEL} into its folder {PurePosixPath(AUDIO_MODEL).name}.",
        ) from None


def _tokenizer(folder: Path) -> Tokenizer | None:
    for place in (folder, folder / TEXT_MODEL):
        if (file := place / "tokenizer.json").is_file():
            return read_tokenizer(file)
    return None
