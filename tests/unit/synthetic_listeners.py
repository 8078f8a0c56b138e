"""Listeners whose weights are known, and the triplets that they judge."""

from __future__ import annotations

import numpy as np

from soundalike.calibration.votes import Votes
from soundalike.facets import Facet

FACETS = tuple(Facet(name) for name in ("melody", "rhythm", "timbre", "harmony"))


def triplets(rng: np.random.Generator, n: int, facets: int, *, common: float = 0.3) -> np.ndarray:
    """Differences that share a part, as facets of music do, some large and some small: float64, shape (n, facets)."""
    shared, own = rng.normal(size=(n, 1)), rng.normal(size=(n, facets))
    return np.exp(rng.normal(0, 0.5, (n, 1))) * (np.sqrt(common) * shared + np.sqrt(1 - common) * own)


def sides(rng: np.random.Generator, X: np.ndarray, w: np.ndarray) -> np.ndarray:
    """What a listener of weights w answers, as unsure as the logistic model says: 1 or -1, shape (n,)."""
    return np.where(rng.random(len(X)) < 1 / (1 + np.exp(-(X * w).sum(axis=1))), 1.0, -1.0)


def judged(
    seed: int, w: np.ndarray, *, n: int = 120, each: int = 5, listeners: int = 10, apart: float = 0.0
) -> tuple[np.ndarray, Votes]:
    """Differences of n triplets, and `each` answers on each; the weights of listeners lie `apart` from w."""
    rng = np.random.default_rng(seed)
    X = triplets(rng, n, len(w))
    triplet = np.repeat(np.arange(n), each)
    listener = np.concatenate([rng.permutation(listeners)[:each] for _ in range(n)])
    own = w + apart * rng.normal(size=(listeners, len(w)))
    names = tuple((f"x{i}", f"a{i}", f"b{i}") for i in range(n))
    return X, Votes(names, triplet, sides(rng, X[triplet], own[listener]), listener)


def scaled(w: np.ndarray) -> np.ndarray:
    """Weights whose mean absolute value is 1."""
    return w / np.abs(w).mean(axis=-1, keepdims=True)
