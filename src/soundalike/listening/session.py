"""A blind test that asks what tells most, and loses nothing: every answer is on the disk before the next question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from soundalike.asking import default_weights
from soundalike.calibration.questions import Posterior, next_triplet
from soundalike.errors import UnknownNameError, UsageError
from soundalike.facets import FACTORS, Facet, Weights
from soundalike.judgments import Answer, Judgment, ListenerStatistics, first_answers, listener_statistics, same_triplets
from soundalike.library import Library
from soundalike.listening.answers import Answers
from soundalike.listening.excerpts import Excerpt, parse_name
from soundalike.listening.gaps import Gaps
from soundalike.listening.pool import draw_pool
from soundalike.search import check_weights

LISTENER: Final = "me"
"""Who answers, where no name is given."""

REPEAT_EVERY: Final = 8
"""One question in so many was asked before, to see whether the answer is the same."""

FORGOTTEN: Final = 4
"""So many other questions come before one is asked again."""

_SIDES: Final = {"a": 1.0, "b": -1.0}


@dataclass(frozen=True, slots=True)
class Question:
    """A reference, and two candidates one of which is more like it.

    Attributes
    ----------
    reference, a, b : Excerpt
        A is presented first.
    repeat : bool
        Whether the listener has answered it before.
    """

    reference: Excerpt
    a: Excerpt
    b: Excerpt
    repeat: bool = False


def weighed_facets(library: Library, facets: Sequence[Facet] = ()) -> tuple[Facet, ...]:
    """Facets to find the weights of: those given, else the ones that a search of the library weighs by default.

    Raises
    ------
    UsageError
        If the library has no such facet.
    """
    chosen = tuple(dict.fromkeys(facets)) or tuple(default_weights(library.space.facets))
    check_weights(Weights(dict.fromkeys(chosen, 1.0)), library.space.facets)
    return chosen


class Session:
    """One listener's questions, one after the other; a new session goes on where the last one was.

    What is asked follows from the answers so far and the seed, so that an answer taken back is asked for again.

    Parameters
    ----------
    library : Library
        Open as long as this is used.
    criterion : str
        One of `FACTORS`.
    listener : str
    facets : sequence of Facet
        What questions are to tell about; see `weighed_facets`.
    seed : int
        Of the tracks that are asked about, the places of A and B, and what is asked again.

    Raises
    ------
    UsageError
        If there is no such criterion, no name, or too little music; see `draw_pool`.
    """

    def __init__(
        self,
        library: Library,
        *,
        criterion: str = "overall",
        listener: str = LISTENER,
        facets: Sequence[Facet] = (),
        seed: int = 0,
    ) -> None:
        if criterion not in FACTORS:
            raise UnknownNameError(f"'{criterion}' is not a criterion.", f"Known: {', '.join(FACTORS)}.")
        if not listener.strip():
            raise UsageError("The listener has no name.", "Give one, so that answers can be told apart.")
        self.criterion, self.listener, self._seed = criterion, listener, seed
        self.answers = Answers(library.folder)
        chosen = weighed_facets(library, facets)
        self._gaps, self._pool = Gaps(library, chosen), draw_pool(library, chosen, seed=seed)
        self._own = [
            judgment
            for judgment in self.answers.read()
            if judgment.listener == listener and judgment.criterion == criterion
        ]
        self._skipped: set[_Key] = set()
        self._question: Question | None = None

    @property
    def judgments(self) -> tuple[Judgment, ...]:
        """The listener's answers for the criterion so far, oldest first."""
        return tuple(self._own)

    @property
    def statistics(self) -> ListenerStatistics | None:
        """How the listener answered so far; None without answers."""
        return listener_statistics(self._own).get(self.listener)

    def question(self) -> Question:
        """What to ask now; the same until it is answered, skipped, or an answer is taken back.

        Raises
        ------
        UsageError
            If everything has been asked.
        """
        if self._question is None:
            rng = np.random.default_rng([self._seed, len(self._own), len(self._skipped)])
            found = self._again(rng) or self._new()
            if rng.random() < 0.5:
                found = Question(found.reference, found.b, found.a, found.repeat)
            self._question = found
        return self._question

    def answer(self, answer: Answer) -> Judgment:
        """Keep the answer to the question, for good when this returns."""
        asked = self.question()
        judgment = Judgment(
            *(asked.reference.name, asked.a.name, asked.b.name, self.criterion, answer),
            listener=self.listener,
            context={"date": datetime.now(UTC).isoformat(timespec="seconds")},
        )
        self.answers.add(judgment)
        self._own.append(judgment)
        self._question = None
        return judgment

    def skip(self) -> None:
        """Leave the question out for this session."""
        asked = self.question()
        self._skipped.add(_key(asked.reference.track.id, asked.a.track.id, asked.b.track.id))
        self._question = None

    def undo(self) -> Judgment:
        """Take the last answer back, of this session or an earlier one, and give it.

        Raises
        ------
        UsageError
            If there is none.
        """
        if not self._own:
            raise UsageError("There is no answer to take back.", "Answer first.")
        self.answers.take_back(self._own[-1])
        self._question = None
        return self._own.pop()

    def _new(self) -> Question:
        """What tells most, on one of the references that were asked about least, so that answers rest on many."""
        taken = {self._key_of(judgment) for judgment in self._own} | self._skipped
        ids = [excerpt.track.id for excerpt in self._pool.excerpts]
        places = self._pool.triplets.tolist()
        free = [i for i, (x, a, b) in enumerate(places) if _key(ids[x], ids[a], ids[b]) not in taken]
        if not free:
            raise UsageError(
                f"All {len(places)} questions about this music have been asked.", "Calibrate, or add more music."
            )
        asked = Counter(reference for reference, _ in taken)
        counts = [asked[ids[places[i][0]]] for i in free]
        fewest = min(counts)
        least = [i for i, count in zip(free, counts, strict=True) if count == fewest]
        best = least[next_triplet(self._pool.differences[least], self._known(), seed=self._seed)]
        return Question(*(self._pool.excerpts[place] for place in places[best]))

    def _known(self) -> Posterior:
        """What the answers so far tell about the weights."""
        voted = [judgment for judgment in self._own if judgment.answer != "na"]
        firsts = [first_answers(group)[0] for group in same_triplets(voted)]
        pairs = [(self._gaps.of((one.reference, one.a, one.b)), _SIDES.get(one.answer, 0.0)) for one in firsts]
        rows = [gap for gap, _ in pairs if gap is not None]
        sides = np.array([side for gap, side in pairs if gap is not None], np.float64)
        return Posterior.of(np.array(rows, np.float64).reshape(len(rows), self._pool.differences.shape[1]), sides)

    def _again(self, rng: np.random.Generator) -> Question | None:
        """A question from before, if it is time for one and there is one that can be asked."""
        if len(self._own) % REPEAT_EVERY != REPEAT_EVERY - 1:
            return None
        old = [group[0] for group in same_triplets(self._own[:-FORGOTTEN]) if len(group) == 1]
        recent = {self._key_of(judgment) for judgment in self._own[-FORGOTTEN:]} | self._skipped
        questions = [
            self._question_of(judgment)
            for judgment in old
            if judgment.answer != "na" and self._key_of(judgment) not in recent
        ]
        possible = [question for question in questions if question is not None]
        return possible[int(rng.integers(len(possible)))] if possible else None

    def _question_of(self, judgment: Judgment) -> Question | None:
        """What a judgment was the answer to; None where it names no excerpts, or tracks that are no longer there."""
        excerpts = []
        for name in (judgment.reference, judgment.a, judgment.b):
            track, (_, times) = self._gaps.track(name), parse_name(name)
            if track is None or times is None:
                return None
            excerpts.append(Excerpt(track, *times))
        reference, a, b = excerpts
        return Question(reference, a, b, repeat=True)

    def _key_of(self, judgment: Judgment) -> _Key:
        tracks = [self._gaps.track(name) for name in (judgment.reference, judgment.a, judgment.b)]
        x, a, b = (track.id if track is not None else 0 for track in tracks)
        return _key(x, a, b)


_Key = tuple[int, frozenset[int]]
"""Reference and candidates, by the ids of their tracks."""


def _key(reference: int, a: int, b: int) -> _Key:
    return reference, frozenset((a, b))
