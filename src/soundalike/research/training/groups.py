"""Rendered groups of related clips, for the heads to learn from: what each clip sounds like, and what it shares."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.spectra import Spectra, analyse, mono
from soundalike.research.music.composer import Split
from soundalike.research.music.material import Material
from soundalike.research.renderer import factor_group, heard_factors, render
from soundalike.research.sound.orchestra import Palette
from soundalike.research.sound.production import Style

Arrays = dict[str, NDArray[Any]]

FACTORS: Final = ("melody", "rhythm", "groove", "timbre", "harmony")
"""What a group knows about; rhythm is groove and tempo."""


def group_clips(
    seed: int, split: Split = "train", *, palette: Palette = "fonts-train", material: Material | None = None
) -> Arrays:
    """Render one group.

    Returns
    -------
    dict of str to array
        ``names`` : str, shape (12,), see `factor_group`. ``mel`` : float16, shape (12, frames, 64), decibels.
        ``semitone`` : float16, shape (12, frames, 96). ``heard`` : bool, shape (12, 5), whether the clip
        carries each of `FACTORS`. ``tempo`` : float64, shape (12,).
    """
    production: Style = "varied" if seed % 3 else "plain"
    group = factor_group(seed, split, palette=palette, production=production, style="rich", material=material)
    spectra = [_listen(spec) for spec in group.values()]
    heard = [[factor in heard_factors(spec) for factor in FACTORS] for spec in group.values()]
    return {
        "names": np.array(list(group)),
        "mel": np.stack([(10 * np.log10(s.mel + 1e-10)).astype(np.float16) for s in spectra]),
        "semitone": np.stack([s.semitone.astype(np.float16) for s in spectra]),
        "heard": np.array(heard),
        "tempo": np.array([spec.tempo for spec in group.values()]),
    }


def restore(group: Arrays, row: int) -> Spectra:
    """The spectra of one clip of a group, as they were rendered to three digits."""
    mel = 10 ** (group["mel"][row].astype(np.float32) / 10)
    semitone = group["semitone"][row].astype(np.float32)
    return Spectra(mel, semitone, 10.0)


def _listen(spec: Any) -> Spectra:
    clip = render(spec)
    signal = mono(clip.samples)
    return analyse(np.zeros(clip.samples.shape[1], np.float32) if signal is None else signal)


def sharers(names: NDArray[np.str_], factor: str) -> NDArray[np.bool_]:
    """Which clips of a group have the anchor's side of a factor; the others have the opposite's."""
    changed = {factor} | ({"rhythm"} if factor == "groove" else set())

    def shares(name: str) -> bool:
        kind, _, what = name.partition("_")
        if kind in "AZ":
            return kind == "A"
        return (what in changed) == (kind == "P")

    return np.array([shares(str(name)) for name in names])
