"""The numbers that are known of the paper, each with where it was read; what could not be read is not here.

The tables of the paper itself could not be read. "summary" is what its abstract and summary confirm; "report" a web
page that reports its numbers, unverified.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

SUMMARY, REPORT = "summary", "report"


@dataclass(frozen=True, slots=True)
class Published:
    """A number in per cent, and where it was read.

    Attributes
    ----------
    value : float
    read_in : str
        `SUMMARY` or `REPORT`.
    """

    value: float
    read_in: str

    def __str__(self) -> str:
        return f"{self.value:.1f} ({self.read_in})"


MATRIX: Final = MappingProxyType(
    {
        ("melody", "melody"): Published(99.9, REPORT),
        ("melody", "rhythm"): Published(58.4, REPORT),
        ("rhythm", "melody"): Published(47.7, REPORT),
        ("rhythm", "rhythm"): Published(100.0, REPORT),
        ("timbre", "timbre"): Published(99.6, REPORT),
    }
)
"""Triplet accuracy by head and set. The summary confirms that no cell of the diagonal is below 99.6."""

PROBES: Final = MappingProxyType(
    {"musdb": Published(78.9, REPORT), "ballroom": Published(88.0, REPORT), "covers80": Published(69.9, REPORT)}
)
"""Accuracy by corpus, of a row that the page does not name: most likely the head whose factor the corpus is for."""

UNKNOWN: Final = "unknown"
"""What stands where the paper's number could not be read."""


def published_cell(head: str, probe: str) -> str:
    """The paper's cell of the matrix, or `UNKNOWN`."""
    return str(MATRIX.get((head, probe), UNKNOWN))


def published_probe(corpus: str) -> str:
    """The paper's number for a corpus, or `UNKNOWN`."""
    return str(PROBES.get(corpus, UNKNOWN))
