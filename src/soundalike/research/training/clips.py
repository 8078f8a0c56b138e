"""Rendered clips with exact labels, for the transcription net to learn from.

Every clip is a piece of its own: no two share a melody, progression, groove or orchestra. What kind of
clip it is (a whole band, a solo line, drums alone) is drawn with the odds of `CASTS`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.encoders.embedded.listening import RATE, network_input
from soundalike.encoders.embedded.spectra import LOWEST, analyse, mono
from soundalike.research.music.composer import Split, stream
from soundalike.research.music.groups import METERS, ODDS_OF_METERS, RICH_FASTEST, RICH_SLOWEST
from soundalike.research.music.labels import frame_labels
from soundalike.research.music.material import Material
from soundalike.research.music.performance import Performance
from soundalike.research.music.performer import PieceSpec, perform
from soundalike.research.music.solos import solo_piece
from soundalike.research.renderer import render
from soundalike.research.sound.orchestra import Palette

Arrays = dict[str, NDArray[Any]]

CASTS: Final[tuple[tuple[float, tuple[str, ...] | None], ...]] = (
    (0.64, None),
    (0.07, ("lead",)),
    (0.06, ("lead", "bass", "drums")),
    (0.06, ("lead", "comp", "pad", "bass")),
    (0.05, ("lead", "comp")),
    (0.06, ("comp", "pad", "bass", "drums")),
    (0.03, ("comp",)),
    (0.03, ("drums",)),
)
"""Odds of who plays; None is everybody."""

FROM_MATERIAL: Final = 0.4
"""Share of melodies, progressions and grooves that come from material where there is some."""
ALONE: Final = 0.05
"""Share of clips with a single instrument, held notes and one-shots among them."""
PLAIN: Final = 0.15
"""Share of clips in plain style, so that simple music is known too."""

NOTES: Final = 84


def training_piece(
    seed: int, split: Split = "train", *, palette: Palette = "fonts-train", material: Material | None = None
) -> PieceSpec:
    """Draw a piece to learn from.

    Parameters
    ----------
    seed : int
        Not negative.
    split : Split
    palette : Palette
    material : Material, optional
        Where some of the scores come from.
    """
    rng = stream("training piece", seed, split)
    if rng.random() < ALONE:
        return replace(solo_piece(seed, split), palette=palette, production="varied")
    numbers = [int(n) for n in rng.integers(2**31, size=6)]
    style = "plain" if rng.random() < PLAIN else "rich"
    meter = int(rng.choice(METERS, p=ODDS_OF_METERS)) if style == "rich" else 4
    scores: list[Any] = list(numbers[:3])
    if material is not None and style == "rich":
        for i, draw in enumerate((material.draw_melody, material.draw_harmony, material.draw_groove)):
            if rng.random() < FROM_MATERIAL and (found := draw(rng, meter)) is not None:
                scores[i] = found
    cast = CASTS[rng.choice(len(CASTS), p=[odds for odds, _ in CASTS])][1]
    return PieceSpec(
        scores[0],
        scores[1],
        scores[2],
        float(np.exp(rng.uniform(np.log(RICH_SLOWEST), np.log(RICH_FASTEST)))),
        numbers[3],
        key=int(rng.integers(12)),
        nuisance=numbers[4],
        split=split,
        palette=palette,
        production="varied" if rng.random() < 0.7 else "plain",
        kit=numbers[5] if rng.random() < 0.25 else None,
        style=style,
        meter=meter,
        parts=cast,
        lead_gain=float(rng.choice([0.0, 0.0, -3.0, 3.0])),
    )


def example(spec: PieceSpec) -> Arrays | None:
    """Input and labels of one clip for the net; None if it is silent.

    Returns
    -------
    dict of str to array
        ``x`` : float16, shape (2, frames, 96), see `network_input`. ``lead`` : int8, MIDI pitch or -1.
        ``root``, ``bass`` : int8, 12 for none. ``tones`` : uint8, shape (frames, 12). ``notes`` : uint8, shape
        (frames, 84), every pitch that any instrument plays from MIDI 24 on.
    """
    signal = mono(render(spec).samples)
    if signal is None:
        return None
    spectra = analyse(signal)
    x = network_input(spectra.semitone)
    frames, performance = x.shape[1], perform(spec)
    labels = frame_labels(performance, (frames + 0.5) / RATE, RATE)
    # A clip that is 60 cents sharp is heard as 40 cents flat, a semitone higher.
    shift = round((performance.tuning / 10 - spectra.tuning) / 10)
    lead = labels["lead"][:frames]
    roots = {name: labels[name][:frames] for name in ("root", "bass")}
    return {
        "x": x.astype(np.float16),
        "lead": np.where(lead >= 0, lead + shift, -1).astype(np.int8),
        "tones": np.roll(labels["tones"][:frames], shift, axis=1).astype(np.uint8),
        **{name: np.where(row < 12, (row + shift) % 12, 12).astype(np.int8) for name, row in roots.items()},
        "notes": _notes(performance, frames, shift),
    }


def _notes(performance: Performance, frames: int, shift: int) -> NDArray[np.uint8]:
    table = np.zeros((frames, NOTES), np.uint8)
    parts = (performance.lead, performance.doubling, performance.comp, performance.pad, performance.bass)
    for note in (note for part in parts for note in part):
        column = note.pitch + shift - LOWEST
        first = max(round(note.start * RATE), 0)
        last = max(round((note.start + note.seconds) * RATE), first + 1)
        if 0 <= column < NOTES:
            table[first:last, column] = 1
    return table
