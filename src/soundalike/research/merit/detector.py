"""A detector of a domain, such as generated sound, learned on embeddings: what it scores on triples by itself.

Logistic regression on standardised embeddings of the clips of training folders. As a judge, it finds two clips the
more alike the nearer its opinions of them are, and knows nothing of melody, rhythm or timbre.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from soundalike.errors import UsageError
from soundalike.research.triplets.sets import TripletSet

PENALTY: Final = 1e-2
"""On half the squared weights, beside the mean loss."""


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """Weights of a logistic regression.

    Attributes
    ----------
    domain : str
        What it detects.
    centre, scale, weights : float64, shape (dim,)
    bias : float
    """

    domain: str
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: float

    def opinions(self, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log odds that clips are of the domain: float32 (n, dim) to float64 (n,)."""
        rows = (embeddings - self.centre) / self.scale
        odds: NDArray[np.float64] = np.einsum("ij,j->i", rows, self.weights) + self.bias
        return odds


def learn_detector(triplets: TripletSet) -> Detector:
    """Learn to tell the commonest domain of positives from all others, from the clips of a set's folders.

    Raises
    ------
    UsageError
        If there is only one domain, or some domains are not known.
    """
    used = sorted({clip for folder in triplets.folders for clip in folder.clips})
    domains = [triplets.notes[clip].domain for clip in used]
    if "" in domains or len(set(domains)) < 2:
        known = ", ".join(sorted({domain or "unknown" for domain in domains})) or "none"
        raise UsageError(f"There is nothing to tell apart among the domains: {known}.", "Use a set with two domains.")
    counts = Counter(triplets.notes[clip].domain for folder in triplets.folders for clip in folder.positives)
    domain = max(sorted(counts), key=lambda name: counts[name])
    target = np.array([found == domain for found in domains], np.float64)
    return _fit(domain, triplets.embeddings[used].astype(np.float64), target)


def _fit(domain: str, rows: NDArray[np.float64], target: NDArray[np.float64]) -> Detector:
    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    rows = (rows - centre) / scale

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = point[:-1], point[-1]
        odds = rows @ weights + bias
        wrong = 1.0 / (1.0 + np.exp(-np.clip(odds, -500, 500))) - target
        value = np.mean(np.logaddexp(0.0, odds) - target * odds) + 0.5 * PENALTY * weights @ weights
        return float(value), np.append(rows.T @ wrong / len(rows) + PENALTY * weights, wrong.mean())

    with threadpool_limits(1, "blas"):  # type: ignore[no-untyped-call]  # BLAS adds up in another order when it has more threads
        best = minimize(loss, np.zeros(rows.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    return Detector(domain, centre, scale, best[:-1], float(best[-1]))
