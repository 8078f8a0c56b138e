"""What papers print about the data set, and what their numbers say about how they counted.

`PUBLISHED` numbers are quoted. `INFERRED` ones are deduced from the answers: each numerator over the denominator that
the rule gives rounds to the printed number, in all 24 cells of the two rows. The first row is counted on triplets of
at least 75 % agreement, the second on those of at least 80 %: they are not to be compared with each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

PUBLISHED, INFERRED = "published", "inferred"

PARTS: Final = ("drums", "bass", "guitar", "piano", "residuals", "mix")
CONFIGS: Final = ("XAB", "XYC")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the paper's Table 1.

    Attributes
    ----------
    system : str
    cutoff : float or None
        Agreement at which its triplets count (inferred); None where no single rule fits.
    agreement : mapping of str to tuple
        By config, per cent in the order of `PARTS`; None where nothing is printed.
    counts : mapping of str to tuple of (right, triplets)
        By config, inferred; empty where no rule fits.
    """

    system: str
    cutoff: float | None
    agreement: MappingProxyType[str, tuple[float | None, ...]]
    counts: MappingProxyType[str, tuple[tuple[int, int], ...]]


def _row(
    system: str,
    cutoff: float | None,
    xab: tuple[float | None, ...],
    xyc: tuple[float | None, ...],
    counts: dict[str, tuple[tuple[int, int], ...]] | None = None,
) -> Row:
    return Row(system, cutoff, MappingProxyType({"XAB": xab, "XYC": xyc}), MappingProxyType(counts or {}))


TABLE_1: Final = (
    _row(
        "CLAP cosine",
        0.75,
        (78.5, 69.8, 64.2, 68.5, 64.3, 71.9),
        (94.8, 92.3, 87.2, 94.3, 91.4, 89.3),
        {
            "XAB": ((102, 130), (90, 129), (77, 120), (87, 127), (81, 126), (105, 146)),
            "XYC": ((364, 384), (335, 363), (326, 374), (364, 386), (331, 362), (191, 214)),
        },
    ),
    _row(
        "MuQ-MuLan cosine",
        0.80,
        (79.3, 71.6, 66.7, 66.3, 65.3, 72.4),
        (97.1, 92.4, 87.0, 95.2, 87.7, 96.6),
        {
            "XAB": ((73, 92), (68, 95), (60, 90), (55, 83), (62, 95), (92, 127)),
            "XYC": ((365, 376), (316, 342), (314, 361), (358, 376), (308, 351), (197, 204)),
        },
    ),
    _row("D-CSN", None, (52.7, 67.5, 60.1, 58.5, 58.3, None), (94.8, 88.6, 92.0, 87.1, 91.6, None)),
    _row("Cascade-PAFT", None, (70.5, 76.3, 75.8, 64.6, None, None), (95.9, 90.1, 91.2, 93.1, None, None)),
)


@dataclass(frozen=True, slots=True)
class Weighted:
    """A cell of the paper's Tables 2 and 3: agreement of a weighted model in per cent, mean and spread over splits."""

    encoder: str
    configuration: str
    ols: tuple[float, float] | None
    ridge: tuple[float, float] | None


WEIGHTED: Final = (
    Weighted("CLAP", "6 stems + mix, Demucs", (83.6, 3.5), (83.2, 3.3)),
    Weighted("CLAP", "6 stems + mix, Slakh stems", (85.4, 3.4), (84.6, 3.4)),
    Weighted("MuQ-MuLan", "6 stems + mix, Demucs", (90.1, 2.4), (90.4, 2.3)),
    Weighted("MuQ-MuLan", "6 stems + mix, Slakh stems", (87.3, 2.9), (87.4, 2.7)),
)
BASELINE: Final = MappingProxyType({"CLAP": 84.6, "MuQ-MuLan": 86.8})
"""Cosine of the mix on the same triplets, in per cent, according to the paper's prose."""

POOL: Final = 330
"""Triplets that the paper reports for its weighted models; the rule that comes nearest keeps 331 (inferred)."""

WEIGHTS: Final = MappingProxyType(
    {
        "CLAP, 4 stems": {"bass": 0.38, "drums": 0.37, "vocals": 0.10, "other": 1.42, "mix": 1.19},
        "CLAP, 6 stems": {
            "bass": 0.11,
            "drums": 0.41,
            "guitar": 0.43,
            "piano": 0.10,
            "vocals": 0.21,
            "other": 0.57,
            "mix": 1.92,
        },
        "MuQ-MuLan, 4 stems": {"bass": 0.25, "drums": 0.78, "vocals": 0.08, "other": 0.86, "mix": 1.94},
        "MuQ-MuLan, 6 stems": {
            "bass": 0.32,
            "drums": 0.83,
            "guitar": 0.61,
            "piano": 0.27,
            "vocals": 0.33,
            "other": 1.27,
            "mix": 1.64,
        },
    }
)
"""The paper's Table 4, by stem; "other" is its residuals. The vocals are nearly silent in this music."""
