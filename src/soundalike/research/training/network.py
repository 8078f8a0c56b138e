"""The transcription net: from a semitone spectrogram to lead, notes, chords and bass, whatever the key.

All convolutions run over time and pitch with the same weights at every pitch, so that a transposed clip
gives a transposed answer; only what is seen of a note's harmonics, at fixed distances above it, tells an
octave or an instrument from another. Chords come from the same features folded into pitch classes.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from soundalike.encoders.embedded.spectra import LOWEST
from soundalike.encoders.embedded.transcription import LEAD_PITCHES, LOWEST_LEAD

HARMONICS: Final = (0, 12, 19, 24, 28, -12)
"""Semitones above a pitch at which the net looks: partials 1 to 5, and half the frequency."""
OCTAVES: Final = 7
FIRST_LEAD: Final = LOWEST_LEAD - LOWEST
"""Of the columns of pitches, that of the lowest lead."""

OUTPUTS: Final = ("lead", "tones", "root", "bass")
"""What the exported net gives, in order; `notes` only serves to train."""


class TranscriptionNet(nn.Module):
    """Convolutions over time and pitch, with a view over seconds that decides who leads.

    Parameters
    ----------
    width : int
        Channels per pitch.
    chord_width : int
        Channels per pitch class.
    """

    def __init__(self, width: int = 24, chord_width: int = 32) -> None:
        super().__init__()
        view = 2 * width
        self.first = nn.Conv2d(2 * len(HARMONICS), width, 3, padding=1)
        self.second = nn.Conv2d(width, width, (5, 3), padding=(2, 1))
        self.view = nn.ModuleList(nn.Conv1d(view, view, 5, padding=2 * d, dilation=d) for d in (1, 2, 4, 8))
        self.gate = nn.Conv1d(view, 2 * width, 1)
        self.third = nn.Conv2d(width, width, (3, 5), padding=(1, 2))
        self.fourth = nn.Conv2d(width, width, (5, 3), padding=(4, 1), dilation=(2, 1))
        self.pitches = nn.Conv2d(width, 2, 1)
        self.no_lead = nn.Conv1d(view, 1, 1)
        self.narrow = nn.Conv2d(2 * width, 12, 1)
        self.folded = nn.Conv2d(12 * OCTAVES, chord_width, (5, 3), padding=(2, 0))
        self.around = nn.Conv2d(chord_width, chord_width, (1, 12))
        self.along = nn.Conv2d(chord_width, chord_width, (5, 1), padding=(4, 0), dilation=(2, 1))
        self.classes = nn.Conv2d(chord_width, 3, 1)
        self.nothing = nn.Conv1d(2 * chord_width, 2, 5, padding=2)

    def forward(self, level: Tensor) -> dict[str, Tensor]:
        """Logits of everything.

        Parameters
        ----------
        level : float, shape (n, 2, frames, 96)
            From `soundalike.encoders.embedded.listening.network_input`.

        Returns
        -------
        dict of str to Tensor
            ``lead`` (n, frames, 61), the last for none; ``notes`` (n, frames, 84); ``tones`` (n, frames, 12);
            ``root`` and ``bass`` (n, frames, 13), the last for none.
        """
        pitches = 12 * OCTAVES
        wide = functional.pad(level, (12, max(HARMONICS)))
        stacked = torch.cat([wide[..., 12 + h : 12 + h + pitches] for h in HARMONICS], dim=1)
        low = torch.relu(self.first(stacked))
        low = low + torch.relu(self.second(low))
        view = torch.cat([low.mean(-1), low.amax(-1)], dim=1)
        for layer in self.view:
            view = view + torch.relu(layer(view))
        scale, shift = self.gate(view).unsqueeze(-1).chunk(2, dim=1)
        high = low * torch.sigmoid(scale) + shift
        high = high + torch.relu(self.third(high))
        high = high + torch.relu(self.fourth(high))
        heard = self.pitches(high)
        lead = heard[:, 0, :, FIRST_LEAD : FIRST_LEAD + LEAD_PITCHES]
        return {
            "lead": torch.cat([lead, self.no_lead(view).transpose(1, 2)], dim=-1),
            "notes": heard[:, 1],
            **self._chords(torch.relu(self.narrow(torch.cat([low, high], dim=1)))),
        }

    def _chords(self, features: Tensor) -> dict[str, Tensor]:
        clips, channels, frames, _ = features.shape
        octaves = features.reshape(clips, channels, frames, OCTAVES, 12).permute(0, 1, 3, 2, 4)
        folded = octaves.reshape(clips, channels * OCTAVES, frames, 12)
        folded = torch.relu(self.folded(functional.pad(folded, (1, 1, 0, 0), mode="circular")))
        folded = folded + torch.relu(self.around(functional.pad(folded, (0, 11, 0, 0), mode="circular")))
        folded = folded + torch.relu(self.along(folded))
        classes = self.classes(folded)
        nothing = self.nothing(torch.cat([folded.mean(-1), folded.amax(-1)], dim=1)).transpose(1, 2)
        return {
            "tones": classes[:, 0],
            "root": torch.cat([classes[:, 1], nothing[..., :1]], dim=-1),
            "bass": torch.cat([classes[:, 2], nothing[..., 1:]], dim=-1),
        }


class _Probabilities(nn.Module):
    """The net as it is used: probabilities of one clip."""

    def __init__(self, net: TranscriptionNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, level: Tensor) -> tuple[Tensor, ...]:
        logits = self.net(level)
        return tuple(
            torch.sigmoid(logits[name]) if name == "tones" else torch.softmax(logits[name], dim=-1) for name in OUTPUTS
        )


def export(net: TranscriptionNet) -> bytes:
    """The net as ONNX, weights in half precision: input ``level`` (1, 2, frames, 96), outputs `OUTPUTS`."""
    frames = {name: {1: "frames"} for name in OUTPUTS}
    return to_onnx(_Probabilities(net), torch.zeros(1, 2, 108, 96), frames)


def to_onnx(module: nn.Module, example: Tensor, outputs: Mapping[str, Mapping[int, str]]) -> bytes:
    """A net as ONNX, weights in half precision.

    Parameters
    ----------
    module : nn.Module
    example : Tensor, shape (1, channels, frames, bands)
        Of the input ``level``, which may have any number of frames.
    outputs : mapping of str to mapping of int to str
        Names of what it gives, each with its axes that may have any length.
    """
    import onnx

    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the newer exporter needs another package and gives the same graph
        torch.onnx.export(
            module.eval(),
            (example,),
            buffer,  # type: ignore[arg-type]  # any file will do
            input_names=["level"],
            output_names=list(outputs),
            dynamic_axes={"level": {2: "frames"}, **outputs},
            opset_version=17,
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    halve(model)
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def halve(model: Any) -> None:
    """Store weights as float16 and cast them back when the net is loaded: half the size, the same arithmetic."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 16:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
