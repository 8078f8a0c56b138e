"""Folders of melody, rhythm and harmony: an excerpt, and generated music that follows its melody, drums or chords.

reference
    As Roy et al., "MERIT: Learning Disentangled Music Representations for Audio Similarity", 2026, and the authors'
    program: anchor and negative are recorded, all positives generated, and the condition is the anchor's own in pitch
    and timing. Chance is drawn in their order, from other prompts.
default
    ``negative.wav`` is generated as well, with the words and the seed of ``positive_01.wav`` and the condition of
    another song, so that only the factor tells it apart; the recorded negative is ``negative_02.wav``. Melodies and
    chords are transposed and stretched, each positive by its own draw; drums keep their tempo, which belongs to a
    rhythm, but start earlier or later. The last positive is recorded: for rhythm the whole mix of the anchor's
    passage, or where there is only drums, and for the other factors, the passage itself, transposed and stretched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.errors import UsageError
from soundalike.research.generation import Condition, Generator
from soundalike.research.triplets.index import Entry
from soundalike.research.triplets.loudness import CONDITION_TARGET, level_clip
from soundalike.research.triplets.material import Material
from soundalike.research.triplets.passages import read_part
from soundalike.research.triplets.sets import GENERATED, RECORDED, ClipNotes
from soundalike.research.triplets.writing import NewClip, write_folder

FOLLOWED: Final = {"melody": "melody", "rhythm": "drums", "harmony": "chords"}
"""What of an anchor a generator has to follow."""

MOST_SEMITONES: Final = 5
MOST_STRETCHED: Final = 1.25
"""Melodies and chords become at most so many times as long or short."""

MOST_SHIFTED: Final = 2.0
"""Seconds by which drums start earlier or later."""

PROMPTS: Final = 5000
PROMPT_SEED: Final = 42

_BEST: Final = {"melody": ("coverage",), "rhythm": ("onsets", "drum level"), "harmony": ("changes", "level")}
"""Of several parts of a stem, the one with most of this is taken."""


@dataclass(frozen=True, slots=True)
class Alteration:
    """How a condition differs from what was heard.

    Attributes
    ----------
    semitones : int
    stretch : float
        How many times as long.
    shift : float
        Seconds by which it starts later in the recording.
    """

    semitones: int = 0
    stretch: float = 1.0
    shift: float = 0.0


AS_HEARD: Final = Alteration()
DRUMS_LOWER: Final = -3
"""Semitones by which drums are moved where there is no mix of their song."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What chance decides of a folder.

    Attributes
    ----------
    anchor, other : Entry
    anchor_prompt : str
        Drawn as in MERIT, and as there of no use.
    prompts : tuple of str
    seeds : tuple of int
    alterations : tuple of Alteration
        One each per positive.
    """

    anchor: Entry
    other: Entry
    anchor_prompt: str
    prompts: tuple[str, ...]
    seeds: tuple[int, ...]
    alterations: tuple[Alteration, ...]


def choose_anchors(material: Material) -> tuple[list[Entry], dict[str, list[Entry]]]:
    """Anchors, and the entries of every stem that they find their negatives among, one per song and stem.

    Parameters
    ----------
    material : Material

    Returns
    -------
    list of Entry, dict of str to list of Entry
        The style "reference" has one anchor per song, of the first stem that passed; "default" one per song and stem.
        Stems of only one song are left out, and counted as refused.
    """
    numbers = _BEST[material.plan.factor]
    best: dict[tuple[str, str], Entry] = {}
    for entry in material.entries:
        place = (entry.song, entry.stem)
        rank = [entry.numbers[name] for name in numbers]
        if place not in best or rank > [best[place].numbers[name] for name in numbers]:
            best[place] = entry
    of_stem: dict[str, list[Entry]] = defaultdict(list)
    for place in sorted(best, key=lambda place: (best[place].song, best[place].part)):
        of_stem[place[1]].append(best[place])
    alone = {stem for stem, entries in of_stem.items() if len(entries) < 2}
    material.refused["songs with its stem"] += sum(entry.stem in alone for entry in best.values())
    usable = [entry for entry in best.values() if entry.stem not in alone]
    if material.plan.style == "reference":
        first: dict[str, Entry] = {}
        for entry in usable:
            first.setdefault(entry.song, entry)
        usable = list(first.values())
    return usable, of_stem


@lru_cache(maxsize=1)
def all_prompts() -> tuple[str, ...]:
    """The sentences that folders draw from."""
    from soundalike.research.generation.prompts import draw_prompts

    return tuple(draw_prompts(PROMPTS, PROMPT_SEED))


def draw(material: Material, anchors: Sequence[Entry], of_stem: dict[str, list[Entry]], number: int) -> Draw:
    """What folder `number`, from 1, is made of; anchors come back in turn."""
    plan = material.plan
    anchor = anchors[(number - 1) % len(anchors)]
    chance = np.random.default_rng(plan.seed + number)
    picked = chance.choice(PROMPTS, size=plan.positives + 1, replace=False).tolist()
    others = [entry for entry in of_stem[anchor.stem] if entry.song != anchor.song]
    other = others[int(chance.integers(0, len(others)))]
    seeds = tuple(chance.integers(2**31, size=plan.positives).tolist())
    drawn = tuple(_alteration(plan.factor, chance) for _ in range(plan.positives))
    if plan.style == "reference":
        drawn = (AS_HEARD,) * plan.positives
    first, *prompts = (all_prompts()[i] for i in picked)
    return Draw(anchor, other, first, tuple(prompts), seeds, drawn)


def _alteration(factor: str, chance: np.random.Generator) -> Alteration:
    if factor == "rhythm":
        return Alteration(shift=round(float(chance.uniform(-MOST_SHIFTED, MOST_SHIFTED)), 3))
    semitones = int(chance.integers(-MOST_SEMITONES, MOST_SEMITONES + 1))
    return Alteration(semitones, round(float(MOST_STRETCHED ** chance.uniform(-1.0, 1.0)), 4))


def write_conditioned_folder(
    root: Path, number: int, drawn: Draw, material: Material, generator: Generator, heard: Heard
) -> None:
    """Generate what a folder needs and write it.

    Raises
    ------
    AudioDecodeError, UsageError
        If a file cannot be read, or the folder not be written, or the generator gives nothing.
    """
    plan = material.plan
    careful = plan.style == "default"
    recorded = _recorded_positive(material, drawn, generator.rate) if careful and plan.positives > 1 else None
    wanted = plan.positives - (recorded is not None)
    conditions = [heard.condition(drawn, drawn.anchor, i) for i in range(wanted)]
    if careful:
        conditions.append(heard.condition(drawn, drawn.other, 0))
    clips = _generate(generator, conditions, plan.seconds)
    made = [_generated(material, drawn, drawn.anchor, clips[i], conditions[i], i) for i in range(wanted)]
    negatives = [_generated(material, drawn, drawn.other, clips[-1], conditions[-1], 0)] if careful else []
    negatives.append(_excerpt(material, drawn.other, generator.rate))
    write_folder(
        root,
        number,
        plan.factor,
        anchor=_excerpt(material, drawn.anchor, generator.rate),
        positives=[*made, recorded] if recorded else made,
        negatives=negatives,
        label=f"{drawn.anchor.song}/{drawn.anchor.part}",
        meta=_meta(material, drawn, generator.name, number, drawn.prompts[:wanted]),
    )


class Heard:
    """Makes conditions, and remembers melodies and chords, which are heard once though an anchor has many folders.

    Parameters
    ----------
    material : Material
    """

    def __init__(self, material: Material) -> None:
        self._material = material
        self._melodies: dict[tuple[str, ...], NDArray[np.bool_]] = {}
        self._chords: dict[tuple[str, ...], tuple[tuple[str, float], ...]] = {}

    def condition(self, drawn: Draw, entry: Entry, i: int) -> Condition:
        """What positive `i` follows, taken from the anchor, or from the other song for a negative that is like it."""
        plan, how = self._material.plan, drawn.alterations[i]
        text, seed = drawn.prompts[i], drawn.seeds[i]
        if plan.factor == "rhythm":
            drums = level_clip(_read(self._material, entry, shift=how.shift), CONDITION_TARGET, compress=False)
            return Condition(text, seed, plan.seconds, drums=drums)
        if plan.factor == "harmony":
            return Condition(text, seed, plan.seconds, chords=self._altered_chords(entry, how))
        return Condition(text, seed, plan.seconds, melody=self._altered_melody(entry, how))

    def _altered_melody(self, entry: Entry, how: Alteration) -> NDArray[np.bool_]:
        from soundalike.research.generation.conditions import fit_melody, melody_of, stretch_melody, transpose_melody

        plan = self._material.plan
        if entry.key not in self._melodies:
            clip = self._clip(entry)
            reference = plan.style == "reference"
            self._melodies[entry.key] = melody_of(clip, duration=clip.duration, reference=reference)
        moved = transpose_melody(self._melodies[entry.key], how.semitones)
        return fit_melody(stretch_melody(moved, how.stretch), plan.seconds)

    def _altered_chords(self, entry: Entry, how: Alteration) -> tuple[tuple[str, float], ...]:
        from soundalike.research.generation.chords import chords_of, transpose_chords

        if entry.key not in self._chords:
            self._chords[entry.key] = chords_of(self._clip(entry))
        moved = transpose_chords(self._chords[entry.key], how.semitones)
        timed = [(label, round(time * how.stretch, 3)) for label, time in moved]
        return tuple(one for one in timed if one[1] < self._material.plan.seconds)

    def _clip(self, entry: Entry) -> Clip:
        """The passage, and what follows it, which sounds where the passage gets shorter."""
        plan = self._material.plan
        further = MOST_STRETCHED if plan.style == "default" else 1.0
        return _read(self._material, entry, seconds=plan.seconds * further)


def _generate(generator: Generator, conditions: list[Condition], seconds: float) -> list[Clip]:
    clips = generator.generate(conditions)
    if len(clips) != len(conditions) or any(clip.rate != generator.rate for clip in clips):
        raise UsageError(
            f"'{generator.name}' gave {len(clips)} clips for {len(conditions)} conditions.",
            "Give one each, at its rate.",
        )
    for clip in clips:
        if not clip.samples.any() or not np.isfinite(clip.samples).all():
            raise UsageError(f"'{generator.name}' gave silence, or no numbers.", "Try another seed or checkpoint.")
    return [_finished(clip, generator.rate, seconds) for clip in clips]


def _recorded_positive(material: Material, drawn: Draw, rate: int) -> NewClip:
    plan, anchor = material.plan, drawn.anchor
    song = material.songs[anchor.song]
    if plan.factor == "rhythm" and song.mix and any(part.stem != "drums" for part in song.parts):
        clip = read_part(song.mix, separator="", start=anchor.offset, seconds=plan.seconds)
        return NewClip(_finished(clip, rate, plan.seconds), _notes(material, anchor, RECORDED), {"part": "mix"})
    how = drawn.alterations[-1]
    if plan.factor == "rhythm":
        how = Alteration(shift=how.shift, semitones=DRUMS_LOWER)
    clip = _altered(_read(material, anchor, seconds=plan.seconds * MOST_STRETCHED, shift=how.shift), how)
    details = {**_details(how), "part": anchor.part, "offset_sec": anchor.offset}
    return NewClip(_finished(clip, rate, plan.seconds), _notes(material, anchor, RECORDED, how), details)


def _altered(clip: Clip, how: Alteration) -> Clip:
    """A recording transposed and stretched by a phase vocoder."""
    import librosa

    samples = clip.samples[0]
    if how.stretch != 1.0:
        samples = librosa.effects.time_stretch(samples, rate=1.0 / how.stretch)
    if how.semitones:
        samples = librosa.effects.pitch_shift(samples, sr=clip.rate, n_steps=how.semitones)
    return Clip(np.asarray(samples, np.float32)[None], clip.rate)


def _generated(material: Material, drawn: Draw, entry: Entry, clip: Clip, condition: Condition, i: int) -> NewClip:
    how = drawn.alterations[i]
    details = {
        **_details(how),
        "prompt": condition.text,
        "seed": condition.seed,
        "follows": f"{entry.song}/{entry.part}",
    }
    return NewClip(clip, _notes(material, entry, GENERATED, how), details)


def _excerpt(material: Material, entry: Entry, rate: int) -> NewClip:
    plan = material.plan
    details = {"part": entry.part, "stem": entry.stem, "offset_sec": entry.offset}
    clip = _finished(_read(material, entry), rate, plan.seconds)
    return NewClip(clip, _notes(material, entry, RECORDED), details)


def _notes(material: Material, entry: Entry, domain: str, how: Alteration = AS_HEARD) -> ClipNotes:
    return ClipNotes((entry.song,), domain, round(material.songs[entry.song].tempo / how.stretch, 3))


def _details(how: Alteration) -> dict[str, float]:
    every = {"semitones": how.semitones, "stretch": how.stretch, "shift_sec": how.shift}
    return {name: value for name, value in every.items() if value != (1.0 if name == "stretch" else 0)}


def _read(material: Material, entry: Entry, *, seconds: float | None = None, shift: float = 0.0) -> Clip:
    start = max(0.0, entry.offset + shift)
    seconds = material.plan.seconds if seconds is None else seconds
    return read_part(material.part(entry), separator=material.plan.separator, start=start, seconds=seconds)


def _finished(clip: Clip, rate: int, seconds: float) -> Clip:
    """A clip as it is written: mono, at a rate, of a length, at one loudness."""
    samples = clip.mono().resample(rate).samples
    length = round(seconds * rate)
    samples = samples[:, :length]
    return level_clip(Clip(np.pad(samples, ((0, 0), (0, length - samples.shape[1]))), rate))


def _meta(material: Material, drawn: Draw, generator: str, number: int, prompts: Sequence[str]) -> dict[str, Any]:
    """Further metadata, by the names of MERIT's where it has them."""
    plan = material.plan
    sides = {"A": drawn.anchor, "B": drawn.other}
    inputs: dict[str, Any] = {"stem": drawn.anchor.stem}
    for side, entry in sides.items():
        inputs |= {f"{side}_track_id": entry.song, f"{side}_part": entry.part, f"{side}_offset_sec": entry.offset}
    return {
        "inputs": inputs,
        "generation": {
            "model_id": generator,
            "construction": plan.style,
            "segment_duration": plan.seconds,
            "seed": plan.seed + number,
            "conditioning": {name: name == FOLLOWED[plan.factor] for name in ("drums", "melody", "chords")},
        },
        "prompts": {"anchor_prompt": drawn.anchor_prompt, "positive_prompts": list(prompts)},
    }
