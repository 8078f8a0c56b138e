"""MusicGen-melody: music after words that follows the pitch classes of a melody, as a generator.

Licence of the released checkpoint ``facebook/musicgen-melody``: CC-BY-NC 4.0. Source: Copet et al., "Simple and
Controllable Music Generation", 2023.

The network was trained on the strongest pitch class of every 128 ms of a recording without drums and bass. Here these
come from the melody itself, so that no recording has to be taken apart. It does not take chords: in training exactly
one pitch class was on at any time, and several at once would be something that it never met.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.checkpoints import fingerprint, locate, read_json, read_tensors, require
from soundalike.encoders.released import Reader, folder_with, read_tokenizer
from soundalike.errors import CheckpointError, UsageError
from soundalike.frozen import check_device, computing, identity
from soundalike.research.generation import FRAME_RATE, Condition
from soundalike.research.generation.conditions import (
    MelodyRows,
    check_condition,
    chroma_of_melody,
    fit_melody,
    frames_of,
)

if TYPE_CHECKING:
    import torch

RATE: Final = 32000
HOP, WINDOW = 4096, 16384
"""Samples from one chroma frame to the next, and that each is heard over."""

LONGEST: Final = 30.0
"""Seconds that it was trained on."""

GUIDANCE, TEMPERATURE, TOP = 3.0, 1.0, 250
"""The authors' defaults."""

_TOKENS: Final = 512
_MISSING: Final = "Put the tokenizer.json that was released with it beside the checkpoint."


class MusicGenMelody:
    """Tokens of sound one after another, each drawn by chance from the likeliest; see `load`.

    Parameters
    ----------
    network : transformers.MusicgenMelodyForConditionalGeneration
        Frozen.
    reader : Reader
        Of T5's tokens.
    device : torch.device
    name : str
    guidance, temperature, top
        See `load`.
    """

    rate = RATE
    takes = frozenset({"melody"})

    def __init__(
        self,
        network: Any,
        reader: Reader,
        *,
        device: torch.device,
        name: str,
        guidance: float,
        temperature: float,
        top: int,
    ) -> None:
        self.name = name
        self._network = network.to(device)
        self._reader = reader
        self._device = device
        self._chance = {"guidance_scale": guidance, "temperature": temperature, "top_k": top}

    def generate(self, conditions: Sequence[Condition]) -> list[Clip]:
        """Make clips one by one, each with its own chance, so that none depends on the others.

        On the CPU the same condition gives the same bits; on a GPU it does on the same machine, as far as torch goes.
        A melody is cut to the clip's duration, or silent from its end on.

        Raises
        ------
        UsageError
            If a condition has no words, is longer than 30 s, or has drums or chords.
        """
        for condition in conditions:
            check_condition(condition, name="musicgen-melody", takes=self.takes, longest=LONGEST)
        texts = [self._reader(condition.text).astype(np.int64) for condition in conditions]
        return [self._make(condition, text) for condition, text in zip(conditions, texts, strict=True)]

    def _make(self, condition: Condition, text: NDArray[np.int64]) -> Clip:
        import torch

        numbers = torch.from_numpy(text)[None].to(self._device)
        chroma = None
        if condition.melody is not None:
            heard = chroma_frames(fit_melody(condition.melody, condition.duration), condition.duration)
            chroma = torch.from_numpy(heard[None].astype(np.float32)).to(self._device)
        places = [self._device] if self._device.type == "cuda" else []
        with computing(self._device), torch.random.fork_rng(devices=places):
            torch.manual_seed(condition.seed)
            sound = self._network.generate(
                input_ids=numbers,
                attention_mask=torch.ones_like(numbers),
                input_features=chroma,
                generation_config=self._settings(condition.duration),
            )
        samples = sound[0].float().cpu().numpy()[:, : round(condition.duration * RATE)]
        return Clip(np.ascontiguousarray(samples), RATE)

    def _settings(self, duration: float) -> Any:
        """How tokens are drawn: as many as the sound has frames, and those by which the last codebook is late."""
        import transformers

        settings: Any = transformers.GenerationConfig
        decoder = self._network.config.decoder
        frames = -(-round(duration * RATE) // (RATE // FRAME_RATE))
        return settings(
            do_sample=True,
            max_new_tokens=frames + decoder.num_codebooks - 1,
            pad_token_id=decoder.pad_token_id,
            bos_token_id=decoder.bos_token_id,
            decoder_start_token_id=decoder.bos_token_id,
            **self._chance,
        )


def chroma_frames(melody: MelodyRows, duration: float) -> NDArray[np.bool_]:
    """What MusicGen would hear of a melody: one pitch class for every 128 ms.

    Parameters
    ----------
    melody : bool, shape (round(50 * duration), 53)
    duration : float
        Seconds.

    Returns
    -------
    bool, shape (1 + 32000 * duration // 4096, 12)
        Exactly one pitch class per frame: the one that lasts longest under a Hann window of half a second; C where
        there is none, as the authors' program has it for silence.
    """
    sounding = chroma_of_melody(melody).astype(np.float64)
    frames = 1 + round(duration * RATE) // HOP
    centre = np.arange(frames) * (HOP / RATE)
    distance = (np.arange(frames_of(duration)) / FRAME_RATE - centre[:, None]) * (RATE / WINDOW)
    weight = np.where(np.abs(distance) < 0.5, 0.5 + 0.5 * np.cos(2.0 * np.pi * distance), 0.0)
    # einsum and not BLAS: the sums must not depend on threads.
    strongest = np.einsum("kt,tc->kc", weight, sounding).argmax(axis=1)
    chroma = np.zeros((frames, 12), np.bool_)
    chroma[np.arange(frames), strongest] = True
    return chroma


def load(
    checkpoint: str | Path | None = None,
    device: str = "cpu",
    *,
    guidance: float = GUIDANCE,
    temperature: float = TEMPERATURE,
    top: int = TOP,
) -> MusicGenMelody:
    """Make the generator "musicgen-melody".

    Parameters
    ----------
    checkpoint : str or Path, optional
        Folder with ``config.json``, ``tokenizer.json`` and the tensors, as released. The default is the folder
        ``musicgen-melody`` among the checkpoints, into which it has to be put by hand.
    device : str
        "cpu" or "cuda". The released network has 1.5 thousand million parameters.
    guidance : float
        How much words and melody count, from 1 on: 1 draws as the network is, more goes away from what it would make
        without them.
    temperature : float
        More is wilder.
    top : int
        How many of the likeliest tokens are drawn from.

    Raises
    ------
    MissingExtraError
        If the extra ``models`` is not installed.
    CheckpointError
        If the checkpoint is not there, or not MusicGen-melody's.
    UsageError
        If there is no such device, or an option is out of its range.
    """
    require("torch", "transformers", "safetensors", "tokenizers")
    if not (1.0 <= guidance < 100.0 and 0.0 < temperature < 100.0 and top >= 1):
        raise UsageError(
            f"guidance {guidance:g}, temperature {temperature:g} and top {top} were given.",
            "Give a guidance of 1 or more, a temperature above 0 and a top of 1 or more.",
        )
    place = check_device(device)
    path = locate("musicgen-melody", checkpoint)
    folder = folder_with(path)
    config = read_json(folder, "config.json")
    tensors = read_tensors(path)
    from soundalike.research.generation.musicgen_network import build

    network: Any = build(config, tensors)
    name = identity(
        "musicgen-melody",
        fingerprint(tensors),
        guidance=None if guidance == GUIDANCE else f"{guidance:g}",
        temperature=None if temperature == TEMPERATURE else f"{temperature:g}",
        top=None if top == TOP else top,
    )
    reader = _reader(folder, network.config.text_encoder.vocab_size)
    return MusicGenMelody(network, reader, device=place, name=name, guidance=guidance, temperature=temperature, top=top)


def _reader(folder: Path, vocabulary: int) -> Reader:
    """T5's tokenizer; without one nothing can be asked for, so that it has to be there."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise CheckpointError(f"The checkpoint '{folder}' has no tokenizer.json.", _MISSING)
    tokenizer = read_tokenizer(file)
    places = (tokenizer.token_to_id("<pad>"), tokenizer.token_to_id("</s>"))
    if places != (0, 1) or tokenizer.encode("a").ids[-1:] != [1] or tokenizer.get_vocab_size() > vocabulary:
        raise CheckpointError(f"The tokenizer in '{folder}' is not T5's.", _MISSING)
    return Reader(tokenizer, longest=_TOKENS, missing=_MISSING)
