"""What a root of triplets holds and what is wrong with it, in one document.

Problems are errors, which make a folder useless or its triples meaningless, or warnings. Bad sound is a problem in the
list and never the end of the check.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from soundalike.audio import Clip
from soundalike.errors import AudioDecodeError
from soundalike.research.triplets.folders import Root, Sound, TripletFolder, open_root
from soundalike.research.triplets.sets import Listed
from soundalike.research.triplets.splits import Leak, Split, measure_leak

SILENT: Final = 1e-4
"""Root mean square below which a clip is silent, as in MERIT's programs."""

FULL_SCALE: Final = 0.999
CLIPPED: Final = 1e-3
"""Share of samples at full scale from which on a clip is clipped."""

ERROR, WARNING = "error", "warning"

SHOWN: Final = 20
"""Problems of a kind that the short text lists."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong.

    Attributes
    ----------
    folder : str
    clip : str
        Path within the root; empty where it is the folder's.
    reason : str
    severity : {"error", "warning"}
    """

    folder: str
    clip: str
    reason: str
    severity: str


@dataclass(slots=True)
class RootReport:
    """What a root holds.

    Attributes
    ----------
    path, factor : str
        The factor is empty where nothing says it.
    folders : int
        Those that are whole.
    positives, negatives : Counter of int
        How many folders have so many.
    triples : int
        With one negative per folder, as MERIT has it.
    clips : int
        That could be decoded.
    durations : list of float
        Seconds of each.
    rates, channels, domains, labels, sources : Counter
        How many clips; of labels and sources, how many folders.
    without_sources : int
        Folders of which no source is known.
    anchors : Counter of str
        How many folders have an anchor of these bytes.
    problems : list of Problem
    leak : Leak or None
        Of a split, if one was given.
    """

    path: str
    factor: str = ""
    folders: int = 0
    positives: Counter[int] = field(default_factory=Counter)
    negatives: Counter[int] = field(default_factory=Counter)
    triples: int = 0
    clips: int = 0
    durations: list[float] = field(default_factory=list)
    rates: Counter[int] = field(default_factory=Counter)
    channels: Counter[int] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    without_sources: int = 0
    anchors: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    leak: Leak | None = None

    def count(self, severity: str) -> int:
        """How many problems there are of a severity."""
        return sum(problem.severity == severity for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "root": self.path,
            "factor": self.factor,
            "folders": self.folders,
            "positives": _sorted(self.positives),
            "negatives": _sorted(self.negatives),
            "triples": self.triples,
            "clips": self.clips,
            "seconds": _spread(self.durations),
            "rates": _sorted(self.rates),
            "channels": _sorted(self.channels),
            "domains": _sorted(self.domains),
            "labels": _sorted(self.labels),
            "sources": {"different": len(self.sources), "folders_without": self.without_sources},
            "anchors": {"different": len(self.anchors), "folders_of_one": _spread(list(self.anchors.values()))},
            "leak": self.leak.to_json() if self.leak else None,
            "problems": [asdict(problem) for problem in self.problems],
        }

    def __str__(self) -> str:
        spread = _spread(self.durations) or {"least": 0.0, "median": 0.0, "most": 0.0}
        again = max(self.anchors.values(), default=0)
        lines = [
            f"{self.path}: {self.folders} folders" + (f" for {self.factor}" if self.factor else ""),
            f"positives   {_told(self.positives, 'folders')}; {self.triples} triples",
            f"clips       {self.clips}, {spread['least']:g} to {spread['most']:g} s, median {spread['median']:g} s",
            f"rates       {_told(self.rates, 'clips')}",
            f"domains     {_told(self.domains, 'clips') or 'not known'}",
            f"sources     {len(self.sources)}; {self.without_sources} folders without",
            f"labels      {len(self.labels)}",
            f"anchors     {len(self.anchors)} different, one of them in {again} folders",
        ]
        if self.leak:
            by_source, by_anchor = (
                "not known" if share is None else f"{share:.1%}" for share in (self.leak.by_source, self.leak.by_anchor)
            )
            lines.append(f"leak        of {self.leak.folders} test folders: source {by_source}, anchor {by_anchor}")
        for severity in (ERROR, WARNING):
            chosen = [problem for problem in self.problems if problem.severity == severity]
            lines.append(f"{severity + 's':<12}{len(chosen)}")
            lines += [f"  {problem.clip or problem.folder} {problem.reason}" for problem in chosen[:SHOWN]]
            lines += [f"  ... and {len(chosen) - SHOWN} more (--json lists all)"] if len(chosen) > SHOWN else []
        return "\n".join(lines)


def check_root(
    path: str | Path,
    *,
    split: Split | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RootReport:
    """Look at every clip of a root.

    Parameters
    ----------
    path : str or Path
        See `soundalike.research.triplets.folders.open_root`.
    split : Split, optional
        Whose leak to measure.
    progress : callable, optional
        Told how many folders are done, and of how many.

    Raises
    ------
    UsageError
        If the root cannot be read.
    """
    root = open_root(path)
    report = RootReport(str(path), root.factor)
    report.problems += [Problem(name, "", why, ERROR) for name, why in root.skipped.items()]
    factors: Counter[str] = Counter()
    sources: dict[str, frozenset[str]] = {}
    hashes: dict[str, list[str]] = {}
    for done, folder in enumerate(root.read(), start=1):
        _count(report, folder)
        hashes[folder.name] = _listen(report, folder)
        sources[folder.name] = folder.sources
        factors[folder.factor] += 1
        if progress is not None:
            progress(done, len(root.folders))
    _check_factors(report, root, factors)
    if split is not None:
        _check_split(report, root.folders, split)
        report.leak = measure_leak(split, sources, hashes)
    return report


def _count(report: RootReport, folder: TripletFolder) -> None:
    """What is known without listening."""
    report.folders += 1
    report.positives[len(folder.positives)] += 1
    report.negatives[len(folder.negatives)] += 1
    report.triples += len(folder.positives) ** 2
    report.sources.update(folder.sources)
    report.without_sources += not folder.sources
    report.labels.update([folder.label] if folder.label else [])
    report.domains.update(sound.notes.domain for sound in folder.sounds if sound.notes.domain)
    if folder.remark:
        report.problems.append(Problem(folder.name, "", folder.remark, WARNING))


def _listen(report: RootReport, folder: TripletFolder) -> list[str]:
    """Hashes of the clips' bytes, the anchor's first; those that cannot be read are told apart by their paths."""
    hashes = []
    rates: set[int] = set()
    for sound in folder.sounds:
        hashes.append(sound.path)
        try:
            hashes[-1] = hashlib.sha256(sound.read()).hexdigest()
            clip, warning = sound.load()
        except AudioDecodeError as error:
            report.problems.append(Problem(folder.name, sound.path, _unnamed(error, sound), ERROR))
            continue
        report.clips += 1
        report.durations.append(round(clip.duration, 3))
        report.rates[clip.rate] += 1
        report.channels[clip.channels] += 1
        rates.add(clip.rate)
        report.problems += _judge(folder, sound, clip, warning)
    report.anchors[hashes[0]] += 1
    if len(rates) > 1:
        told = ", ".join(f"{rate} Hz" for rate in sorted(rates))
        report.problems.append(Problem(folder.name, "", f"has clips of unequal rates: {told}", WARNING))
    report.problems += _repeated(folder, hashes)
    return hashes


def _judge(folder: TripletFolder, sound: Sound, clip: Clip, warning: str) -> list[Problem]:
    found = [Problem(folder.name, sound.path, warning, WARNING)] if warning else []
    level = float(np.sqrt(np.mean(np.square(clip.samples, dtype=np.float64))))
    if level < SILENT:
        found.append(Problem(folder.name, sound.path, f"is silent (RMS {level:.1e})", ERROR))
    share = float(np.mean(np.abs(clip.samples) >= FULL_SCALE))
    if share >= CLIPPED:
        found.append(Problem(folder.name, sound.path, f"is clipped ({share:.1%} of samples at full scale)", WARNING))
    return found


def _repeated(folder: TripletFolder, hashes: Sequence[str]) -> list[Problem]:
    """Clips of one folder that are the same file: fatal for a negative, of no use for a positive."""
    first: dict[str, Sound] = {}
    found = []
    for sound, own in zip(folder.sounds, hashes, strict=True):
        if own in first:
            severity = ERROR if sound in folder.negatives else WARNING
            reason = f"is the same file as {first[own].path.rpartition('/')[2]}"
            found.append(Problem(folder.name, sound.path, reason, severity))
        first.setdefault(own, sound)
    return found


def _check_factors(report: RootReport, root: Root, factors: Counter[str]) -> None:
    said = sorted(factors.keys() - {""})
    report.factor = said[0] if len(said) == 1 else report.factor
    if len(said) > 1 or (root.factor and said and said != [root.factor]):
        reason = f"has metadata for {', '.join(said)}" + (f" under the name of {root.factor}" if root.factor else "")
        report.problems.append(Problem(root.path.name, "", reason, ERROR))


def _check_split(report: RootReport, folders: Iterable[Listed], split: Split) -> None:
    whole = {folder.name for folder in folders}
    for side in ("train", "test"):
        missing = [name for name in getattr(split, side) if name not in whole]
        report.problems += [
            Problem(name, "", f"is in {side} of the split, but not whole here", ERROR) for name in missing
        ]


def _unnamed(error: AudioDecodeError, sound: Sound) -> str:
    """A reason without the path, which stands before it."""
    return error.message.replace(repr(sound.path), "").strip().rstrip(".")


def _sorted(counts: Counter[Any]) -> dict[str, int]:
    return {str(key): counts[key] for key in sorted(counts)}


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {
        "least": float(min(values)),
        "mean": round(float(np.mean(values)), 3),
        "median": round(float(np.median(values)), 3),
        "most": float(max(values)),
    }


def _told(counts: Counter[Any], what: str) -> str:
    return ", ".join(f"{key} ({counts[key]} {what})" for key in sorted(counts))
