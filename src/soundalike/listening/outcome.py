"""From the answers kept beside a library to weights, and what should be known before they are believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from soundalike.asking import default_weights
from soundalike.calibration.fitting import LOGISTIC, calibrate
from soundalike.calibration.intervals import FEWEST_SOURCES, RESAMPLES
from soundalike.calibration.model import Model
from soundalike.calibration.questions import Posterior, answers_to_halve
from soundalike.calibration.result import Calibration
from soundalike.calibration.votes import Votes
from soundalike.errors import UsageError
from soundalike.facets import Facet, Weights
from soundalike.judgments import Judgment, ListenerStatistics, listener_statistics
from soundalike.library import Library
from soundalike.listening.answers import Answers
from soundalike.listening.gaps import Gaps
from soundalike.listening.pool import draw_pool
from soundalike.listening.session import weighed_facets

FEWEST_REPEATS: Final = 4
"""From so many repeats on consistency is worth a remark."""

CONSISTENT: Final = 0.65
"""A smaller share of equal answers on repeats is hardly better than guessing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the answers beside a library came to.

    Attributes
    ----------
    calibration : Calibration
    gone : int
        Answers that were left out, since a track that they are on is no longer there.
    listeners : tuple of ListenerStatistics
    vaguest : Facet
        The facet with the widest interval.
    to_halve : int or None
        About how many more answers would make that half as wide; None where this library cannot.
    """

    calibration: Calibration
    gone: int
    listeners: tuple[ListenerStatistics, ...]
    vaguest: Facet
    to_halve: int | None

    @property
    def remarks(self) -> list[str]:
        """What limits the result, a sentence each."""
        found = self.calibration
        said = []
        if self.gone:
            said.append(f"{self.gone} answers are on tracks that are no longer in the library; they are left out.")
        if found.listeners == 1:
            said.append("All answers are of one listener: intervals say nothing about other people.")
        said += [
            f"'{listener.listener}' gave the same answer again to {100 * (listener.consistency or 0.0):.0f} % of "
            f"{listener.repeats} repeats: these answers contradict each other."
            for listener in self.listeners
            if listener.repeats >= FEWEST_REPEATS and (listener.consistency or 0.0) < CONSISTENT
        ]
        if found.agreement_after.low <= 0.5:
            said.append(
                "On references that they were not fitted to, these weights are not shown to do better than chance: the "
                "answers are too few, contradict each other, or go by something that no facet hears."
            )
        said += [
            f"{pair.first.short} and {pair.second.short} nearly always go together here: their weights are hardly told "
            "apart."
            for pair in found.entangled
        ]
        return said

    @property
    def next_step(self) -> str:
        """How many more answers are wanted, in a sentence."""
        name = self.vaguest.short
        if self.to_halve is None:
            return f"The music here cannot halve the uncertainty on {name}; add more."
        return f"About {max(self.to_halve, 1)} more answers would halve the uncertainty on {name}."


def calibrate_library(
    library: Library,
    *,
    criterion: str = "overall",
    listener: str | None = None,
    facets: Sequence[Facet] = (),
    before: Weights | None = None,
    model: Model = LOGISTIC,
    resamples: int = RESAMPLES,
) -> Outcome:
    """Fit weights to the answers kept beside a library.

    Parameters
    ----------
    library : Library
    criterion : str
    listener : str, optional
        Only this one's answers; the default is everyone's.
    facets : sequence of Facet
        See `weighed_facets`.
    before : Weights, optional
        What the new weights are compared with; the default is what the library is searched with by default.
    model : Model
    resamples : int
        Of the intervals.

    Raises
    ------
    UsageError
        If there are no answers, all are ties, or they are on too few references; see `calibrate` too.
    """
    chosen = weighed_facets(library, facets)
    answers = _chosen(Answers(library.folder).read(), criterion, listener)
    gaps = Gaps(library, chosen)
    here = [one for one in answers if gaps.of((one.reference, one.a, one.b)) is not None]
    if not here:
        raise UsageError(
            f"All {len(answers)} answers are on tracks that are no longer in this library.",
            "Add the music again with 'soundalike add', or judge what is here.",
        )
    votes = Votes.of(here, criterion)
    X = np.array([gaps.of(triplet) for triplet in votes.triplets], np.float64)
    groups = [track.id for name in votes.references if (track := gaps.track(name)) is not None]
    if len(set(groups)) < FEWEST_SOURCES:
        raise UsageError(
            f"The answers are on {len(set(groups))} references: too few to say how sure weights are.",
            f"Judge more with 'soundalike judge', on at least {FEWEST_SOURCES}.",
        )
    found = calibrate(
        votes,
        X,
        chosen,
        before=before or default_weights(library.space.facets),
        model=model,
        groups=groups,
        resamples=resamples,
        space=library.space.name,
        provenance={"criterion": criterion, "listener": listener or "all"},
    )
    widths = {facet: interval.high - interval.low for facet, interval in found.intervals.items()}
    vaguest = max(chosen, key=lambda facet: widths[facet])
    candidates = draw_pool(library, chosen, seed=model.seed).differences
    to_halve = answers_to_halve(candidates, Posterior.of(X, *votes.means()), chosen.index(vaguest))
    statistics = listener_statistics(here)
    return Outcome(found, len(answers) - len(here), tuple(statistics.values()), vaguest, to_halve)


def _chosen(judgments: Sequence[Judgment], criterion: str, listener: str | None) -> list[Judgment]:
    """The answers for a criterion, of one listener or of all."""
    found = [one for one in judgments if one.criterion == criterion and (listener is None or one.listener == listener)]
    if not found:
        others = sorted({f"'{one.criterion}' by {one.listener or 'nobody named'}" for one in judgments})
        told = f"There are answers for {', '.join(others)}. " if others else ""
        by = f" by {listener}" if listener else ""
        raise UsageError(
            f"There are no answers for '{criterion}'{by} beside this library.", f"{told}Judge some: soundalike judge."
        )
    return found
