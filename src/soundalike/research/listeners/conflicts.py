"""Do factor heads hear their own factor, where listeners say that the factors disagree.

Where timbre, rhythm and melody all point to the same candidate, any head is right on all of them. Only triplets on
which most listeners chose one candidate for timbre and the other for rhythm or melody tell the heads apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from soundalike.facets import Facet
from soundalike.judgments import JudgedTriplet
from soundalike.research.evaluation.metrics import Accuracy
from soundalike.research.listeners.comparisons import agreement_with_interval
from soundalike.research.listeners.embeddings import ClipEmbeddings, differences
from soundalike.research.listeners.protocol import outcomes

PERSPECTIVES: Final = ("timbre", "rhythm", "melody", "overall")

Question: TypeAlias = tuple[str, str, str]
Panel: TypeAlias = Mapping[Question, Mapping[str, JudgedTriplet]]
"""By the three clips of a triplet, its judged triplets by criterion."""


def panel(judged: Iterable[JudgedTriplet]) -> Panel:
    """Put together what was asked about the same three clips in the same order."""
    found: dict[Question, dict[str, JudgedTriplet]] = {}
    for triplet in judged:
        found.setdefault((triplet.reference, triplet.a, triplet.b), {})[triplet.criterion] = triplet
    return found


def conflicts(asked: Panel, *, cutoff: float) -> Panel:
    """The triplets whose majority for timbre is opposite to that for rhythm or for melody.

    Parameters
    ----------
    asked : Panel
    cutoff : float
        Agreement of either majority, at least.
    """

    def side(judged: Mapping[str, JudgedTriplet], criterion: str) -> int:
        triplet = judged.get(criterion)
        return triplet.sign if triplet is not None and triplet.agreement >= cutoff else 0

    return {
        clips: judged
        for clips, judged in asked.items()
        if -1 in (side(judged, "timbre") * side(judged, other) for other in ("rhythm", "melody"))
    }


@dataclass(frozen=True, slots=True)
class ConflictCell:
    """Agreement of one head with the listeners' majority for one criterion.

    Attributes
    ----------
    agreement : Accuracy
        With its 95 % bootstrap interval over reference tracks.
    of : int
    """

    agreement: Accuracy
    of: int

    def to_json(self) -> dict[str, object]:
        """Agreement, interval and triplets."""
        return {**self.agreement.to_json(), "of": self.of}


def factor_matrix(
    embeddings: ClipEmbeddings, asked: Panel, facets: Sequence[Facet], *, cutoff: float, seed: int = 0
) -> Mapping[Facet, Mapping[str, ConflictCell]]:
    """Every head on every criterion.

    Parameters
    ----------
    embeddings : ClipEmbeddings
    asked : Panel
        All triplets, or those of `conflicts`.
    facets : sequence of Facet
    cutoff : float
        A triplet counts in the column of a criterion where the agreement of its majority is at least this.
    seed : int
        Of the draws.

    Returns
    -------
    mapping of Facet to mapping of str to ConflictCell
        By head and criterion; criteria without triplets are left out.
    """
    matrix: dict[Facet, dict[str, ConflictCell]] = {facet: {} for facet in facets}
    for criterion in PERSPECTIVES:
        judged = [found[criterion] for found in asked.values() if criterion in found]
        kept = [triplet for triplet in judged if triplet.sign and triplet.agreement >= cutoff]
        if kept:
            signs = np.array([triplet.sign for triplet in kept])
            gaps = differences(embeddings, kept, facets).values
            for column, facet in enumerate(facets):
                results = outcomes(gaps[:, column], signs)
                matrix[facet][criterion] = ConflictCell(agreement_with_interval(results, kept, seed=seed), len(kept))
    return matrix
