"""Inst-Sim-ABX: which of two clips is more like a third, by part, in timbre, rhythm, melody and overall.

Source: Hashizume and Toda, 2025 (arXiv 2502.02138); the repository ``zume06/Inst-Sim-ABX-Dataset`` on GitHub, commit
f72a06a. It holds answers and the positions of the clips, and no sound: the clips are cut from the test split of
Slakh2100-redux, see `soundalike.research.datasets.slakh_clips`.

Conventions
-----------
* XAB: reference X and candidates A and B are of three tracks. XYC: Y is of the same track as X, C of another. Which
  of them it is follows from the letters in the names of the clips. (The readme confuses the two: under ``test1`` the
  positions are those of X, Y and C.)
* A triplet is a config, a set, a sample and a part. Its side A is the clip called A or Y, its side B the one called B
  or C, in whatever order they were presented.
* The sign of an answer is a mark of strength, which is 1 for ``+`` and 0.5 for ``-``; the letter is the vote.
* ``NA`` is an answer: what was asked about cannot be heard.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from soundalike.errors import NotFoundError, UnknownNameError, UsageError
from soundalike.judgments import FIRST, STEM, Answer, JudgedTriplet, Judgment, consensus

ANSWERS: Final = "csvs/inst_sim_abx_answers.csv"
POSITIONS: Final = ("sample_configs/dict_triplet_202404.json", "sample_configs/dict_triplet_202407.json")
CHECKSUMS: Final = MappingProxyType(
    {
        ANSWERS: "53aaee147a31341a0ad5390f132249b9f5583fdf7a5e80600c31c12200cd195b",
        POSITIONS[0]: "c820169467dad0b7d4333126c8ed3e19b9b0b9ceefd5ba7904568a1717809693",
        POSITIONS[1]: "49248def6050fd959e99dad3cdcd1a2875ea5b9b1e8a05b4e0a2a170f02d22aa",
    }
)
"""SHA-256 of the files of commit f72a06a."""

RATE: Final = 44100
CLIP_SAMPLES: Final = 219136
"""Length of every clip, in samples at `RATE`: 4.969 s."""

STEMS: Final = MappingProxyType(
    {"drums": "drums", "bass": "bass", "guitar": "guitar", "piano": "piano", "residuals": "other", "mix": "mix"}
)
"""Stems of `soundalike.facets.STEMS` by the names of the parts here."""

CRITERIA: Final = MappingProxyType(
    {"timbre": "answer_timbre", "rhythm": "answer_rhythm", "melody": "answer_melody", "overall": "answer_total"}
)
"""Columns of the answers by criterion."""

ROLES: Final = MappingProxyType({"A": ("XAB", "a"), "B": ("XAB", "b"), "Y": ("XYC", "a"), "C": ("XYC", "b")})
"""Config and canonical side by the letter of a candidate."""


class ClipName(NamedTuple):
    """What the name of a clip says: ``set2/0/bass/X_1913-28.wav`` is the 28th stretch of track 1913."""

    set: int
    sample: int
    part: str
    role: str
    track: int
    segment: int


class Trial(NamedTuple):
    """One line of the answers: what one listener said of one triplet.

    Attributes
    ----------
    reference, a, b : str
        Names of the clips, on their canonical sides.
    answers : dict of str to tuple
        By criterion, the answer and its strength.
    """

    reference: str
    a: str
    b: str
    listener: str
    answers: Mapping[str, tuple[Answer, float]]
    context: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a clip lies in the sound of its track, in samples at 44.1 kHz; the end is not part of it."""

    track: int
    part: str
    start: int
    end: int


class InstSimAbx:
    """A copy of Inst-Sim-ABX.

    Parameters
    ----------
    folder : Path
        Holds ``csvs/`` and ``sample_configs/``, as a clone of the repository does.
    dummies : bool
        Keep the trials that checked attention, in which one candidate is the reference itself. They have no config,
        set, sample or part.
    """

    name = "inst-sim-abx-f72a06a"
    licence = "No licence; its readme allows research on condition of citation, and grants no right to pass it on."
    citation = (
        "Y. Hashizume and T. Toda, Investigation of perceptual music similarity focusing on each instrumental part, "
        "2025, arXiv:2502.02138"
    )

    def __init__(self, folder: Path, *, dummies: bool = False) -> None:
        self.folder = folder
        self.dummies = dummies

    def judgments(self) -> list[Judgment]:
        """All answers, four to a trial.

        Returns
        -------
        list of Judgment
            On canonical sides. The context tells config, set, sample, part and stem; track and segment of x, a and b;
            ``first``, the side that was presented first; experiment, and ``choice_time`` in milliseconds.

        Raises
        ------
        NotFoundError
            If the answers are not in the folder.
        UnknownNameError
            If they lack a column, or hold an unknown answer.
        UsageError
            If a clip's name is not understood, or the three clips of a line do not belong together.
        """
        return [
            Judgment(trial.reference, trial.a, trial.b, criterion, answer, strength, trial.listener, trial.context)
            for trial in self.trials
            for criterion, (answer, strength) in trial.answers.items()
        ]

    @cached_property
    def trials(self) -> list[Trial]:
        """The lines of the answers, in their order; errors are those of `judgments`."""
        path = self._file(ANSWERS)
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            lines = csv.DictReader(file)
            needed = {"ex_name", "subject_id", "reference", "sample_a", "sample_b", *CRITERIA.values(), "choice_time"}
            if missing := needed.difference(lines.fieldnames or ()):
                raise UnknownNameError(
                    f"'{path}' has no column {', '.join(sorted(missing))}.", "Use the file as released."
                )
            found = (_trial(f"'{path}', line {lines.line_num},", row) for row in lines)
            return [trial for trial in found if self.dummies or not is_dummy(trial.reference)]

    def triplets(self, *, ordered: bool = False) -> list[JudgedTriplet]:
        """The judged triplets of every config, set, sample, part and criterion.

        Parameters
        ----------
        ordered : bool
            Take the two orders in which a triplet was presented for two triplets. This counts much of XYC twice, and
            is right only where published rows are to be found again. Sides stay canonical.

        Returns
        -------
        list of JudgedTriplet
            In the order in which they first come.
        """
        return consensus(self.judgments(), apart=(STEM, FIRST) if ordered else (STEM,))

    @cached_property
    def positions(self) -> dict[str, Position]:
        """Where the clips lie in their tracks, by name; also of sets that nobody was asked about.

        Raises
        ------
        NotFoundError
            If both files of positions are missing.
        UsageError
            If a file is not understood, or the two say different things of a clip.
        """
        files = [self.folder / file for file in POSITIONS if (self.folder / file).is_file()]
        if not files:
            self._file(POSITIONS[-1])
        found: dict[str, Position] = {}
        for path in files:
            for name, position in _positions(path):
                if found.setdefault(name, position) != position:
                    raise UsageError(f"'{path}' places '{name}' elsewhere.", "Use the files as released.")
        return found

    def changed_files(self) -> list[str]:
        """The files that are there but not as in commit f72a06a; counts may differ for those."""
        there = {file: self.folder / file for file in CHECKSUMS if (self.folder / file).is_file()}
        return [
            file for file, path in there.items() if hashlib.sha256(path.read_bytes()).hexdigest() != CHECKSUMS[file]
        ]

    def _file(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise NotFoundError(
                f"There is no '{name}' in '{self.folder}'.",
                "Name a clone of github.com/zume06/Inst-Sim-ABX-Dataset.",
            )
        return path


def is_dummy(reference: str) -> bool:
    """Whether a reference is that of a trial that checked attention."""
    return reference.startswith("samples/")


@cache
def parse_name(clip: str) -> ClipName:
    """Take the name of a clip apart.

    Raises
    ------
    UsageError
        If it is not the name of a clip.
    """
    found = re.fullmatch(rf"set(\d+)/(\d+)/({'|'.join(STEMS)})/([XABYC])_(\d+)-(\d+)\.wav", clip)
    if found is None:
        raise UsageError(f"'{clip}' is not the name of a clip.", "Names look like set2/0/bass/X_1913-28.wav.")
    return ClipName(int(found[1]), int(found[2]), found[3], found[4], int(found[5]), int(found[6]))


def _trial(where: str, row: Mapping[str, str]) -> Trial:
    if None in row or None in row.values():
        raise UsageError(f"{where} does not have as many cells as columns.", "Use the file as released.")
    shown = (row["sample_a"], row["sample_b"])
    own = {"experiment": row["ex_name"], "choice_time": row["choice_time"]}
    if is_dummy(row["reference"]):
        turned, about = False, {FIRST: "a"}
    else:
        turned, about = _context(row["reference"], *shown)
    a, b = shown[::-1] if turned else shown
    answers = {criterion: _answer(where, row[column], turned=turned) for criterion, column in CRITERIA.items()}
    return Trial(row["reference"], a, b, row["subject_id"], answers, MappingProxyType({**about, **own}))


def _answer(where: str, text: str, *, turned: bool) -> tuple[Answer, float]:
    """Vote on the canonical sides, and its strength."""
    if text == "NA":
        return "na", 1.0
    if text not in ("A+", "A-", "B+", "B-"):
        raise UnknownNameError(f"{where} has the answer '{text}'.", "Known: A+, A-, B+, B-, NA.")
    return "a" if (text[0] == "A") != turned else "b", 1.0 if text[1] == "+" else 0.5


@cache
def _context(reference: str, shown_first: str, shown_second: str) -> tuple[bool, dict[str, str]]:
    """Whether side B was presented first, and what the names of the three clips say."""
    x, first, second = (parse_name(clip) for clip in (reference, shown_first, shown_second))
    configs = [ROLES.get(clip.role, ("", "")) for clip in (first, second)]
    (config, side), (other, _) = configs
    if {x[:3], first[:3], second[:3]} != {x[:3]} or x.role != "X" or config != other or configs[0] == configs[1]:
        raise UsageError(
            f"'{reference}', '{shown_first}' and '{shown_second}' are no triplet.", "Use the file as released."
        )
    about = {"config": config, "set": str(x.set), "sample": str(x.sample), "part": x.part, STEM: STEMS[x.part]}
    a, b = (first, second) if side == "a" else (second, first)
    for role, clip in (("x", x), ("a", a), ("b", b)):
        about |= {f"{role}_track": str(clip.track), f"{role}_segment": str(clip.segment)}
    return side == "b", {**about, FIRST: side}


def _positions(path: Path) -> Iterator[tuple[str, Position]]:
    """Names and positions; which config they are filed under does not matter."""
    try:
        document: Any = json.loads(path.read_bytes())
        for number, samples in document.items():
            for sample, tests in samples.items():
                for parts in tests.values():
                    for part, clips in parts.items():
                        for clip in clips.values():
                            start, end = int(clip["index_s"]), int(clip["index_e"])
                            name = f"set{number}/{sample}/{part}/{clip['filename']}"
                            yield name, Position(int(clip["ID"]), part, start, end)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UsageError(f"'{path}' does not say where clips lie.", "Use the file as released.") from None
