"""MERT: networks that learned from 160 000 hours of music what comes in its gaps, as encoders; and MERIT's use of one.

Licence of the released checkpoints ``m-a-p/MERT-v1-95M`` and ``m-a-p/MERT-v1-330M``: CC-BY-NC 4.0. Sources: Li et
al., "MERT: Acoustic Music Understanding Model with Large-Scale Self-supervised Training", 2024; Roy et al., "MERIT:
Learning Disentangled Music Representations for Audio Similarity", 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.checkpoints import fingerprint, locate, read_json, read_tensors, require
from soundalike.encoders.released import folder_with, parse_layers
from soundalike.encoders.windows import Samples, cut, mean_direction, repeat, samples_of
from soundalike.errors import CheckpointError, UsageError
from soundalike.frozen import Network, identity

if TYPE_CHECKING:
    from soundalike.encoders.mert_network import Layout

RATE: Final = 24000
"""Hertz that MERT was trained on."""

WINDOW: Final = 10.0
"""Seconds of an excerpt, and of what MERIT was trained on."""

SPAN: Final = 5.0
REST: Final = 1.0
"""Seconds of a window, which is what MERT was trained on, and of the shortest remainder that makes one more."""

LEAST: Final = 400
"""Samples that make one frame, 17 ms; the convolutions cannot take fewer. A shorter clip is repeated."""

MERIT_LAYERS: Final = (3, 4, 5, 6, 23)
"""States whose means MERIT puts one behind the other."""

VARIANCE: Final = 1e-7
"""Added to the variance of samples before they are divided by its root."""


class MERTEncoder:
    """Mean direction over windows of 5 s, and in each over chosen hidden states.

    Parameters
    ----------
    network : Network
        From samples, shape (n,), to shape (dim,).
    normalised : bool
        Whether the network was trained on windows of mean 0 and variance 1.
    name : str
    dim : int
    """

    sample_rate = RATE
    window = WINDOW

    def __init__(self, network: Network, *, normalised: bool, name: str, dim: int) -> None:
        self.name = name
        self.dim = dim
        self._network = network
        self._normalised = normalised

    def encode(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """Embed clips; see `soundalike.encoders.Encoder.encode`. Digital silence gives a row of zeros.

        Raises
        ------
        UsageError
            If a clip is at another rate, empty or longer than the window.
        """
        windows = [self._windows(samples_of(clip, rate=RATE, window=self.window)) for clip in clips]
        heard = [self._prepared(window) for own in windows for window in own]
        answers = iter(self._network(heard) if heard else ())
        rows = np.zeros((len(clips), self.dim), np.float32)
        for row, own in zip(rows, windows, strict=True):
            if own:
                row[:] = self._join(np.array([next(answers) for _ in own]))
        return rows

    def _windows(self, samples: Samples) -> list[Samples]:
        """Windows that are not silent."""
        windows = cut(samples, round(RATE * SPAN), least=round(RATE * REST))
        return [window for window in windows if window.any()]

    def _prepared(self, window: Samples) -> Samples:
        window = repeat(window, LEAST)
        return normalise(window) if self._normalised else window

    def _join(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        return mean_direction(rows)


class MERITEncoder(MERTEncoder):
    """Means over a whole excerpt of five hidden states, one behind the other and of any length.

    Parameters
    ----------
    padded : float, optional
        Seconds, at most 30, to which zeros are put behind a clip before it is normalised, as the authors' programs
        do: 10 in training and 30 in evaluation. They then take part in every mean. The default is none.
    """

    def __init__(self, network: Network, *, normalised: bool, name: str, dim: int, padded: float | None = None) -> None:
        super().__init__(network, normalised=normalised, name=name, dim=dim)
        self.window = padded or WINDOW
        self._padded = padded is not None

    def _windows(self, samples: Samples) -> list[Samples]:
        return [samples] if samples.any() else []

    def _prepared(self, window: Samples) -> Samples:
        if self._padded:
            window = np.pad(window, (0, round(RATE * self.window) - len(window)))
        return super()._prepared(window)

    def _join(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        assert len(rows) == 1
        return rows.reshape(-1)


def load_95m(
    checkpoint: str | Path | None = None, device: str = "cpu", precision: str = "fp32", layers: str | None = None
) -> MERTEncoder:
    """Make the encoder "mert-95m".

    Parameters
    ----------
    checkpoint : str or Path, optional
        Folder with ``config.json``, ``preprocessor_config.json`` and the tensors, as released.
    device : str
    precision : {"fp32", "bf16", "onnx", "int8"}
    layers : str, optional
        Whose directions are averaged: "0" is what goes into the first block, "1" what comes out of it, and so on;
        also ranges such as "3-6", lists such as "3-6,12", and "all". The default is what comes out of any block: no
        single one is best for melody, rhythm and timbre alike.

    Raises
    ------
    MissingExtraError, CheckpointError, UsageError
        If packages or the checkpoint are not here, or it is not MERT's, or an option is not known.
    """
    return _load_mert("mert-95m", checkpoint, device, precision, layers)


def load_330m(
    checkpoint: str | Path | None = None, device: str = "cpu", precision: str = "fp32", layers: str | None = None
) -> MERTEncoder:
    """Make the encoder "mert-330m"; see `load_95m`."""
    return _load_mert("mert-330m", checkpoint, device, precision, layers)


def load_merit(
    checkpoint: str | Path | None = None,
    device: str = "cpu",
    precision: str = "fp32",
    layers: str | None = None,
    *,
    padded: float | None = None,
) -> MERITEncoder:
    """Make the encoder "merit", which is mert-330m as the heads of MERIT hear it.

    Parameters
    ----------
    checkpoint : str or Path, optional
        That of mert-330m.
    device, precision
        See `load_95m`.
    layers : str, optional
        Which states are put one behind the other, written as for `load_95m`. The default is "3-6,23"; the published
        heads take no others.
    padded : float, optional
        See `MERITEncoder`.

    Raises
    ------
    MissingExtraError, CheckpointError, UsageError
        See `load_95m`; also if the network has no state 23.
    """
    if padded is not None and not 0 < padded <= 30:
        raise UsageError(f"Clips padded to {padded:g} s were asked for.", "Give more than 0 and at most 30 s.")
    source = _Source.open("mert-330m", checkpoint)
    if layers is None and source.layout.depth < max(MERIT_LAYERS):
        raise CheckpointError(
            f"MERIT hears state {max(MERIT_LAYERS)}, but this network's last one is {source.layout.depth}.",
            "Use the released checkpoint of mert-330m.",
        )
    chosen = MERIT_LAYERS if layers is None else parse_layers(layers, source.layout.depth + 1)
    length = None if padded is None else f"{padded:g}"
    network, name = source.network(
        "merit", chosen, usual=MERIT_LAYERS, joined=True, device=device, precision=precision, padded=length
    )
    dim = len(chosen) * source.layout.dim
    return MERITEncoder(network, normalised=source.normalised, name=name, dim=dim, padded=padded)


def _load_mert(
    name: str, checkpoint: str | Path | None, device: str, precision: str, layers: str | None
) -> MERTEncoder:
    source = _Source.open(name, checkpoint)
    usual = tuple(range(1, source.layout.depth + 1))
    chosen = usual if layers is None else parse_layers(layers, source.layout.depth + 1)
    network, name = source.network(name, chosen, usual=usual, joined=False, device=device, precision=precision)
    return MERTEncoder(network, normalised=source.normalised, name=name, dim=source.layout.dim)


@dataclass(frozen=True, slots=True)
class _Source:
    """A checkpoint: where its tensors lie, and what the files beside them say."""

    path: Path
    layout: Layout
    normalised: bool

    @staticmethod
    def open(name: str, checkpoint: str | Path | None) -> _Source:
        require("torch", "transformers", "safetensors")
        from soundalike.encoders.mert_network import Layout

        path = locate(name, checkpoint)
        layout = Layout.of(read_json(folder_with(path), "config.json"))
        prepared = read_json(folder_with(path), "preprocessor_config.json")
        rate, normalised = prepared.get("sampling_rate", RATE), prepared.get("do_normalize", True)
        if rate != RATE or not isinstance(normalised, bool):
            raise CheckpointError(
                f"This is no preprocessor of MERT: it has {rate} Hz and do_normalize {normalised}.",
                "Use the released preprocessor_config.json, unchanged.",
            )
        return _Source(path, layout, normalised)

    def network(
        self,
        name: str,
        layers: tuple[int, ...],
        *,
        usual: tuple[int, ...],
        joined: bool,
        device: str,
        precision: str,
        **choices: str | None,
    ) -> tuple[Network, str]:
        """The network that gives means of these states, and the name of the encoder made of it."""
        from soundalike.encoders.mert_network import MERT, PooledMERT

        tensors = read_tensors(self.path)
        name = identity(
            name,
            fingerprint(tensors),
            layers=None if layers == usual else ",".join(map(str, layers)),
            precision=None if precision == "fp32" else precision,
            normalised=None if self.normalised else "no",
            **choices,
        )
        exported = precision in ("onnx", "int8")
        mert = MERT(self.layout, tensors, depth=max(layers), attention="eager" if exported else "sdpa")
        module = PooledMERT(mert, layers, joined=joined)
        return Network(module, device=device, precision=precision, key=name), name


def normalise(samples: Samples) -> Samples:
    """Mean 0 and variance 1, as the authors' programs prepare samples: float32 (n,) to float32 (n,)."""
    scaled: Samples = (samples - samples.mean()) / np.sqrt(samples.var() + VARIANCE)
    return scaled
