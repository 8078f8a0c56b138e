"""Groups of clips that share a groove and nothing else, many played by people, for the head of groove to learn from.

A group holds one groove: any part of it, on any kit, at several tempi, alone or in any band. In every other group the
clips have the same tempi as those of all others like it, so that no tempo tells groups apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded import drums, groove
from soundalike.encoders.embedded.listening import NETS
from soundalike.encoders.embedded.spectra import (
    ONSET_HOP,
    PITCHES,
    Spectra,
    mel_filters,
    mono,
    power_frames,
)
from soundalike.research.training.drum_library import read_drumming, read_kits
from soundalike.research.training.drum_samples import Kit
from soundalike.research.training.drum_scenes import Drumming, groove_scene
from soundalike.research.training.heads import LabelledRows

Array = NDArray[np.float32]

COMPOSED: Final = 240
PARTS: Final = 6
TEMPI: Final = tuple(float(t) for t in np.geomspace(72.0, 160.0, PARTS))
SHORTEST: Final = 25.0
SHARD: Final = 20


def groove_examples(
    performances: Path, cache: Path, *, nets: Path = NETS, most: int = 400, seed: int = 0
) -> LabelledRows:
    """Make the groups' sounds, or take them from the cache, and describe them.

    Parameters
    ----------
    performances : Path
        Folder of the Groove MIDI Dataset.
    cache : Path
        Where the sounds are kept, as mel spectrograms.
    nets : Path
        Folder that holds ``drums.onnx``.
    most : int
        Groups at most, those played by people first.
    seed : int

    Returns
    -------
    LabelledRows
        What `groove.describe` says of each clip in which something recurs.
    """
    cache.mkdir(parents=True, exist_ok=True)
    human = [p for p in read_drumming(performances, "train") if len(p.strokes)]
    human = [p for p in human if p.strokes[-1, 0] / p.tempo * 60 > SHORTEST]
    composed = (10_000_000 * (seed + 1) + i for i in range(COMPOSED))
    sources: list[Drumming | int] = [*human, *composed]
    sources = sources[:most]
    kits: list[Kit] = []
    rows, groups = [], []
    for first in range(0, len(sources), SHARD):
        path = cache / f"grooves-{seed}-{first}.npy"
        if not path.is_file():
            kits = kits or read_kits("train")
            mels = [_clips(source, first + i, kits, seed) for i, source in enumerate(sources[first : first + SHARD])]
            with path.with_suffix(".tmp").open("wb") as file:
                np.save(file, np.array(mels))
            path.with_suffix(".tmp").replace(path)
        for number, mels_of_one in enumerate(np.load(path), start=first):
            for mel in mels_of_one:
                row = _describe(10.0 ** mel.astype(np.float32), nets)
                if row is not None:
                    rows.append(row)
                    groups.append(number)
    numbers = np.array(groups)
    return LabelledRows(np.array(rows), numbers, numbers)


def _clips(source: Drumming | int, number: int, kits: Sequence[Kit], seed: int) -> NDArray[np.float16]:
    """Logarithmic mel spectrograms of one group: (parts, frames, 64)."""
    mels = []
    for part, tempo in enumerate(TEMPI):
        rng = np.random.default_rng([seed, number, part])
        signal = mono(groove_scene(source, kits, rng, tempo=tempo if number % 2 else None).sound[None])
        assert signal is not None, "a scene has a noise floor"
        mels.append(np.log10(power_frames(signal, 1024, ONSET_HOP, filters=mel_filters()) + 1e-7).astype(np.float16))
    return np.array(mels)


def _describe(mel: Array, nets: Path) -> Array | None:
    """The groove of a mel spectrogram."""
    spectra = Spectra(mel, np.zeros((0, PITCHES), np.float32), len(mel) * ONSET_HOP / 22050)
    return groove.describe(drums.hear(spectra, nets=nets), mel)
