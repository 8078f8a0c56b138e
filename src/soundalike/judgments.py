"""What listeners answered: which of two candidates is more like a reference, and in what.

A **judgment** is one listener's answer on one triplet of sounds, for one criterion. Judgments on the same triplet and
criterion add up to a **judged triplet**, whose majority is the consensus and whose agreement is the share of listeners
who gave it.

Two columns of the context have a meaning of their own: `STEM`, the stem that was heard, tells triplets of the same
sounds apart; `FIRST`, "a" or "b", is the candidate that was presented first, where that is known and not A.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from soundalike.errors import UsageError

Answer: TypeAlias = Literal["a", "b", "tie", "na"]
"""More like candidate A or B, no difference, or not applicable: what is asked about cannot be heard."""

ANSWERS: Final[tuple[Answer, ...]] = ("a", "b", "tie", "na")
TURNED: Final[Mapping[str, Answer]] = MappingProxyType({"a": "b", "b": "a", "tie": "tie", "na": "na"})
"""Each answer as it reads when A and B change places."""

STEM: Final = "stem"
FIRST: Final = "first"


@dataclass(frozen=True, slots=True)
class Judgment:
    """One listener's answer.

    Attributes
    ----------
    reference, a, b : str
        What was heard: a path, or the id of a track.
    criterion : str
        What was asked: "overall", or another of `soundalike.facets.FACTORS`.
    answer : Answer
    strength : float
        How sure or how strong, 0 to 1; 1 where it was not asked.
    listener : str
        Who answered; no more than is needed to tell listeners apart.
    context : mapping of str to str
        What else is to be kept, such as the stem that was heard or the date.
    """

    reference: str
    a: str
    b: str
    criterion: str
    answer: Answer
    strength: float = 1.0
    listener: str = ""
    context: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def first(self) -> Literal["a", "b"]:
        """The candidate that was presented first."""
        return "b" if self.context.get(FIRST) == "b" else "a"

    def turned(self) -> Judgment:
        """The same judgment with A and B in each other's place."""
        context = MappingProxyType({**self.context, FIRST: TURNED[self.first]})
        return Judgment(
            *(self.reference, self.b, self.a, self.criterion, TURNED[self.answer]),
            strength=self.strength,
            listener=self.listener,
            context=context,
        )


@dataclass(frozen=True, slots=True)
class JudgedTriplet:
    """All answers on one triplet for one criterion.

    Attributes
    ----------
    reference, a, b, criterion, context
        See `Judgment`; the context is what all its judgments share.
    votes_a, votes_b, ties, not_applicable : int
        How many listeners gave each answer.
    strong_a, strong_b : int
        How many of the votes were strong, that is of strength above one half.
    """

    reference: str
    a: str
    b: str
    criterion: str
    votes_a: int
    votes_b: int
    ties: int = 0
    not_applicable: int = 0
    strong_a: int = 0
    strong_b: int = 0
    context: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def votes(self) -> int:
        """Listeners who chose a side."""
        return self.votes_a + self.votes_b

    @property
    def sign(self) -> int:
        """1 where most chose A, -1 where most chose B, 0 where as many did or nobody chose."""
        return (self.votes_a > self.votes_b) - (self.votes_a < self.votes_b)

    @property
    def agreement(self) -> float:
        """Share of the votes for the majority, 0.5 to 1; 0 without votes."""
        return max(self.votes_a, self.votes_b) / self.votes if self.votes else 0.0


@dataclass(frozen=True, slots=True)
class ListenerStatistics:
    """How one listener answered.

    Attributes
    ----------
    listener : str
    judgments, votes, ties, not_applicable : int
        All answers, and how many of each kind; a vote chooses A or B.
    agreement : float or None
        One versus rest: share of the votes that go with the majority of the other listeners, where those are as many
        for A as for B one half. None if nobody else voted on the same triplets.
    repeats : int
        Answers on a triplet and criterion that the listener had answered before.
    consistency : float or None
        Share of the repeats that give the first answer again. None without repeats.
    first : float or None
        Share of the votes for the candidate that was presented first; one half where the place does not matter and
        places are balanced. None without votes.
    """

    listener: str
    judgments: int
    votes: int
    ties: int
    not_applicable: int
    agreement: float | None
    repeats: int
    consistency: float | None
    first: float | None


def consensus(
    judgments: Iterable[Judgment], *, both_orders: bool = True, apart: Sequence[str] = (STEM,)
) -> list[JudgedTriplet]:
    """Add up the judgments on each triplet and criterion.

    Parameters
    ----------
    judgments : iterable of Judgment
    both_orders : bool
        A triplet that was judged with A and B in either place is one triplet, whose A is that of the first judgment
        on it. Without, each order is a triplet of its own.
    apart : sequence of str
        Columns of the context in which judgments on one triplet agree.

    Returns
    -------
    list of JudgedTriplet
        In the order in which they first come. Ties and answers that do not apply are counted apart from the votes. A
        listener has one vote: of several answers of the same listener on the same triplet the first counts. Answers
        of unnamed listeners all count.
    """
    return [_add_up(group) for group in same_triplets(judgments, both_orders=both_orders, apart=apart)]


def same_triplets(
    judgments: Iterable[Judgment], *, both_orders: bool = True, apart: Sequence[str] = (STEM,)
) -> list[list[Judgment]]:
    """Judgments by triplet and criterion, those in the other order turned; parameters are those of `consensus`."""
    groups: dict[tuple[str, ...], list[Judgment]] = {}
    for judgment in judgments:
        key = _key(judgment, apart)
        if both_orders and key not in groups:
            turned = judgment.turned()
            if (other := _key(turned, apart)) in groups:
                key, judgment = other, turned
        groups.setdefault(key, []).append(judgment)
    return list(groups.values())


def first_answers(judgments: Iterable[Judgment]) -> list[Judgment]:
    """Of judgments on one triplet and criterion, the first of each named listener and all of the unnamed ones."""
    seen: set[str] = set()
    kept = []
    for judgment in judgments:
        if not judgment.listener or judgment.listener not in seen:
            seen.add(judgment.listener)
            kept.append(judgment)
    return kept


def keep(triplets: Iterable[JudgedTriplet], agreement: float) -> list[JudgedTriplet]:
    """The triplets on which listeners agree.

    Parameters
    ----------
    triplets : iterable of JudgedTriplet
    agreement : float
        Least share of the votes for the majority, 0 to 1; that share itself is kept. Where as many listeners chose A
        as B, or nobody chose, there is no consensus: such a triplet is never kept.

    Raises
    ------
    UsageError
        If the agreement is not between 0 and 1.
    """
    if not 0 <= agreement <= 1:
        raise UsageError(f"An agreement of {agreement:g} was given.", "Give a share between 0 and 1, such as 0.8.")
    return [triplet for triplet in triplets if triplet.sign and triplet.agreement >= agreement]


def listener_statistics(
    judgments: Iterable[Judgment], *, apart: Sequence[str] = (STEM,)
) -> dict[str, ListenerStatistics]:
    """How each named listener answered, over all triplets and criteria.

    Parameters
    ----------
    judgments : iterable of Judgment
    apart : sequence of str
        As of `consensus`.

    Returns
    -------
    dict of str to ListenerStatistics
        By listener, in the order in which they first come.
    """
    answered: dict[str, list[Judgment]] = {}
    outcomes: defaultdict[str, list[float]] = defaultdict(list)
    repeated: defaultdict[str, list[bool]] = defaultdict(list)
    listed = list(judgments)
    for judgment in listed:
        answered.setdefault(judgment.listener, []).append(judgment)
    for group in same_triplets(listed, apart=apart):
        own = {judgment.listener: judgment.answer for judgment in reversed(group)}
        votes = Counter(judgment.answer for judgment in first_answers(group))
        for listener, answer in own.items():
            others = votes[answer] - 1 - votes[TURNED[answer]]
            if answer in ("a", "b") and votes["a"] + votes["b"] > 1:
                outcomes[listener].append(0.5 + 0.5 * ((others > 0) - (others < 0)))
            answers = [judgment.answer for judgment in group if judgment.listener == listener]
            repeated[listener] += [later == answer for later in answers[1:]]
    named = {listener: given for listener, given in answered.items() if listener}
    return {
        listener: _statistics(listener, given, outcomes[listener], repeated[listener])
        for listener, given in named.items()
    }


def _statistics(
    listener: str, given: Sequence[Judgment], outcomes: Sequence[float], repeated: Sequence[bool]
) -> ListenerStatistics:
    counts = Counter(judgment.answer for judgment in given)
    first = [judgment.answer == judgment.first for judgment in given if judgment.answer in ("a", "b")]
    return ListenerStatistics(
        *(listener, len(given), len(first), counts["tie"], counts["na"]),
        agreement=_mean(outcomes),
        repeats=len(repeated),
        consistency=_mean(repeated),
        first=_mean(first),
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _key(judgment: Judgment, apart: Sequence[str]) -> tuple[str, ...]:
    """What judgments on one triplet have in common."""
    fixed = (judgment.first if column == FIRST else judgment.context.get(column, "") for column in apart)
    return (judgment.reference, judgment.a, judgment.b, judgment.criterion, *fixed)


def _add_up(group: Sequence[Judgment]) -> JudgedTriplet:
    """One triplet of the judgments on it."""
    kept = first_answers(group)
    first = kept[0]
    votes = Counter((judgment.answer, judgment.strength > 0.5) for judgment in kept)
    a, b, ties, not_applicable = (votes[answer, False] + votes[answer, True] for answer in ANSWERS)
    shared = dict(first.context)
    for context in {id(judgment.context): judgment.context for judgment in kept}.values():
        shared = {name: value for name, value in shared.items() if context.get(name) == value}
    return JudgedTriplet(
        *(first.reference, first.a, first.b, first.criterion, a, b, ties, not_applicable),
        strong_a=votes["a", True],
        strong_b=votes["b", True],
        context=MappingProxyType(shared),
    )
