"""MuQ: a network that learned to fill gaps in mel spectrograms of a million songs, as an encoder.

Licence of the released checkpoint ``OpenMuQ/MuQ-large-msd-iter``: CC-BY-NC 4.0. Source: Zhu et al., "MuQ:
Self-Supervised Music Representation Learning with Mel Residual Vector Quantization", 2025.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.checkpoints import fingerprint, locate, read_json, read_tensors, require
from soundalike.encoders.released import folder_with, parse_layers
from soundalike.encoders.windows import Samples, embed_audible, repeat
from soundalike.errors import UsageError
from soundalike.frozen import Network, computing, identity, load_strictly

if TYPE_CHECKING:
    import torch

RATE: Final = 24000
WINDOW: Final = 10.0
"""Hertz and seconds that MuQ was trained on."""

FFT: Final = 2048
HOP: Final = 240
FLOOR: Final = 1e-10
"""Samples of a spectrum and between two, and the least power, which is -100 dB."""

LEAST: Final = FFT // 2 + 1
"""Least number of samples, 43 ms: the spectra mirror half their length at each end. A shorter clip is repeated."""


class MuQEncoder:
    """Mean over time of chosen hidden states.

    Parameters
    ----------
    network : Network
        From mel frames, shape (128, n), to shape (dim,).
    mean, std : float
        See `log_mel`.
    name : str
    dim : int
    """

    sample_rate = RATE
    window = WINDOW

    def __init__(self, network: Network, *, mean: float, std: float, name: str, dim: int) -> None:
        self.name = name
        self.dim = dim
        self._network = network
        self._mean, self._std = mean, std

    def encode(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """Embed clips; see `soundalike.encoders.Encoder.encode`. Digital silence gives a row of zeros.

        Raises
        ------
        UsageError
            If a clip is at another rate, empty or longer than the window.
        """
        return embed_audible(clips, self.dim, rate=RATE, window=WINDOW, embed=self._embed)

    def _embed(self, sounds: Sequence[Samples]) -> NDArray[np.float32]:
        return self._network([log_mel(samples, self._mean, self._std) for samples in sounds])


def load(
    checkpoint: str | Path | None = None, device: str = "cpu", precision: str = "fp32", layers: str | None = None
) -> MuQEncoder:
    """Make the encoder "muq".

    Parameters
    ----------
    checkpoint : str or Path, optional
        Folder with ``config.json`` and the tensors, as released.
    device : str
    precision : {"fp32", "onnx", "int8"}
    layers : str, optional
        Whose mean is taken: "0" is what the convolutions in front give, "1" what the first block gives, and so on;
        also ranges such as "3-6", lists such as "3-6,12", and "all". The default is the last state, after the final
        norm, which its authors call the features of MuQ.

    Raises
    ------
    MissingExtraError, CheckpointError, UsageError
        If packages or the checkpoint are not here, or it is not MuQ's, or an option is not known.
    """
    check_precision("muq", precision)
    require("torch")
    from soundalike.encoders.conformer import DERIVED, UNUSED, MuQ, PooledMuQ, Sizes

    path = locate("muq", checkpoint)
    sizes = Sizes.of(read_json(folder_with(path), "config.json"))
    last = (sizes.depth,)
    chosen = last if layers is None else parse_layers(layers, sizes.depth + 1)
    tensors = read_tensors(path)
    muq = MuQ(sizes)
    load_strictly(muq, tensors, what="MuQ", unused=UNUSED, derived=DERIVED)
    name = identity(
        "muq",
        fingerprint(tensors),
        layers=None if chosen == last else ",".join(map(str, chosen)),
        precision=None if precision == "fp32" else precision,
    )
    network = Network(PooledMuQ(muq, chosen), device=device, precision=precision, key=name)
    return MuQEncoder(network, mean=sizes.mean, std=sizes.std, name=name, dim=sizes.dim)


def check_precision(name: str, precision: str) -> None:
    """Refuse 16-bit numbers, with which nobody has seen the released networks work."""
    if precision == "bf16":
        raise UsageError(f"'{name}' does not compute in bf16.", "Use fp32, onnx or int8.")


def log_mel(samples: NDArray[np.float32], mean: float, std: float) -> NDArray[np.float32]:
    """The mel spectrogram that MuQ sees.

    Parameters
    ----------
    samples : float32, shape (n,), n >= 1
        Repeated up to `LEAST`.
    mean, std : float
        In dB, over the training music.

    Returns
    -------
    float32, shape (128, max(n, LEAST) // HOP)
        Power in dB, less the mean, in standard deviations. Frames are centred every `HOP` samples, and the last one
        is left out, so that 10 s are 1000 frames.
    """
    import torch

    sound = torch.tensor(repeat(samples, LEAST))  # a copy, because torch warns of arrays that must not be changed
    with computing(torch.device("cpu")):
        spectra = torch.stft(sound, FFT, HOP, window=torch.hann_window(FFT), return_complex=True)
        power = _mel_filters() @ spectra[:, :-1].abs().square()
        decibels = 10.0 * power.clamp(min=FLOOR).log10()
        return ((decibels - mean) / std).numpy()


@functools.cache
def _mel_filters() -> torch.Tensor:
    """Triangles of height 1, evenly spaced on the HTK mel scale from 0 Hz to half the rate: shape (128, FFT // 2 + 1).

    In float32 throughout, as the authors' are: rounding moves them by 1e-5.
    """
    import torch

    from soundalike.encoders.conformer import MELS

    highest = 2595.0 * np.log10(1.0 + RATE / 2 / 700.0)
    edges = 700.0 * (10.0 ** (torch.linspace(0.0, float(highest), MELS + 2) / 2595.0) - 1.0)
    distances = edges[:, None] - torch.linspace(0.0, RATE / 2, FFT // 2 + 1)
    widths = edges.diff()[:, None]
    rising, falling = -distances[:-2] / widths[:-1], distances[2:] / widths[1:]
    return torch.minimum(rising, falling).clamp(min=0.0)
