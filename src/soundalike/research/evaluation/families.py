"""How well families of instruments are told, by ear and with names, and how rightly separated stems are kept.

Conventions
-----------
* Rendered sounds are of scores, players and a SoundFont that nothing was learned from; recorded ones of classes,
  artists and songs that are held out (`soundalike.research.training.recorded_families`).
* Intervals are 95 %, by bootstrap over sources: scores, classes of single sounds, artists, files.
* A separated stem is *kept* where it is at most `GATE_DB` below the mix, and by the second rule where also
  `soundalike.presence.plays` reaches `LEAST_PRESENT`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.family import estimate_family
from soundalike.presence import LEAST_PRESENT, weigh
from soundalike.research.evaluation.metrics import with_interval
from soundalike.research.evaluation.separation import EXCERPT, GATE_DB
from soundalike.research.evaluation.separation_mixes import known, recorded_mixes
from soundalike.research.sound.orchestra import Palette
from soundalike.research.training.family_examples import Played
from soundalike.research.training.recorded_families import HELD_OUT, Recorded, one_shots, song_parts, tracks
from soundalike.research.training.separation_scenes import STEMS, PieceParts
from soundalike.research.training.shards import make_shards, read_shards
from soundalike.research.training.stem_presence import Presence, separated
from soundalike.separators.embedded.picture import RATE
from soundalike.tracks import FAMILIES

Result: TypeAlias = dict[str, Any]
Report: TypeAlias = Callable[[str], None]

FIRST: Final = 4_000_000
"""The first seed of what is rendered for this."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes
    ----------
    work : Path
        Folder for what is rendered on the way; stopped and called again, it goes on.
    data : Path or None
        Folder of recordings with ``oneshots``, ``music`` and ``stems``; None for renders only.
    scores, pieces, scenes : int
        Rendered scores, and pieces and mixes of their parts to be separated.
    palette : Palette
        Who plays.
    seed, jobs : int
    """

    work: Path
    data: Path | None = None
    scores: int = 60
    pieces: int = 40
    scenes: int = 80
    palette: Palette = "fonts-test"
    seed: int = 0
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """An example whose family is known, and what it is taken for: probabilities in the order of `FAMILIES`."""

    family: str
    source: str
    probabilities: tuple[float, ...]

    @property
    def answer(self) -> str:
        """The likeliest family."""
        return FAMILIES[int(np.argmax(self.probabilities))]


def measure(plan: Plan, *, report: Report = lambda line: None) -> Result:
    """Measure everything, as one document of plain values."""
    command = f"soundalike research families --scores {plan.scores} --scenes {plan.scenes} --palette {plan.palette}"
    command += " --work WORK" + " --data DATA" * (plan.data is not None)
    document: Result = {"command": command, "seed": plan.seed, "families": {}, "presence": {}}
    for name, rows in _rendered(plan, report):
        document["families"][name] = families_result(rows, seed=plan.seed)
    document["presence"]["rendered scenes"] = presence_result(_scenes(plan, report), seed=plan.seed)
    if plan.data is not None:
        for name, rows in _recorded(plan.data, report):
            document["families"][name] = families_result(rows, seed=plan.seed)
        document["presence"]["recorded songs"] = presence_result(_songs(plan.data, report), seed=plan.seed)
    return document


def families_result(rows: Sequence[Heard], *, seed: int) -> Result:
    """The share that is right, how sure answers are, the share's mean over families, and who is taken for whom."""
    right = np.array([row.answer == row.family for row in rows], np.float64)
    families = [family for family in FAMILIES if any(row.family == family for row in rows)]
    confusion = {
        family: {other: sum(row.family == family and row.answer == other for row in rows) for other in FAMILIES}
        for family in families
    }
    shares = [found[family] / sum(found.values()) for family, found in confusion.items()]
    return {
        "count": len(rows),
        "sources": len({row.source for row in rows}),
        "right": with_interval(right, seed=seed, sources=[row.source for row in rows]).to_json(),
        "confidence": round(float(np.mean([max(row.probabilities) for row in rows])), 4),
        "balanced": round(float(np.mean(shares)), 4),
        "confusion": confusion,
    }


def _rendered(plan: Plan, report: Report) -> Iterator[tuple[str, list[Heard]]]:
    make = Played("test", plan.palette, FIRST)
    arrays = read_shards(make_shards(plan.work / "test-scores", make, plan.scores, size=5, jobs=plan.jobs))
    report(f"{plan.scores} scores")
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in arrays.items()}
    rows = len(flat["family"]) // len(arrays["family"])
    score, place = np.divmod(np.arange(len(flat["family"])), rows)
    parts = len(FAMILIES) * 3
    chosen = {
        "rendered loops, 10 s": (place < parts) & (place % 3 == 0),
        "rendered loops, 1 to 6 s": (place < parts) & (place % 3 == 1),
        "rendered snippets, 0.1 to 1 s": (place < parts) & (place % 3 == 2) & (flat["seconds"] < 1.0),
        "rendered one-shots": (place >= parts) & ~flat["separated"],
        "separated stems": flat["separated"],
    }
    for name, mask in chosen.items():
        places = np.flatnonzero(mask & (flat["family"] >= 0))
        yield name, [_heard(flat["embedding"][i], FAMILIES[flat["family"][i]], str(score[i])) for i in places]


def _heard(embedding: NDArray[Any], family: str, source: str, path: str = "") -> Heard:
    found = estimate_family(embedding.astype(np.float32), path)
    assert found is not None
    return Heard(family, source, tuple(found.probabilities.values()))


def _recorded(data: Path, report: Report) -> Iterator[tuple[str, list[Heard]]]:
    """Held-out recordings, by ear alone and with their names."""
    sets: dict[str, Iterable[Recorded]] = {
        "one-shots": one_shots(data / "oneshots"),
        "tracks, 10 s": tracks(data / "music", (10.0,)),
        "parts of songs, 10 s": song_parts(data / "stems", (10.0,)),
        "parts of songs, 2 s": song_parts(data / "stems", (2.0,)),
    }
    for name, found in sets.items():
        rows = [row for row in found if row.use == HELD_OUT]
        report(name)
        for how in ("by ear", "by ear and name"):
            named = how != "by ear"
            yield f"{name}, {how}", [_excerpt(row, named) for row in rows]
            if name.endswith(", 10 s"):
                yield f"{name.removesuffix(', 10 s')}, whole files, {how}", list(_whole(rows, named))


def _excerpt(row: Recorded, named: bool) -> Heard:
    return _heard(row.embedding, row.family, row.source, row.file if named else "")


def _whole(rows: Sequence[Recorded], named: bool) -> Iterator[Heard]:
    """Each file by the mean of its excerpts."""
    for file in dict.fromkeys(row.file for row in rows):
        own = [row for row in rows if row.file == file]
        mean = np.stack([row.embedding for row in own]).mean(axis=0, dtype=np.float64)
        yield _heard(mean, own[0].family, own[0].source, file if named else "")


@dataclass(frozen=True, slots=True)
class Stem:
    """A separated stem, whether it plays, from which source, how surely it is taken to play, and its level."""

    stem: str
    there: bool
    source: str
    surely: float
    below: float


def _scenes(plan: Plan, report: Report) -> Iterator[Stem]:
    make = PieceParts("test", plan.palette, FIRST)
    pieces = make_shards(plan.work / "test-pieces", make, plan.pieces, size=1, jobs=plan.jobs)
    shards = make_shards(plan.work / "test-scenes", Presence(tuple(pieces)), plan.scenes, size=10, jobs=plan.jobs)
    arrays = read_shards(shards)
    report(f"{plan.scenes} scenes")
    for scene, (stems, there, traced, rows) in enumerate(
        zip(arrays["stem"], arrays["plays"], arrays["traces"], arrays["embedding"], strict=True)
    ):
        for i in np.flatnonzero(there >= 0):
            surely = weigh(STEMS[stems[i]], traced[i].astype(np.float64), rows[i].astype(np.float32))
            yield Stem(STEMS[stems[i]], bool(there[i]), str(scene % plan.pieces), surely, float(traced[i][0]))


def _songs(data: Path, report: Report) -> Iterator[Stem]:
    """Recorded mixes in excerpts, whole and without each of their stems."""
    for mix in recorded_mixes(data / "stems"):
        report(mix.name)
        stems = known(mix, STEMS).stems
        size = EXCERPT * RATE
        length = min(samples.shape[1] for samples in stems.values())
        for first in range(0, length - size + 1, size):
            part = {stem: samples[:, first : first + size] for stem, samples in stems.items()}
            for without in ("", *part):
                left = {stem: samples for stem, samples in part.items() if stem != without and np.abs(samples).max()}
                for taken in separated(left) if left else ():
                    if taken.plays >= 0:
                        surely = weigh(taken.stem, taken.traces, taken.embedding)
                        yield Stem(taken.stem, bool(taken.plays), mix.name, surely, float(taken.traces[0]))


def presence_result(found: Iterable[Stem], *, seed: int) -> Result:
    """By stem: of those that play the share that is kept, of those that do not the share that is dropped."""
    rows = list(found)
    result: Result = {}
    for stem in STEMS:
        for how, kept in _KEPT.items():
            for there, name in ((True, "kept"), (False, "dropped")):
                own = [row for row in rows if row.stem == stem and row.there == there]
                if own:
                    shares = np.array([kept(row) == there for row in own], np.float64)
                    cell = with_interval(shares, seed=seed, sources=[row.source for row in own]).to_json()
                    result.setdefault(stem, {}).setdefault(how, {})[name] = cell | {"count": len(own)}
    return result


_KEPT: Mapping[str, Callable[[Stem], bool]] = {
    f"gate of -{GATE_DB:.0f} dB": lambda row: row.below <= GATE_DB,
    "gate and plays": lambda row: row.below <= GATE_DB and row.surely >= LEAST_PRESENT,
}
