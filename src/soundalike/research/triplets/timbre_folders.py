"""Folders of timbre: an instrument in several songs against another instrument of the anchor's song.

Source of the choice: Roy et al., "MERIT: Learning Disentangled Music Representations for Audio Similarity", 2026, and
the authors' program. In it the negative is always of the anchor's song and positives never are; the style "default"
adds a negative of yet another song, so that coming from one song says nothing, and brings all clips to one loudness.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from soundalike.audio import Clip
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.research.triplets.gates import LEAST, RESIDUE, measure_beside
from soundalike.research.triplets.index import Entry, Failures, Index
from soundalike.research.triplets.loudness import level_clip
from soundalike.research.triplets.material import Material, Plan
from soundalike.research.triplets.passages import fingerprint, is_residue, read_part
from soundalike.research.triplets.sets import RECORDED, ClipNotes
from soundalike.research.triplets.songs import Part
from soundalike.research.triplets.writing import NewClip, write_folder
from soundalike.workers import in_order

RATE: Final = 32000
FEWEST: Final = 3
"""Positives that are enough, where more are asked for."""


@dataclass(frozen=True, slots=True)
class TimbreFolder:
    """The parts of a folder.

    Attributes
    ----------
    anchor : Entry
    positives : tuple of Entry
    negative : Entry
        At the anchor's time.
    """

    anchor: Entry
    positives: tuple[Entry, ...]
    negative: Entry


def choose_positives(anchor: Entry, same: list[Entry], most: int, *, reference: bool) -> tuple[Entry, ...]:
    """Parts of the anchor's kind, each of another song, shuffled by the anchor's id.

    Parameters
    ----------
    anchor : Entry
    same : list of Entry
        All of its kind, sorted by song, stem and part.
    most : int
    reference : bool
        Whether the part's id alone is the seed; elsewhere than in MoisesDB, several songs have parts of one id.
    """
    shuffled = list(same)
    random.Random(anchor.part if reference else f"{anchor.song}/{anchor.part}").shuffle(shuffled)  # noqa: S311
    chosen: dict[str, Entry] = {}
    for entry in shuffled:
        if entry.song != anchor.song and len(chosen) < most:
            chosen.setdefault(entry.song, entry)
    return tuple(chosen.values())


def timbre_folders(material: Material, index: Index, failures: Failures, *, jobs: int = 1) -> Iterator[TimbreFolder]:
    """All folders that can be made, in the order of their numbers; anchors that cannot be are counted as refused.

    Parameters
    ----------
    material : Material
    index : Index
        Gets how parts sound at the time of the anchors of their song.
    failures : Failures
    jobs : int
        Processes.
    """
    plan = material.plan
    entries = sorted(material.entries, key=lambda entry: (entry.song, entry.stem, entry.kind, entry.part))
    of_kind: dict[str, list[Entry]] = defaultdict(list)
    of_song: dict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: (entry.song, entry.stem, entry.part)):
        of_kind[entry.kind].append(entry)
    for entry in entries:
        of_song[entry.song].append(entry)
    chosen: list[tuple[Entry, tuple[Entry, ...]]] = []
    for anchor in entries:
        positives = choose_positives(anchor, of_kind[anchor.kind], plan.positives, reference=plan.style == "reference")
        if len(positives) >= min(FEWEST, plan.positives):
            chosen.append((anchor, positives))
        else:
            material.refused["songs of its kind"] += 1
    tasks = [_beside(material, index, anchor, of_song[anchor.song]) for anchor, _ in chosen]
    measured = in_order(partial(_measure_beside, plan), tasks, jobs)
    for (anchor, positives), fresh in zip(chosen, measured, strict=True):
        for entry in fresh:
            if index.find(entry.song, entry.part, mark=entry.mark, beside=entry.beside) is None:
                index.add(entry)
            if entry.failed:
                failures.add(f"{entry.song}/{entry.part}", entry.failed)
        heard = [entry for entry in fresh if entry.passed]
        if heard:
            loudest = max(heard, key=lambda entry: (entry.numbers["activity"], entry.numbers["level"]))
            yield TimbreFolder(anchor, positives, loudest)
        else:
            material.refused["negative"] += 1


def _beside(
    material: Material, index: Index, anchor: Entry, song: list[Entry]
) -> list[tuple[Entry, Part | None, float]]:
    """Parts of the anchor's song that may be its negative: what is known, or the part that is to be measured."""
    others = [entry for entry in song if entry.stem != anchor.stem and entry.kind != anchor.kind]
    found: list[tuple[Entry, Part | None, float]] = []
    for other in others:
        part = material.part(other)
        mark = f"{anchor.offset:.6f} {fingerprint(part.files)}"
        known = index.find(other.song, other.part, mark=mark, beside=anchor.part)
        blank = Entry(other.song, other.part, other.stem, other.kind, anchor.offset, beside=anchor.part, mark=mark)
        found.append((known or blank, None if known else part, anchor.offset))
    return found


def _measure_beside(plan: Plan, task: list[tuple[Entry, Part | None, float]]) -> list[Entry]:
    entries = []
    for entry, part, offset in task:
        if part is None:
            entries.append(entry)
            continue
        try:
            clip = read_part(part, separator=plan.separator, start=offset, seconds=plan.seconds)
        except AudioDecodeError as error:
            entries.append(replace(entry, failed=str(error)))
        except UsageError:
            entries.append(replace(entry, refused="silence"))  # it has ended by then
        else:
            measured = measure_beside(clip)
            if not measured.refused and is_residue(part, clip, separator=plan.separator, start=offset):
                measured = replace(measured, refused=RESIDUE)
            entries.append(replace(entry, numbers=dict(measured.numbers), refused=measured.refused))
    return entries


def write_timbre_folder(root: Path, number: int, folder: TimbreFolder, material: Material) -> None:
    """Read the passages of a folder and write it.

    Raises
    ------
    AudioDecodeError, UsageError
        If a file cannot be read, or the folder not be written.
    """
    plan = material.plan
    negatives = [folder.negative]
    if plan.style == "default":
        negatives += _stranger(number, folder, material)
    read = partial(_read, material)
    write_folder(
        root,
        number,
        "timbre",
        anchor=read(folder.anchor),
        positives=[read(entry) for entry in folder.positives],
        negatives=[read(entry) for entry in negatives],
        label=folder.anchor.kind,
        meta={
            "inputs": {
                "anchor": _about(folder.anchor),
                "positives": [_about(entry) for entry in folder.positives],
                "negative": _about(folder.negative),
            },
            "quality_gate": {"segment_duration": plan.seconds, **{name: LEAST[name] for name in ("activity", "level")}},
            "construction": plan.style,
        },
    )


def _stranger(number: int, folder: TimbreFolder, material: Material) -> list[Entry]:
    """Another instrument of another song, drawn by chance; none where there is none."""
    anchor = folder.anchor
    others = [
        entry
        for entry in material.entries
        if entry.song != anchor.song and entry.stem != anchor.stem and entry.kind != anchor.kind
    ]
    chance = np.random.default_rng(material.plan.seed + number)
    return [others[int(chance.integers(len(others)))]] if others else []


def _read(material: Material, entry: Entry) -> NewClip:
    plan, song = material.plan, material.songs[entry.song]
    clip = read_part(material.part(entry), separator=plan.separator, start=entry.offset, seconds=plan.seconds)
    clip = clip.resample(RATE)
    length = round(plan.seconds * RATE)
    samples = clip.samples[:, :length]
    clip = Clip(np.pad(samples, ((0, 0), (0, length - samples.shape[1]))), RATE)
    if plan.style == "default":
        clip = level_clip(clip, compress=False)
    return NewClip(clip, ClipNotes((entry.song,), RECORDED, song.tempo), _about(entry))


def _about(entry: Entry) -> dict[str, Any]:
    return {
        "song_id": entry.song,
        "stem": entry.stem,
        "track_uuid": entry.part,
        "trackType": entry.kind,
        "offset_sec": entry.offset,
    }
