"""How well samples are found by a stem of a song: the right instrument, the song's own part, and the same again.

Conventions
-----------
* Songs are mixes whose stems are known (see `separation_mixes`). The library holds those stems, file by file, and
  loops cut out of other pieces. Everything goes through `soundalike.Library`, as a user's question does.
* A sample is of the **right family** if what plays in it is what was asked for; for "other", if it is neither drums nor
  bass, as long as the separator leaves everything else in it. Which family a file really is of is told by the list it
  came from. The library has to tell by itself: by the files' names, or by listening alone where they have none.
* **Steady**: of the ten best for one passage of a song and for another, the share that is the same; *by chance* it is
  ten of all that may answer.
* **Own one-shots**: of the first few one-shots for a stem's strokes, the share that was cut out of that very stem; the
  pool has strokes of every stem. *By chance* is its share of all one-shots of the right family.
* **Votes of the silent**: the share of excerpts that ask though the song has no such stem, or though it has been left
  out of the mix; beside it the share that ask where it can be heard.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import soundfile

from soundalike.errors import UsageError
from soundalike.filters import Not
from soundalike.library import Library
from soundalike.research.evaluation.metrics import with_interval
from soundalike.research.evaluation.separation import HEARD_DB
from soundalike.research.evaluation.separation_mixes import Mix, loudness
from soundalike.search import Query
from soundalike.separators.embedded.picture import RATE, Array
from soundalike.stem_query import ONE_SHOT

TOP: Final = 5
"""Hits in which families are counted."""

COMPARED: Final = 10
"""Hits that two passages are compared by."""

_ALL: Final = 10**6

PASSAGE: Final = 20.0
"""Seconds of a passage; the first and the last of a song are taken."""

Report: TypeAlias = Callable[[str], None]
Result: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of the pool.

    Attributes
    ----------
    path : Path
    family : str
        What really plays in it.
    song : str
        Where it is from.
    one_shot : bool
        Whether it is a single stroke or note.
    """

    path: Path
    family: str
    song: str
    one_shot: bool = False


@dataclass(slots=True)
class _Row:
    mix: str
    stem: str
    value: float


@dataclass(slots=True)
class _Findings:
    """Rows by measure."""

    rows: dict[str, list[_Row]] = field(default_factory=dict)

    def add(self, measure: str, mix: str, stem: str, *values: float) -> None:
        self.rows.setdefault(measure, []).extend(_Row(mix, stem, value) for value in values)

    def result(self, *, seed: int) -> Result:
        """Of every measure the mean over all stems and over each, with intervals over mixes."""
        found: Result = {}
        for measure, rows in self.rows.items():
            cells = {"all": rows} | {stem: [row for row in rows if row.stem == stem] for stem in _stems(rows)}
            found[measure] = {
                name: with_interval(
                    np.array([row.value for row in chosen]), seed=seed, sources=[row.mix for row in chosen]
                ).to_json()
                | {"n": len(chosen)}
                for name, chosen in cells.items()
            }
        return found


def _stems(rows: Sequence[_Row]) -> list[str]:
    return list(dict.fromkeys(row.stem for row in rows))


def measure_stem_search(
    mixes: Sequence[Mix],
    pool: Sequence[Sample],
    work: Path,
    *,
    stems: Sequence[str] = ("drums", "bass", "other"),
    separator: str = "embedded",
    seed: int = 0,
    report: Report = lambda line: None,
) -> Result:
    """Ask with every stem of every mix.

    Parameters
    ----------
    mixes : sequence of Mix
        With the separator's stems.
    pool : sequence of Sample
        What may be found.
    work : Path
        Folder for mixes and libraries.
    stems : sequence of str
    separator : str
    seed : int
        Of the intervals.
    report : callable
        Told what is being done.

    Returns
    -------
    dict
        ``pool``: files by family; ``measures``: see the module's head; ``families``: how often the library's own
        opinion of a file's family is right, by name and by ear.

    Raises
    ------
    UsageError
        If there is nothing to ask or to find.
    """
    if not mixes or not pool:
        raise UsageError(f"There are {len(mixes)} mixes and {len(pool)} samples.", "Give at least one of each.")
    findings = _Findings()
    truth = {str(sample.path): sample for sample in pool}
    with Library(work / "named") as named, Library(work / "nameless") as nameless:
        report(f"Listening to {len(pool)} samples")
        named.add([sample.path for sample in pool])
        hidden = _without_names(pool, work / "files")
        nameless.add(list(hidden))
        known = {str(path): sample for path, sample in hidden.items()}
        for mix in mixes:
            report(f"Asking with {mix.name}")
            for stem in stems:
                asking = _Asking(mix, stem, separator, work, named)
                if stem in mix.stems:
                    _families(findings, asking, truth, nameless, known)
                    _passages(findings, asking)
                    _strokes(findings, asking, truth)
                _silence(findings, asking)
        opinions = {"by name": _right(named, truth), "by ear": _right(nameless, known)}
    counts = {family: sum(sample.family == family for sample in pool) for family in sorted({s.family for s in pool})}
    return {"pool": counts, "families": opinions, "measures": findings.result(seed=seed)}


def _without_names(pool: Sequence[Sample], folder: Path) -> dict[Path, Sample]:
    """The same files under names that say nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    hidden = {}
    for i, sample in enumerate(pool):
        path = folder / f"{i:04d}{sample.path.suffix}"
        shutil.copyfile(sample.path, path)
        hidden[path] = sample
    return hidden


def _right(library: Library, truth: Mapping[str, Sample]) -> Result:
    """How many of the files are known to be drums, bass or neither as they are, and what was taken for what."""
    confused: dict[str, dict[str, int]] = {}
    tracks = [track for track in library.tracks() if track.path in truth and not track.silent]
    for track in tracks:
        row = confused.setdefault(truth[track.path].family, {})
        row[track.family or "unknown"] = row.get(track.family or "unknown", 0) + 1
    right = sum(
        count for family, row in confused.items() for heard, count in row.items() if _coarse(heard) == _coarse(family)
    )
    return {"right": right, "of": len(tracks), "confusion": confused}


def _coarse(family: str) -> str:
    """Drums, bass, several instruments, or anything else: the parts of songs are known no finer everywhere."""
    return family if family in ("drums", "bass", "mix", "unknown") else "other"


@dataclass(frozen=True, slots=True)
class _Asking:
    """One stem of one mix, and how to ask with it."""

    mix: Mix
    stem: str
    separator: str
    work: Path
    library: Library
    _asked: dict[tuple[object, ...], Query] = field(default_factory=dict)

    def ask(
        self, *, without: bool = False, strokes: bool = False, start: float | None = None, end: float | None = None
    ) -> Query:
        """The query, of the mix or of what is left of it without the stem; prepared once."""
        how = (without, strokes, start, end)
        if how not in self._asked:
            path = self.work / "mixes" / f"{self.mix.name}{f' without {self.stem}' if without else ''}.wav"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, self.mix.sound(without=self.stem if without else ""))
            self._asked[how] = self.library.stem_query(
                path, self.stem, start=start, end=end, separator=self.separator, strokes=strokes
            )
        return self._asked[how]

    def is_right(self, family: str) -> bool:
        """Whether a family is the one asked for."""
        return _coarse(family) == _coarse(self.stem)

    @property
    def seconds(self) -> float:
        """Length of the mix."""
        return float(self.mix.sound().shape[1] / RATE)


def _write(path: Path, sound: Array) -> None:
    # Sums of stems may be louder than full scale.
    peak = float(np.abs(sound).max())
    soundfile.write(path, (sound / max(peak, 1.0)).T, RATE, subtype="FLOAT")


def _families(
    findings: _Findings, asking: _Asking, truth: Mapping[str, Sample], nameless: Library, known: Mapping[str, Sample]
) -> None:
    """Right families among the first few, by what the library knows, and whether the song's own part comes first."""
    mix, stem, named, query = asking.mix, asking.stem, asking.library, asking.ask()
    assert query.stem is not None
    # Strokes are no loops, gated or not.
    ungated = replace(query, stem=replace(query.stem, among=Not(ONE_SHOT)))
    for measure, library, samples, asked in (
        ("right family, by name", named, truth, query),
        ("right family, by ear", nameless, known, query),
        ("right family, not gated", named, truth, ungated),
    ):
        found = [samples[hit.track.path] for hit in library.search(asked, n=TOP)]
        findings.add(measure, mix.name, stem, *(float(asking.is_right(sample.family)) for sample in found))
        if found and library is named and asked is query:
            own = found[0].song == mix.songs[stem] and asking.is_right(found[0].family)
            findings.add("own part first", mix.name, stem, float(own))


def _passages(findings: _Findings, asking: _Asking) -> None:
    """Whether the first and the last passage of a song find the same."""
    seconds = asking.seconds
    if seconds < 2 * PASSAGE:
        return
    queries = asking.ask(start=0.0, end=PASSAGE), asking.ask(start=seconds - PASSAGE, end=seconds)
    if not all(len(query.excerpts) for query in queries):
        return  # it does not play in one of them
    found = [[hit.track.id for hit in asking.library.search(query, n=_ALL)] for query in queries]
    first, second = (set(ids[:COMPARED]) for ids in found)
    where = asking.mix.name, asking.stem
    findings.add("steady", *where, len(first & second) / max(len(first), 1))
    findings.add("steady, by chance", *where, min(1.0, COMPARED / max(len(found[1]), 1)))


def _strokes(findings: _Findings, asking: _Asking, truth: Mapping[str, Sample]) -> None:
    """Whether the strokes of a stem find those that were cut out of it."""
    mix, stem = asking.mix, asking.stem

    def own(sample: Sample) -> bool:
        return asking.is_right(sample.family) and sample.song == mix.songs[stem]

    among = [sample for sample in truth.values() if sample.one_shot and asking.is_right(sample.family)]
    if not any(own(sample) for sample in among):
        return
    hits = asking.library.search(asking.ask(strokes=True), n=TOP)
    findings.add("own one-shots", mix.name, stem, *(float(own(truth[hit.track.path])) for hit in hits))
    findings.add("own one-shots, by chance", mix.name, stem, float(np.mean([own(sample) for sample in among])))


def _silence(findings: _Findings, asking: _Asking) -> None:
    """How many excerpts ask, with the stem in the mix and without it."""
    mix, stem = asking.mix, asking.stem
    if stem in mix.stems:
        query = asking.ask()
        asked = set(_asked(query))
        votes = [float(times in asked) for times in _spans(query) if _heard(mix, stem, times)]
        findings.add("asks where it plays", mix.name, stem, *votes)
    left_out = stem in mix.stems
    if len(mix.stems) > 1 or not left_out:
        query = asking.ask(without=left_out)
        asked = set(_asked(query))
        measure = "asks where it was left out" if left_out else "asks where the song has none"
        findings.add(measure, mix.name, stem, *(float(times in asked) for times in _spans(query)))


def _asked(query: Query) -> Iterator[tuple[float, float]]:
    return zip(query.excerpts.start.tolist(), query.excerpts.end.tolist(), strict=True)


def _spans(query: Query) -> list[tuple[float, float]]:
    """All excerpts of the passage, whether they ask or not."""
    silent = query.stem.silent if query.stem else ()
    return sorted({*_asked(query), *silent})


def _heard(mix: Mix, stem: str, times: tuple[float, float]) -> bool:
    """Whether a stem can be heard in a mix."""
    part, whole = (sound[:, slice(*(round(t * RATE) for t in times))] for sound in (mix.stems[stem], mix.sound()))
    return loudness(part) > loudness(whole) * 10 ** (-HEARD_DB / 20)
