"""Real drumming through other kits and at other tempos: tasks on folders as the Groove MIDI Dataset has them.

Every performance is taken twice, from its beginning and from its end, so that what is found again is the
drumming and not the notes. Tempo alone would answer much: an oracle that knows the true tempos stands beside
every facet. Only drummers of the split "test" are asked (`soundalike.research.music.material`): heads may have
been trained on the others.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from soundalike.audio import Clip
from soundalike.research.evaluation.hearing import Vectors, hear
from soundalike.research.evaluation.metrics import TEMPO_ORACLE
from soundalike.research.evaluation.runs import Measured, Run
from soundalike.research.evaluation.tasks import (
    Mask,
    Scores,
    Task,
    facet_tables,
    judge,
    picked,
    same,
    tempo_table,
)
from soundalike.research.music.material import find_material
from soundalike.research.music.midi_grooves import DRUM_OF
from soundalike.research.music.midi_scores import read_midi
from soundalike.research.sound.orchestra import draw_timbre, sound_drums
from soundalike.research.sound.synthesizer import loudness

RATE: Final = 22050
SECONDS: Final = 10.0
SHORTEST: Final = 26.0
"""Seconds a performance must last, so that its two parts do not overlap even when played a quarter faster."""
PERFORMANCES: Final = 200
PANEL: Final = 40
"""Performances among which one is looked for."""
LEAST_TEMPO, MOST_TEMPO = 1.1, 1.25
"""How many times faster, or slower, the part at another tempo is played."""
MATCHED: Final = 0.05
"""Largest difference between tempos that count as the same."""
LOUDNESS: Final = -17.0


@dataclass(frozen=True, slots=True)
class Performance:
    """A line of ``info.csv``."""

    path: str
    drummer: str
    style: str
    tempo: float
    duration: float


@dataclass(frozen=True, slots=True)
class Take:
    """Part of a performance on one kit.

    Attributes
    ----------
    start : float
        Seconds in the file.
    ratio : float
        How many times faster it is played.
    kit : int
        Seed of a timbre of the split "test".
    """

    start: float
    ratio: float
    kit: int


@dataclass(frozen=True, slots=True)
class Takes:
    """Takes of one performance as a source of clips, see `soundalike.research.evaluation.hearing.Source`."""

    path: str
    takes: tuple[Take, ...]
    playing: tuple[tuple[str, Any], ...] = ()

    def clips(self) -> list[Clip]:
        """One clip of `SECONDS` per take."""
        return [self._play(take) for take in self.takes]

    def _play(self, take: Take) -> Clip:
        hits: dict[str, list[tuple[float, float]]] = {}
        for at, name, velocity in read_hits(self.path):
            time = (at - take.start) / take.ratio
            if 0 <= time < SECONDS:
                hits.setdefault(name, []).append((time, velocity))
        kit = draw_timbre(take.kit, "test", **dict(self.playing)).kit
        sound = sound_drums(kit, hits, rate=RATE, length=round(SECONDS * RATE))[None]
        gain = 10 ** ((LOUDNESS - max(loudness(sound, rate=RATE), -70.0)) / 20)
        return Clip(np.clip(sound * np.float32(gain), -0.95, 0.95), RATE)


@lru_cache(maxsize=4)
def read_hits(path: str) -> tuple[tuple[float, str, float], ...]:
    """Strokes of a drum MIDI file in order: (seconds, a drum's name, velocity 0 to 1); none if it is broken."""
    midi = read_midi(Path(path))
    hits, time = [], 0.0
    for message in midi or ():
        time += message.time
        if message.type == "note_on" and message.velocity and message.note in DRUM_OF:
            hits.append((time, DRUM_OF[message.note], message.velocity / 127))
    return tuple(hits)


def read_performances(folder: Path) -> list[Performance]:
    """Beats of test drummers that last `SHORTEST` seconds and are here, in the order of ``info.csv``."""
    tested = set(find_material("test", drums=folder).drums)
    with (folder / "info.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    found = []
    for line in lines:
        path, duration = folder / line["midi_filename"], float(line["duration"])
        if path in tested and line["beat_type"] == "beat" and duration >= SHORTEST:
            style = line["style"].partition("/")[0]
            found.append(Performance(str(path), line["drummer"], style, float(line["bpm"]), duration))
    return found


def measure_drum_performances(folder: Path, run: Run, *, performances: int = PERFORMANCES) -> Measured:
    """Find drumming again: other part, other kit, other tempo, and style.

    Parameters
    ----------
    folder : Path
        Of the Groove MIDI Dataset.
    run : Run
    performances : int
        How many, drawn by chance; fewer where there are fewer.

    Returns
    -------
    dict of str to dict
        Tasks by system.
    """
    rng = np.random.default_rng([run.seed, 1])
    known = read_performances(folder)
    chosen = [known[i] for i in rng.permutation(len(known))[:performances]]
    takes = [_takes(performance, rng) for performance in chosen]
    sources = [Takes(p.path, four, tuple(run.playing.items())) for p, four in zip(chosen, takes, strict=True)]
    heard = hear(sources, run.systems, jobs=run.jobs, progress=run.progress)
    tempos = np.array([[p.tempo * take.ratio for take in four] for p, four in zip(chosen, takes, strict=True)])
    return {name: _score(found, chosen, tempos, run.seed) for name, found in heard.items()}


def _takes(performance: Performance, rng: np.random.Generator) -> tuple[Take, ...]:
    """The beginning; then the end on its kit, on another kit, and on that at another tempo."""
    kit, other = (int(seed) for seed in rng.integers(2**31, size=2))
    ratio = float(np.exp(rng.uniform(np.log(LEAST_TEMPO), np.log(MOST_TEMPO)))) ** (1 if rng.random() < 0.5 else -1)
    end = performance.duration - SECONDS * max(ratio, 1.0) - 0.5
    return Take(0.0, 1.0, kit), Take(end, 1.0, kit), Take(end, 1.0, other), Take(end, ratio, other)


def _score(
    found: Sequence[Vectors], chosen: Sequence[Performance], tempos: Scores, seed: int
) -> dict[str, dict[str, Any]]:
    paths = [performance.path for performance in chosen]
    own, first = same(paths), picked(found, 0)
    panels = _panels(len(paths), seed)
    asked = {
        "drums, other part": ("rhythm", 1),
        "drums, other part and kit": ("rhythm", 2),
        "drums, other part, kit and tempo": ("groove", 3),
    }
    results = {}
    for name, (facet, row) in asked.items():
        title = f"the same performance among {panels[0].sum()}"
        task = Task(title, facet, own, panels, paths, "performances")
        tables = facet_tables(picked(found, row), first)
        tables[TEMPO_ORACLE] = tempo_table(tempos[:, row], tempos[:, 0])
        results[name] = judge(task, tables, seed=seed)
    near = np.abs(np.log(tempos[:, :1] / tempos[None, :, 2])) <= np.log1p(MATCHED)
    tables = facet_tables(first, picked(found, 2))
    tables[TEMPO_ORACLE] = tempo_table(tempos[:, 0], tempos[:, 2])
    title = f"the same performance, other part and kit, among those within {MATCHED:.0%} of its tempo"
    task = Task(title, "rhythm", own, own | near, paths, "performances", ("nearer",))
    results["drums, tempo-matched"] = judge(task, tables, seed=seed)
    return results | _styles(first, chosen, tempos[:, 0], seed)


def _panels(count: int, seed: int) -> Mask:
    """For each performance itself and others drawn by chance, `PANEL` in all."""
    rng = np.random.default_rng(seed)
    panels = np.eye(count, dtype=np.bool_)
    for place in range(count):
        others = np.delete(np.arange(count), place)
        panels[place, rng.permutation(others)[: PANEL - 1]] = True
    return panels


def _styles(
    first: Sequence[Vectors], chosen: Sequence[Performance], tempos: Scores, seed: int
) -> dict[str, dict[str, Any]]:
    """Ask whether another drummer's groove of the same style is nearer than grooves of other styles."""
    style, player = same([p.style for p in chosen]), same([p.drummer for p in chosen])
    near: Mask = np.abs(np.log(tempos[:, None] / tempos[None])) <= np.log1p(MATCHED)
    tables = facet_tables(first, first)
    tables[TEMPO_ORACLE] = tempo_table(tempos, tempos)
    sources = [p.path for p in chosen]
    results = {}
    for name, wrong in {"drum style": ~style, "drum style, tempo-matched": ~style & near}.items():
        title = "the same style by another drummer, against other styles"
        title += f" within {MATCHED:.0%} of the tempo" if "matched" in name else ""
        task = Task(title, "groove", style, (style & ~player) | wrong, sources, "performances", ("nearer",))
        results[name] = judge(task, tables, seed=seed)
    return results
