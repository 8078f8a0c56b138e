"""Triplets from scores of our own: no recordings, no generative network, and every relation exactly known.

Two constructions:

controlled
    Anchor and positives share one factor and nothing else; every clip has a key, a start, a tone and, but for rhythm,
    a tempo of its own. ``negative.wav`` shares nothing with the anchor, ``negative_02.wav`` all but the factor, and of
    rhythm ``negative_03.wav`` has the anchor's tempo and another groove. Each folder is music of its own.
merit
    The same relations and the same holes as MERIT's triplets, to measure what they are worth: few anchors that come
    back in many folders, with another anchor as the one negative; of melody and rhythm, anchor and negative are single
    stems, and the positives whole mixes that keep the anchor's key, tempo and timing; of timbre, positives are other
    songs' stems of the instrument, the negative another stem of the song.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from soundalike.errors import UsageError
from soundalike.research.music.composer import SPLITS, Split
from soundalike.research.music.performance import PARTS
from soundalike.research.renderer import PieceSpec, factor_group, perform, render
from soundalike.research.sound.orchestra import Palette
from soundalike.research.triplets.sets import RENDERED, ClipNotes
from soundalike.research.triplets.writing import PREFIX, NewClip, is_written, write_folder
from soundalike.workers import in_order

Construction: TypeAlias = Literal["controlled", "merit"]

RATE: Final = 24000
FACTORS: Final = {"controlled": ("melody", "rhythm", "timbre", "harmony"), "merit": ("melody", "rhythm", "timbre")}
HELD: Final = {"melody": ("melody",), "rhythm": ("groove", "tempo"), "timbre": ("timbre",), "harmony": ("harmony",)}
"""What pieces that share a factor have in common."""
STEM: Final = {"melody": "lead", "rhythm": "drums", "timbre": "lead"}
"""The stem that MERIT takes anchors of a factor from."""
MIXED: Final = f"{RENDERED} mix"
SINGLE: Final = f"{RENDERED} stem"
"""The two domains of the construction "merit"."""

CONTROLLED, SONGS, MIXES, INSTRUMENTS = range(4)
"""Streams of chance that have nothing in common."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to render.

    Attributes
    ----------
    factor : str
    count : int
        Folders.
    positives : int
        In each folder.
    construction : str
    anchors : int
        How many songs the construction "merit" takes its anchors of melody and rhythm from. Of timbre every folder has
        an anchor of its own, as each stem of a song is the anchor of one.
    split : Split
        Whose music and voices; nothing of "train" is in "test".
    palette : Palette
        Who plays, see `soundalike.research.sound.orchestra.draw_timbre`.
    duration : float
        Seconds per clip.
    seed : int

    Raises
    ------
    UsageError
        If it cannot be made.
    """

    factor: str
    count: int
    positives: int = 3
    construction: Construction = "controlled"
    anchors: int = 40
    split: Split = "train"
    palette: Palette = "synthesizer"
    duration: float = 10.0
    seed: int = 0

    def __post_init__(self) -> None:
        known = FACTORS.get(self.construction, ())
        if self.factor not in known:
            raise UsageError(
                f"The construction '{self.construction}' was asked for {self.factor}.",
                "; ".join(f"'{name}' makes {', '.join(factors)}" for name, factors in FACTORS.items()) + ".",
            )
        if min(self.count, self.positives) < 1 or self.seed < 0 or self.duration <= 0 or self.anchors < 2:
            raise UsageError(
                f"{self.count} folders with {self.positives} positives from {self.anchors} anchors, "
                f"seed {self.seed}, of {self.duration:g} s were asked for.",
                "Give at least 1 folder, 1 positive and 2 anchors, a seed from 0, and some seconds.",
            )


@dataclass(frozen=True, slots=True)
class Drawn:
    """A folder before it sounds: its pieces, each with its notes, and its label."""

    anchor: tuple[PieceSpec, ClipNotes]
    positives: tuple[tuple[PieceSpec, ClipNotes], ...]
    negatives: tuple[tuple[PieceSpec, ClipNotes], ...]
    label: str = ""


def draw_folder(plan: Plan, number: int) -> Drawn:
    """The pieces of folder `number`, from 1."""
    if plan.construction == "controlled":
        return _draw_controlled(plan, number)
    return _draw_timbre_as_merit(plan, number) if plan.factor == "timbre" else _draw_as_merit(plan, number)


def render_folders(
    plan: Plan, root: Path, *, jobs: int = 1, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Render folders of triplets, those that are not there yet.

    Parameters
    ----------
    plan : Plan
    root : Path
        Gets folders ``triplets_1`` and so on; made if it is not there.
    jobs : int
        Processes.
    progress : callable, optional
        Told how many folders are there, and of how many.

    Returns
    -------
    list of Path
        All folders, in order.

    Raises
    ------
    UsageError
        If they cannot be written, or the palette needs what is not here.
    """
    missing = [n for n in range(1, plan.count + 1) if not is_written(root / f"{PREFIX}{n}")]
    for done, _ in enumerate(in_order(partial(_render_folder, plan, root), missing, jobs), plan.count - len(missing)):
        if progress is not None:
            progress(done + 1, plan.count)
    return [root / f"{PREFIX}{n}" for n in range(1, plan.count + 1)]


def _render_folder(plan: Plan, root: Path, number: int) -> Path:
    drawn = draw_folder(plan, number)
    return write_folder(
        root,
        number,
        plan.factor,
        anchor=_sound(*drawn.anchor),
        positives=[_sound(*piece) for piece in drawn.positives],
        negatives=[_sound(*piece) for piece in drawn.negatives],
        label=drawn.label,
        meta={"generation": {"construction": plan.construction, "seed": plan.seed, "palette": plan.palette}},
    )


def _sound(spec: PieceSpec, notes: ClipNotes) -> NewClip:
    details: dict[str, Any] = {"key": spec.key, "parts": list(spec.parts or PARTS)}
    return NewClip(render(spec, rate=RATE), notes, details)


def _chance(plan: Plan, *path: int) -> np.random.Generator:
    return np.random.default_rng([plan.seed, SPLITS.index(plan.split), *path])


def _group(plan: Plan, *path: int) -> dict[str, PieceSpec]:
    """Related pieces that nobody else's path leads to."""
    seed = int(_chance(plan, *path).integers(2**31))
    return factor_group(seed, plan.split, duration=plan.duration, palette=plan.palette, production="varied")


def _draw_controlled(plan: Plan, number: int) -> Drawn:
    place = (CONTROLLED, FACTORS["controlled"].index(plan.factor), number)
    group = _group(plan, *place, 0)
    anchor = group["A"]
    held = {name: getattr(anchor, name) for name in HELD[plan.factor]}
    others = [group["Z"], *(_group(plan, *place, j)["A"] for j in range(1, plan.positives))]
    negatives = [_group(plan, *place, plan.positives)["Z"], group[f"N_{plan.factor}"]]
    if plan.factor == "rhythm":
        negatives.append(group["N_groove"])

    def note(spec: PieceSpec) -> tuple[PieceSpec, ClipNotes]:
        sources = tuple(
            f"{plan.split} {name} {getattr(spec, name)}" for name in ("melody", "harmony", "groove", "timbre")
        )
        return spec, ClipNotes(sources, RENDERED, round(spec.tempo, 3))

    return Drawn(note(anchor), tuple(note(replace(z, **held)) for z in others), tuple(map(note, negatives)))


def _draw_as_merit(plan: Plan, number: int) -> Drawn:
    """A folder of melody or rhythm."""
    place = (MIXES, FACTORS["merit"].index(plan.factor), number)
    own = (number - 1) % plan.anchors
    other = (own + 1 + int(_chance(plan, *place).integers(plan.anchors - 1))) % plan.anchors
    anchor = _song(plan, own)
    positives = []
    for j in range(plan.positives):
        kept = {name: getattr(anchor, name) for name in (*HELD[plan.factor], "key", "tempo", "start")}
        mix = replace(_group(plan, *place, j)["A"], production="plain", **kept)
        positives.append((mix, ClipNotes((_song_name(plan, own),), MIXED, round(mix.tempo, 3))))
    return Drawn(_stem(plan, own), tuple(positives), (_stem(plan, other),))


def _draw_timbre_as_merit(plan: Plan, number: int) -> Drawn:
    """A folder of timbre: of `positives` + 1 songs in a row, all played by one instrument, each is the anchor once."""
    size = plan.positives + 1
    first = (number - 1) // size * size
    instrument = _group(plan, INSTRUMENTS, first)["A"].timbre
    own = number - 1
    rest = [song for song in range(first, first + size) if song != own]
    piece = replace(_song(plan, own), timbre=instrument)
    played = perform(piece)
    part = next((name for name in ("comp", "pad", "bass") if getattr(played, name)), "drums")
    negative = replace(piece, parts=(part,), nuisance=piece.nuisance + 1)
    notes = ClipNotes((_song_name(plan, own),), SINGLE, round(piece.tempo, 3))
    return Drawn(
        _stem(plan, own, timbre=instrument),
        tuple(_stem(plan, song, timbre=instrument) for song in rest),
        ((negative, notes),),
        label=f"instrument {instrument}",
    )


def _song(plan: Plan, song: int) -> PieceSpec:
    """A whole song, from a known beat on."""
    start = float(_chance(plan, SONGS, song, 1).uniform(0, 16))
    return replace(_group(plan, SONGS, song)["A"], start=start)


def _song_name(plan: Plan, song: int) -> str:
    return f"{plan.split} song {song}"


def _stem(plan: Plan, song: int, **changed: Any) -> tuple[PieceSpec, ClipNotes]:
    """The stem of a song that MERIT would take, always the same clip."""
    spec = replace(_song(plan, song), parts=(STEM[plan.factor],), **changed)
    return spec, ClipNotes((_song_name(plan, song),), SINGLE, round(spec.tempo, 3))
