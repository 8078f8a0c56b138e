"""What listeners answered: which of two candidates is more like a reference, and in what.

A **judgment** is one listener's answer on one triplet of sounds, for one criterion. Judgments on the same triplet and
criterion add up to a **judged triplet**, whose majority is the consensus and whose agreement is the share of listeners
who gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Answer: TypeAlias = Literal["a", "b", "tie", "na"]
"""More like candidate A or B, no difference, or not applicable: what is asked about cannot be heard."""

ANSWERS: Final[tuple[Answer, ...]] = ("a", "b", "tie", "na")


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
