"""How well facets hear their own factor and nothing else: the factor matrix.

Rendered groups (`soundalike.research.renderer.factor_group`) give triplets of anchor, positive and
negative whose relations are exactly known. Every head is asked about every factor:

hard
    (A, P_f, N_f): the positive shares only f with the anchor, the negative all but f. A head of f
    should always pick the positive, a head of another factor never.
neutral
    (A, P_f, Z): the negative shares nothing. A head that does not hear f is at chance, 50 %.

Tempo alone answers most questions about rhythm, so two more rows are always given: the probe
``rhythm, same tempo`` (the negative has the anchor's tempo and another groove) and ``groove`` (the
positive has the anchor's groove and another tempo; in its hard form the negative has the tempo and
another groove), and the head ``tempo oracle``, which knows the true tempo and nothing else.

A tie, and a facet that is absent on any side, counts as half an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.errors import UsageError
from soundalike.facets import FACTORS, Facet
from soundalike.research.evaluation.hearing import Encode, Progress, System, Vectors, hear
from soundalike.research.evaluation.metrics import TEMPO_ORACLE, Accuracy, triplet_accuracy, with_interval
from soundalike.research.music.composer import Split
from soundalike.research.renderer import FACTORS as CONTROLLED
from soundalike.research.renderer import PieceSpec, factor_group, render

Group: TypeAlias = Mapping[str, PieceSpec]

HARD = MappingProxyType(
    {
        "melody": ("P_melody", "N_melody"),
        "rhythm": ("P_rhythm", "N_rhythm"),
        "rhythm, same tempo": ("P_rhythm", "N_groove"),
        "groove": ("P_groove", "N_groove"),
        "timbre": ("P_timbre", "N_timbre"),
        "harmony": ("P_harmony", "N_harmony"),
    }
)
"""Positive and negative by probe; the anchor is always A."""
NEUTRAL = MappingProxyType({f: (f"P_{f}", "Z") for f in ("melody", "rhythm", "groove", "timbre", "harmony")})
KINDS = MappingProxyType({"hard": HARD, "neutral": NEUTRAL})
SAME_TEMPO = 0.04
"""Tempos closer than this, as a logarithm, are the same to the oracle: players drift by 1.5 %."""


@dataclass(frozen=True, slots=True)
class GroupSource:
    """A group of pieces as a source of clips, see `soundalike.research.evaluation.hearing.Source`."""

    group: Group

    def clips(self) -> list[Clip]:
        """Render all pieces: mono, 22.05 kHz."""
        return [render(spec) for spec in self.group.values()]


@dataclass(frozen=True, slots=True)
class FactorMatrix:
    """Accuracy of every head on every probe.

    Attributes
    ----------
    cells : mapping of str to mapping of str to mapping of str to Accuracy
        By kind ("hard" or "neutral"), head and probe.
    off_diagonal : Accuracy or None
        Mean of the neutral cells of `soundalike.research.renderer.FACTORS` off the diagonal; blind heads have
        0.5. None if the groups lack their pieces.
    groups : int
        Number of groups; every cell has one triplet per group.
    split : str
        Which music was rendered.
    """

    cells: Mapping[str, Mapping[str, Mapping[str, Accuracy]]]
    off_diagonal: Accuracy | None
    groups: int
    split: str

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, numbers and strings."""
        cells = {
            kind: {head: {probe: cell.to_json() for probe, cell in row.items()} for head, row in rows.items()}
            for kind, rows in self.cells.items()
        }
        off = self.off_diagonal.to_json() if self.off_diagonal else None
        return {"groups": self.groups, "split": self.split, "chance": 0.5, "accuracy": cells, "off_diagonal": off}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> FactorMatrix:
        """Read what `to_json` wrote."""
        cells = {
            kind: {head: {probe: Accuracy(**cell) for probe, cell in row.items()} for head, row in rows.items()}
            for kind, rows in document["accuracy"].items()
        }
        off = document["off_diagonal"]
        return cls(cells, Accuracy(**off) if off else None, document["groups"], document["split"])

    def __str__(self) -> str:
        return self.table()

    def table(self) -> str:
        """Lay the numbers out for people: per cent with 95 % intervals, one line per head."""
        lines = []
        for kind, rows in self.cells.items():
            probes = list(rows[TEMPO_ORACLE])
            lines.append(f"{kind} triplets: % right [95 % interval]; {self.groups} groups {self.split}; chance 50")
            lines.append(" " * 14 + "".join(f"{probe:>20}" for probe in probes))
            lines += [f"{head:14}" + "".join(f"{row[p]!s:>20}" for p in probes) for head, row in rows.items()]
            lines.append("")
        if self.off_diagonal is not None:
            factors = ", ".join(CONTROLLED)
            lines.append(f"neutral, off the diagonal of {factors}: {self.off_diagonal}; blind heads: 50")
        return "\n".join(lines).rstrip()


def tempo_outcomes(groups: Sequence[Group], positive: str, negative: str) -> NDArray[np.float64]:
    """Outcomes, shape (n groups,), of a head that compares true tempos."""
    distance = {
        name: np.array([abs(np.log(group["A"].tempo / group[name].tempo)) for group in groups])
        for name in (positive, negative)
    }
    far = {name: (gap > SAME_TEMPO).astype(np.float64) for name, gap in distance.items()}
    return 0.5 + 0.5 * (far[negative] - far[positive])


def measure_matrix(
    systems: Sequence[System],
    groups: Sequence[Group],
    *,
    split: str = "",
    seed: int = 0,
    jobs: int = 1,
    progress: Progress | None = None,
) -> dict[str, FactorMatrix]:
    """Ask every head of every system about every factor.

    Parameters
    ----------
    systems : sequence of System
    groups : sequence of mapping of str to PieceSpec
        At least one, as `factor_group` makes them. A probe whose pieces a group lacks is left out.
    split : str
        To note in the result.
    seed : int
        Of the bootstrap.
    jobs : int
        Processes to render and listen in.
    progress : callable, optional

    Returns
    -------
    dict of str to FactorMatrix
        By system. Heads are `soundalike.facets.FACTORS` of the mix, then the tempo oracle.

    Raises
    ------
    UsageError
        If there are no groups.
    """
    if not groups:
        raise UsageError("There are no groups to evaluate.", "Give at least one.")
    heard = hear([GroupSource(group) for group in groups], systems, jobs=jobs, progress=progress)
    return {name: score_matrix(found, groups, split=split, seed=seed) for name, found in heard.items()}


def score_matrix(
    vectors: Sequence[Vectors], groups: Sequence[Group], *, split: str = "", seed: int = 0
) -> FactorMatrix:
    """The factor matrix of vectors that are at hand.

    Parameters
    ----------
    vectors : sequence of dict of Facet to float32, shape (n pieces, d)
        One per group, rows in the order of its pieces.
    groups, split, seed
        See `measure_matrix`.
    """
    cells: dict[str, dict[str, dict[str, Accuracy]]] = {}
    off: list[NDArray[np.float64]] = []
    for kind, probes in KINDS.items():
        known = {probe: names for probe, names in probes.items() if all({"A", *names} <= set(g) for g in groups)}
        cells[kind] = {}
        for head in FACTORS:
            outcomes = {probe: _outcomes(vectors, groups, head, *names) for probe, names in known.items()}
            cells[kind][head] = {probe: with_interval(row, seed=seed) for probe, row in outcomes.items()}
            if kind == "neutral" and head in CONTROLLED:
                off += [row for probe, row in outcomes.items() if probe in CONTROLLED and probe != head]
        cells[kind][TEMPO_ORACLE] = {
            probe: with_interval(tempo_outcomes(groups, *names), seed=seed) for probe, names in known.items()
        }
    mean_off = with_interval(np.mean(off, axis=0), seed=seed) if off else None
    return FactorMatrix(cells, mean_off, len(groups), split)


def _outcomes(
    vectors: Sequence[Vectors], groups: Sequence[Group], head: str, positive: str, negative: str
) -> NDArray[np.float64]:
    """Outcomes of one head on one kind of triplet, one per group."""
    outcomes = np.full(len(vectors), 0.5)
    for i, (found, group) in enumerate(zip(vectors, groups, strict=True)):
        if Facet(head) in found:
            row = dict(zip(group, found[Facet(head)], strict=True))
            outcomes[i] = triplet_accuracy(row["A"][None], row[positive][None], row[negative][None])
    return outcomes


@dataclass(frozen=True, slots=True)
class GivenSystem:
    """A function that listens, as a system for this process alone."""

    encode: Encode
    name: str = "given"
    space: str = ""

    def load(self) -> Encode:
        """See `soundalike.research.evaluation.hearing.System.load`."""
        return self.encode


def factor_matrix(
    encode: Encode,
    groups: Sequence[Group],
    *,
    split: str = "",
    seed: int = 0,
    progress: Progress | None = None,
) -> FactorMatrix:
    """Ask every head of one system, given as a function, about every factor, in this process.

    Parameters
    ----------
    encode : Encode
        Called once per group with its clips (mono, 22.05 kHz).
    groups, split, seed, progress
        See `measure_matrix`.
    """
    (matrix,) = measure_matrix([GivenSystem(encode)], groups, split=split, seed=seed, progress=progress).values()
    return matrix


def draw_groups(
    count: int, *, seed: int = 0, split: Split = "test", duration: float = 10.0, palette: str | None = None
) -> list[Group]:
    """Groups of twelve pieces for an evaluation.

    Parameters
    ----------
    count : int
        At least 1.
    seed : int
        Which groups; the same seed gives the same ones.
    split : Split
        "test" for music that no head has been trained on.
    duration : float
        Seconds per clip.
    palette : str, optional
        Which instruments play, see `factor_group`; the default is its own.

    Raises
    ------
    UsageError
        If `count` is not positive or `seed` is negative.
    """
    if count < 1 or seed < 0:
        raise UsageError(f"{count} groups with seed {seed} were asked for.", "Give at least 1 group and a seed from 0.")
    choice: dict[str, Any] = {} if palette is None else {"palette": palette}
    return [factor_group(seed * 100_003 + i, split, duration=duration, **choice) for i in range(count)]


def evaluate(
    encode: Encode,
    *,
    groups: int = 40,
    seed: int = 0,
    split: Split = "test",
    duration: float = 10.0,
    progress: Progress | None = None,
) -> FactorMatrix:
    """Render groups and measure the factor matrix of one system on them; see `draw_groups` and `factor_matrix`."""
    drawn = draw_groups(groups, seed=seed, split=split, duration=duration)
    return factor_matrix(encode, drawn, split=split, seed=seed, progress=progress)
