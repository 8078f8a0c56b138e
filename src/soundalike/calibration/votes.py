"""Judgments as numbers: which triplets there are, and who answered what on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import UsageError
from soundalike.judgments import Answer, Judgment, first_answers, same_triplets

_SIDES: Final[dict[Answer, int]] = {"a": 1, "b": -1, "tie": 0}


@dataclass(frozen=True, slots=True)
class Votes:
    """m answers on n triplets, for one criterion.

    Attributes
    ----------
    triplets : tuple of n (reference, a, b)
        Each once, whichever candidate was called A when it was heard; those of different stems are apart.
    triplet : intp, shape (m,)
        Which triplet each answer is on.
    side : float64, shape (m,)
        1 for A, -1 for B, 0 for no difference, which is half a vote for each.
    listener : intp, shape (m,)
        Who answered, as numbers from 0.
    """

    triplets: tuple[tuple[str, str, str], ...]
    triplet: NDArray[np.intp]
    side: NDArray[np.float64]
    listener: NDArray[np.intp]

    @classmethod
    def of(cls, judgments: Iterable[Judgment], criterion: str = "overall") -> Votes:
        """Collect the judgments for one criterion.

        Those that were not applicable say nothing and are left out. Of a listener's answers on one triplet the first
        counts, whatever its strength: to count unsure answers less was measured to gain nothing (docs/calibration.md).
        Unnamed listeners are one to the resampling of listeners.

        Raises
        ------
        UsageError
            If none is left.
        """
        asked = [judgment for judgment in judgments if judgment.criterion == criterion and judgment.answer != "na"]
        if not asked:
            raise UsageError(f"There are no answers for '{criterion}'.", "Judge some triplets first.")
        groups = [first_answers(group) for group in same_triplets(asked)]
        numbers = {name: i for i, name in enumerate(dict.fromkeys(judgment.listener for judgment in asked))}
        answers = [(row, judgment) for row, group in enumerate(groups) for judgment in group]
        return cls(
            triplets=tuple((group[0].reference, group[0].a, group[0].b) for group in groups),
            triplet=np.array([row for row, _ in answers], np.intp),
            side=np.array([_SIDES[judgment.answer] for _, judgment in answers], np.float64),
            listener=np.array([numbers[judgment.listener] for _, judgment in answers], np.intp),
        )

    @property
    def references(self) -> list[str]:
        """The reference of each triplet: what is held out, and resampled, together."""
        return [reference for reference, _, _ in self.triplets]

    @property
    def listeners(self) -> int:
        """How many listeners answered."""
        return int(self.listener.max()) + 1

    def means(self, counts: NDArray[np.float64] | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean answer per triplet, between -1 and 1 (0 without any), and the number of answers: float64 (n,) each.

        Parameters
        ----------
        counts : float64, shape (m,), optional
            How often each answer counts; the default is once.
        """
        n = len(self.triplets)
        total = np.bincount(self.triplet, counts, minlength=n).astype(np.float64)
        sums = np.bincount(self.triplet, self.side if counts is None else counts * self.side, minlength=n)
        return sums / np.where(total > 0, total, 1.0), total
