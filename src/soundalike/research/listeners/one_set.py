"""What the two rows of the paper's Table 1 could be on one and the same set of triplets.

The first row is counted on triplets of at least 75 % agreement, the second on those of at least 80 %, which are some of
them (`soundalike.research.listeners.published`, inferred). Nobody can tell which of the larger set the first row has
right, but no more than all of those that are left out can be right, and no fewer than none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soundalike.research.listeners.protocol import CUTOFFS
from soundalike.research.listeners.published import CONFIGS, PARTS, TABLE_1


@dataclass(frozen=True, slots=True)
class OneSet:
    """One part of one config.

    Attributes
    ----------
    loose : float
        What the first row prints, in per cent.
    low, high : float
        What it could be on the triplets of the second, in per cent.
    strict : float
        What the second row prints.
    of_loose, of : int
        Triplets of the two rows.
    """

    loose: float
    low: float
    high: float
    strict: float
    of_loose: int
    of: int

    @property
    def decided(self) -> bool:
        """Whether the rows differ the same way wherever the first lies."""
        return not self.low <= self.strict <= self.high


def one_set(document: Mapping[str, Any]) -> dict[tuple[str, str], OneSet]:
    """By config and part; nothing where the triplets kept are not those of the published rows.

    Parameters
    ----------
    document : dict
        From `soundalike.research.listeners.run.run_plan`.
    """
    kept = {
        (cell["config"], cell["part"], cell["cutoff"]): cell["kept_ordered"]
        for cell in document["cells"]
        if cell["perspective"] == "overall"
    }
    loose, strict = TABLE_1[:2]
    found = {}
    for config in CONFIGS:
        for place, part in enumerate(PARTS):
            (right, of_loose), (own, of) = loose.counts[config][place], strict.counts[config][place]
            if [kept.get((config, part, cutoff)) for cutoff in CUTOFFS] != [of_loose, of]:
                return {}
            low, high = max(right - (of_loose - of), 0), min(right, of)
            found[config, part] = OneSet(
                loose=100 * right / of_loose,
                low=100 * low / of,
                high=100 * high / of,
                strict=100 * own / of,
                of_loose=of_loose,
                of=of,
            )
    return found
