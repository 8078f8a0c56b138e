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

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.errors import ShapeError, UsageError
from soundalike.facets import FACTORS, Facet, unit
from soundalike.research.composer import Split
from soundalike.research.renderer import PieceSpec, factor_group, render

Encode: TypeAlias = Callable[[Sequence[Clip]], Mapping[Facet, NDArray[np.float32]]]
"""Clips to vectors by facet, each float32 (n, d); rows of zeros, or a missing facet, are absent."""

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
TEMPO_ORACLE = "tempo oracle"
SAME_TEMPO = 0.04
"""Tempos closer than this, as a logarithm, are the same to the oracle: players drift by 1.5 %."""
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of triplets ranked correctly, 0 to 1, with its 95 % interval over groups."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.value:3.0f} [{100 * self.low:3.0f},{100 * self.high:4.0f}]"


@dataclass(frozen=True, slots=True)
class FactorMatrix:
    """Accuracy of every head on every probe.

    Attributes
    ----------
    cells : mapping of str to mapping of str to mapping of str to Accuracy
        By kind ("hard" or "neutral"), head and probe.
    groups : int
        Number of groups; every cell has one triplet per group.
    split : str
        Which music was rendered.
    """

    cells: Mapping[str, Mapping[str, Mapping[str, Accuracy]]]
    groups: int
    split: str

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, numbers and strings."""
        cells = {
            kind: {
                head: {probe: {"value": a.value, "low": a.low, "high": a.high} for probe, a in row.items()}
                for head, row in rows.items()
            }
            for kind, rows in self.cells.items()
        }
        return {"groups": self.groups, "split": self.split, "chance": 0.5, "accuracy": cells}

    def __str__(self) -> str:
        return self.table()

    def table(self) -> str:
        """Lay the numbers out for people: per cent with 95 % intervals, one line per head."""
        lines = []
        for kind, rows in self.cells.items():
            probes = list(KINDS[kind])
            lines.append(f"{kind} triplets: % right [95 % interval]; {self.groups} groups {self.split}; chance 50")
            lines.append(" " * 14 + "".join(f"{probe:>20}" for probe in probes))
            lines += [f"{head:14}" + "".join(f"{row[p]!s:>20}" for p in probes) for head, row in rows.items()]
            lines.append("")
        return "\n".join(lines).rstrip()


def triplet_outcomes(
    anchor: NDArray[np.float32], positive: NDArray[np.float32], negative: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Tell for each triplet whether the positive is nearer to the anchor by cosine.

    Parameters
    ----------
    anchor, positive, negative : float32, shape (n, d)
        Need not have unit length; rows of zeros are absent.

    Returns
    -------
    float64, shape (n,)
        1 for right, 0 for wrong, 0.5 for a tie or where any of the three is absent.

    Raises
    ------
    ShapeError
        If the three do not have the same shape.
    """
    if not anchor.shape == positive.shape == negative.shape or anchor.ndim != 2:
        raise ShapeError(
            f"The vectors have shapes {anchor.shape}, {positive.shape} and {negative.shape}.",
            "Give one row per triplet in each.",
        )
    a, p, n = (unit(rows).astype(np.float64) for rows in (anchor, positive, negative))
    outcome = 0.5 + 0.5 * np.sign(np.round(np.einsum("ij,ij->i", a, p) - np.einsum("ij,ij->i", a, n), 9))
    present = a.any(axis=1) & p.any(axis=1) & n.any(axis=1)
    return np.where(present, outcome, 0.5)


def triplet_accuracy(
    anchor: NDArray[np.float32], positive: NDArray[np.float32], negative: NDArray[np.float32]
) -> float:
    """Share of triplets in which the positive is nearer, 0 to 1; see `triplet_outcomes`."""
    return float(triplet_outcomes(anchor, positive, negative).mean())


def with_interval(outcomes: NDArray[np.float64], *, seed: int = 0) -> Accuracy:
    """Mean of outcomes, shape (n,), n >= 1, with a 95 % bootstrap interval (percentiles, `RESAMPLES` draws)."""
    if not len(outcomes):
        raise UsageError("There are no outcomes to average.", "Evaluate at least one group.")
    rows = np.random.default_rng(seed).integers(len(outcomes), size=(RESAMPLES, len(outcomes)))
    low, high = np.quantile(outcomes[rows].mean(axis=1), [0.025, 0.975])
    return Accuracy(float(outcomes.mean()), float(low), float(high))


def tempo_outcomes(groups: Sequence[Group], positive: str, negative: str) -> NDArray[np.float64]:
    """Outcomes, shape (n groups,), of a head that compares true tempos."""
    distance = {
        name: np.array([abs(np.log(group["A"].tempo / group[name].tempo)) for group in groups])
        for name in (positive, negative)
    }
    far = {name: (gap > SAME_TEMPO).astype(np.float64) for name, gap in distance.items()}
    return 0.5 + 0.5 * (far[negative] - far[positive])


def factor_matrix(
    encode: Encode,
    groups: Sequence[Group],
    *,
    split: str = "",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> FactorMatrix:
    """Ask every head about every factor.

    Parameters
    ----------
    encode : Encode
        Called once per group with its clips (mono, 22.05 kHz).
    groups : sequence of mapping of str to PieceSpec
        At least one, as `factor_group` makes them.
    split : str
        To note in the result.
    seed : int
        Of the bootstrap.
    progress : callable, optional
        Told how many groups are done, and of how many.

    Returns
    -------
    FactorMatrix
        Heads are `soundalike.facets.FACTORS` of the mix, then the tempo oracle.
    """
    if not groups:
        raise UsageError("There are no groups to evaluate.", "Give at least one.")
    vectors: list[dict[str, dict[str, NDArray[np.float32]]]] = []
    for done, group in enumerate(groups, start=1):
        vectors.append(_by_piece(encode([render(spec) for spec in group.values()]), list(group)))
        if progress is not None:
            progress(done, len(groups))
    cells: dict[str, dict[str, dict[str, Accuracy]]] = {}
    for kind, probes in KINDS.items():
        cells[kind] = {}
        for head in FACTORS:
            outcomes = {probe: _outcomes(vectors, head, *names) for probe, names in probes.items()}
            cells[kind][head] = {probe: with_interval(row, seed=seed) for probe, row in outcomes.items()}
        cells[kind][TEMPO_ORACLE] = {
            probe: with_interval(tempo_outcomes(groups, *names), seed=seed) for probe, names in probes.items()
        }
    return FactorMatrix(cells, len(groups), split)


def _by_piece(
    vectors: Mapping[Facet, NDArray[np.float32]], names: Sequence[str]
) -> dict[str, dict[str, NDArray[np.float32]]]:
    """Rows by factor of the mix and by piece."""
    rows: dict[str, dict[str, NDArray[np.float32]]] = {}
    for facet, array in vectors.items():
        if len(array) != len(names):
            raise ShapeError(f"'{facet}' has {len(array)} rows for {len(names)} clips.", "Encode one row per clip.")
        if Facet(facet).stem == "mix":
            rows[Facet(facet).factor] = dict(zip(names, np.asarray(array, np.float32), strict=True))
    return rows


def _outcomes(
    vectors: Sequence[Mapping[str, Mapping[str, NDArray[np.float32]]]], head: str, positive: str, negative: str
) -> NDArray[np.float64]:
    """Outcomes of one head on one kind of triplet, one per group."""
    outcomes = np.full(len(vectors), 0.5)
    for i, factors in enumerate(vectors):
        if head in factors:
            row = factors[head]
            outcomes[i] = triplet_accuracy(row["A"][None], row[positive][None], row[negative][None])
    return outcomes


def evaluate(
    encode: Encode,
    *,
    groups: int = 40,
    seed: int = 0,
    split: Split = "test",
    duration: float = 10.0,
    progress: Callable[[int, int], None] | None = None,
) -> FactorMatrix:
    """Render groups and measure the factor matrix on them.

    Parameters
    ----------
    encode : Encode
        See there.
    groups : int
        How many groups of twelve clips, at least 1.
    seed : int
        Which groups; the same seed gives the same clips and intervals.
    split : Split
        "test" for music that no head has been trained on.
    duration : float
        Seconds per clip.
    progress : callable, optional
        Told how many groups are done, and of how many.

    Raises
    ------
    UsageError
        If `groups` is not positive or `seed` is negative.
    """
    if groups < 1 or seed < 0:
        raise UsageError(
            f"{groups} groups with seed {seed} were asked for.", "Give at least 1 group and a seed from 0."
        )
    drawn = [factor_group(seed * 100_003 + i, split, duration=duration) for i in range(groups)]
    return factor_matrix(encode, drawn, split=split, seed=seed, progress=progress)
