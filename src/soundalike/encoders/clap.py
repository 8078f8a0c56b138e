"""CLAP: sound and English words in one space, as an encoder of both.

Licence of the released checkpoints: that of the authors' files is CC0 1.0, that of their conversions on the hub
Apache-2.0. Source: Wu et al., "Large-Scale Contrastive Language-Audio Pretraining with Feature Fusion and
Keyword-to-Caption Augmentation", ICASSP 2023.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.checkpoints import fingerprint, locate, read_json, read_tensors, require
from soundalike.encoders.clap_audio import BAND, RATE, WINDOW, band_of, fill, log_mel, quantise
from soundalike.encoders.clap_text import FIRST, LONGEST, MISSING, load_tokenizer
from soundalike.encoders.released import Reader, embed_texts, folder_with
from soundalike.encoders.windows import embed_audible
from soundalike.frozen import Network, identity, load_strictly

if TYPE_CHECKING:
    import torch


class ClapEncoder:
    """Unit vectors of sound and of words.

    Parameters
    ----------
    audio : Network
        From a mel spectrogram, see `soundalike.encoders.clap_audio.log_mel`, to a unit row, shape (dim,).
    text : Network
        From numbers of tokens, shape (n,), to a unit row, shape (dim,).
    reader : Reader
    band : (float, float)
        Lowest and highest frequency in hertz that are heard.
    name : str
    dim : int
    """

    sample_rate = RATE
    window = WINDOW

    def __init__(
        self, audio: Network, text: Network, reader: Reader, *, band: tuple[float, float], name: str, dim: int
    ) -> None:
        self.name = name
        self.dim = dim
        self._audio, self._text, self._read = audio, text, reader
        self._band = band

    def encode(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """Embed clips; see `soundalike.encoders.Encoder.encode`. Digital silence gives a row of zeros.

        Raises
        ------
        UsageError
            If a clip is at another rate, empty or longer than the window: CLAP's own programs would then hear ten
            seconds from a random place.
        """
        return embed_audible(clips, self.dim, rate=RATE, window=WINDOW, embed=self.embed)

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts; see `soundalike.encoders.TextEncoder.encode_text`. None is padded to another's length.

        Raises
        ------
        UsageError
            If a text is empty or has too many tokens.
        CheckpointError
            If the checkpoint came without a tokenizer.
        """
        return embed_texts(texts, self._read, self._text, self.dim)

    def embed(self, pieces: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Embed samples, each of shape (n,) with 1 <= n <= SAMPLES, as they are: unit rows, float32 (n, dim)."""
        return self._audio([log_mel(fill(piece), self._band) for piece in pieces])


def published_embedding(encoder: ClapEncoder, samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the authors' program gives, which makes 16-bit numbers of the samples first.

    Parameters
    ----------
    encoder : ClapEncoder
    samples : float32, shape (n,), 1 <= n <= SAMPLES
        At the encoder's rate.

    Returns
    -------
    float32, shape (dim,)
        Of unit length.
    """
    row: NDArray[np.float32] = encoder.embed([quantise(samples)])[0]
    return row


def load(checkpoint: str | Path | None = None, device: str = "cpu", precision: str = "fp32") -> ClapEncoder:
    """Make the encoder "clap", which was trained on sounds of all kinds.

    Parameters
    ----------
    checkpoint : str or Path, optional
        The authors' file (``630k-audioset-best.pt``), its tensors as safetensors, or a folder with one of them, with
        RoBERTa's tokenizer beside it for texts; or a folder from the hub, such as that of ``clap-htsat-unfused``.
    device : str
    precision : {"fp32", "bf16", "onnx", "int8"}
        Of the sound's side; texts are few, and every length would be exported by itself.

    Raises
    ------
    MissingExtraError, CheckpointError, UsageError
        If packages or the checkpoint are not here, or it is not CLAP's without fusion, or an option is not known.
    """
    return _load("clap", checkpoint, device, precision)


def load_music(checkpoint: str | Path | None = None, device: str = "cpu", precision: str = "fp32") -> ClapEncoder:
    """Make the encoder "clap-music", which was trained on music above all.

    The authors' file is ``music_audioset_epoch_15_esc_90.14.pt``, the hub's folder that of ``larger_clap_music``;
    all else is as in `load`.
    """
    return _load("clap-music", checkpoint, device, precision)


def _load(kind: str, checkpoint: str | Path | None, device: str, precision: str) -> ClapEncoder:
    require("torch", "transformers", "tokenizers")
    from soundalike.encoders.clap_network import DERIVED, AudioSide, TextSide, build

    path = locate(kind, checkpoint)
    folder = folder_with(path)
    tensors, config, band = _read(path, folder)
    clap = build(config)
    used = {name: tensor for name, tensor in tensors.items() if name not in DERIVED}
    load_strictly(clap, used, what="CLAP", derived=[re.escape(name) for name in DERIVED])
    name = identity(
        kind,
        fingerprint(used),
        hertz=None if band == BAND else f"{band[0]:g}-{band[1]:g}",
        precision=None if precision == "fp32" else precision,
    )
    words = clap.text_model.config
    longest = min(LONGEST, words.max_position_embeddings - FIRST)
    return ClapEncoder(
        Network(AudioSide(clap), device=device, precision=precision, key=name),
        Network(TextSide(clap), device=device),
        Reader(load_tokenizer(folder, vocabulary=words.vocab_size), longest=longest, missing=MISSING),
        band=band,
        name=name,
        dim=clap.config.projection_dim,
    )


def _read(path: Path, folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any], tuple[float, float]]:
    """The tensors of a checkpoint in the hub's form, their configuration, and the band that is heard."""
    from soundalike.encoders.clap_conversion import configuration, convert, is_original

    tensors = read_tensors(path)
    if is_original(tensors):
        tensors = convert(tensors)
        return tensors, configuration(tensors), BAND
    config = read_json(folder, "config.json")
    if (folder / "preprocessor_config.json").is_file():
        return tensors, config, band_of(read_json(folder, "preprocessor_config.json"))
    return tensors, config, BAND
