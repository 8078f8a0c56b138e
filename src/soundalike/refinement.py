"""The second look at the best candidates: their notes and chords are aligned with the query's.

    s_f = (w a_f + (1 - w) c_f) / sqrt(w^2 + (1 - w)^2)

takes the place of a facet's standardised cosine c_f. Here a_f = (a - mean) / sd, where a is the similarity of the
best alignment (`soundalike.alignment`) and mean and sd are those of random pairs of tracks, and w is
`soundalike.comparison.ALIGNMENT_SHARE`. The two hear different things: vectors the whole of a track and what is
vague in it, alignments one passage that is exactly the same. Where the background does not know the cosines, a_f
stands alone. Nothing is refined in raw mode, where one of the sides has too few notes or chords, or where the
background does not know the facet's alignments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from soundalike.alignment import ALIGNED, Alignment, Line, align, line, similarities
from soundalike.comparison import Comparison, Measure
from soundalike.facets import Facet
from soundalike.notes import Transcription


class Refiner:
    """One query's notes and chords, ready to be aligned with those of many tracks.

    Parameters
    ----------
    query : Transcription or None
    measure : Measure
        Its weighted facets are refined.
    """

    def __init__(self, query: Transcription | None, measure: Measure) -> None:
        self._measure = measure
        self._lines: dict[Facet, Line] = {}
        known = measure.background.alignments if measure.background and not measure.raw else {}
        for facet, kind in ALIGNED.items():
            if query is not None and facet in known and facet in measure.weights:
                asked = line(query, kind)
                if asked.enough:
                    self._lines[facet] = asked

    def __bool__(self) -> bool:
        """Whether there is anything to refine."""
        return bool(self._lines)

    def refine(
        self, comparisons: Sequence[Comparison], transcriptions: Sequence[Transcription | None]
    ) -> list[Comparison]:
        """The comparisons with several tracks, each with as many facets refined as can be."""
        found: list[dict[Facet, float]] = [{} for _ in comparisons]
        for facet, asked in self._lines.items():
            lines = self._others(facet, comparisons, transcriptions)
            values = similarities(asked, list(lines.values()))
            for i, value in zip(lines, values.tolist(), strict=True):
                found[i][facet] = value
        return [
            self._measure.refine(comparison, values) if values else comparison
            for comparison, values in zip(comparisons, found, strict=True)
        ]

    def explain(
        self, comparisons: Sequence[Comparison], transcriptions: Sequence[Transcription | None]
    ) -> list[Comparison]:
        """The comparisons with the matching notes and chords behind their refined facets."""
        found: list[dict[Facet, Alignment]] = [{} for _ in comparisons]
        for facet, asked in self._lines.items():
            lines = self._others(facet, comparisons, transcriptions)
            for i, alignment in zip(lines, align(asked, list(lines.values())), strict=True):
                score = comparisons[i].facets[facet]
                if alignment is not None and score.refined is not None:
                    found[i][facet] = alignment
        return [
            replace(comparison, alignments=alignments)
            for comparison, alignments in zip(comparisons, found, strict=True)
        ]

    def _others(
        self, facet: Facet, comparisons: Sequence[Comparison], transcriptions: Sequence[Transcription | None]
    ) -> dict[int, Line]:
        """The tracks' lines by their places, where there is enough to compare."""
        lines: dict[int, Line] = {}
        for i, (comparison, transcription) in enumerate(zip(comparisons, transcriptions, strict=True)):
            if transcription is not None and facet in comparison.facets:
                other = line(transcription, ALIGNED[facet])
                if other.enough:
                    lines[i] = other
        return lines
