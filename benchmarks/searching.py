"""Search: CPU milliseconds and recall for any weights, beside numpy and the memory's own speed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from soundalike.facets import FACTORS, Facet, Space, Weights, unit
from soundalike.scoring import Scoring
from soundalike.stores.embedded.blocks import Block, encode
from soundalike.stores.embedded.rows import Rows
from soundalike.stores.embedded.scan import prepare, scan

DIM = 128
FACETS = tuple(Facet(f"{stem}.{factor}") for stem in ("mix", "drums") for factor in FACTORS)[:10]
SPACE = Space("benchmark", FACETS, DIM)
PIECE = 65_536
CANDIDATES = 100


def measure(*, quick: bool) -> dict[str, object]:
    """Every size, with the physical limits of this machine in this run."""
    bandwidth = memory_bandwidth()
    sizes = (10_000, 100_000) if quick else (10_000, 100_000, 1_000_000)
    return {
        "memory_gb_per_s": round(bandwidth, 1),
        "facets": len(FACETS),
        "dim": DIM,
        "threads": 1,
        "sizes": {str(size): _size(size, bandwidth) for size in sizes},
    }


def memory_bandwidth() -> float:
    """GB per second that one thread reads: the best of five maxima over half a gigabyte."""
    block = np.ones(1 << 29, np.int8)
    best = 0.0
    for _ in range(5):
        begun = time.perf_counter()
        block.max()
        best = max(best, len(block) / (time.perf_counter() - begun) / 1e9)
    return best


def corpus(rows: int, *, seed: int) -> np.ndarray:
    """Clustered unit vectors, float32 (rows, facets, dim): 400 power-law clusters a facet, some facets absent."""
    rng = np.random.default_rng(seed)
    centres = unit(np.random.default_rng(99).normal(size=(len(FACETS) * 400, DIM))).reshape(len(FACETS), 400, DIM)
    share = 1 / np.arange(1, 401)
    found = np.empty((rows, len(FACETS), DIM), np.float32)
    spread = np.sqrt(1 / np.arange(1, DIM + 1, dtype=np.float32))
    spread /= np.linalg.norm(spread)
    for place in range(len(FACETS)):
        cluster = rng.choice(400, rows, p=share / share.sum())
        noise = rng.standard_normal((rows, DIM), np.float32) * spread
        found[:, place] = unit(0.7 * centres[place][cluster] + 0.7 * noise)
        if place >= 6:
            found[rng.random(rows) < 0.2, place] = 0
    return found


def pieces(size: int) -> Iterator[tuple[int, np.ndarray]]:
    """The corpus in pieces that fit in memory, with the id of each piece's first row."""
    for number, first in enumerate(range(0, size, PIECE)):
        yield first, corpus(min(PIECE, size - first), seed=number)


def weightings(rng: np.random.Generator) -> dict[str, list[Weights]]:
    """Equal weights, each facet alone, and Dirichlet(0.3)."""
    dirichlet = [dict(zip(FACETS, rng.dirichlet(np.full(len(FACETS), 0.3)) + 1e-9, strict=True)) for _ in range(10)]
    return {
        "equal": [Weights(dict.fromkeys(FACETS, 1.0))],
        "one facet": [Weights({facet: 1.0}) for facet in FACETS],
        "dirichlet 0.3": [Weights(weights) for weights in dirichlet],
    }


def _size(size: int, bandwidth: float) -> dict[str, object]:
    rng = np.random.default_rng(7)
    queries = corpus(20, seed=12345)
    asked = {
        name: [(rng.integers(20), weights) for weights in choices for _ in range(max(1, 10 // len(choices)))]
        for name, choices in weightings(rng).items()
    }
    blocks, kept = [], np.empty((size, len(FACETS), DIM), np.float16)
    for first, rows in pieces(size):
        kept[first : first + len(rows)] = rows
        blocks.append(_encoded(first, rows))
    truth = {name: _truth(kept, queries, cases) for name, cases in asked.items()}
    report: dict[str, object] = {}
    for name, cases in asked.items():
        report[name] = _weighting(blocks, kept, queries, cases, truth[name])
    floor = size * DIM / bandwidth / 1e6
    report["floor_ms_one_facet"] = round(floor, 2)
    report["floor_ms_all_facets"] = round(floor * len(FACETS), 2)
    if size <= 100_000:
        report["numpy_float32_ms"] = round(_numpy(kept.astype(np.float32).reshape(size, -1), queries), 2)
    return report


def _weighting(
    blocks: list[Block],
    kept: np.ndarray,
    queries: np.ndarray,
    cases: list[tuple[int, Weights]],
    truth: list[np.ndarray],
) -> dict[str, float]:
    cpu, recall = [], []
    for _ in range(2):  # the first round warms up
        cpu, recall = [], []
        for (number, weights), right in zip(cases, truth, strict=True):
            scoring = Scoring.of(weights, None, "excerpt")
            begun = time.process_time()
            plan = prepare(dict(zip(FACETS, queries[number], strict=True)), scoring, FACETS)
            assert plan is not None
            ids = scan([(block, None) for block in blocks], plan, count=CANDIDATES).ids
            scores = _score(kept[ids].astype(np.float32), queries[number], weights)
            best = ids[np.argsort(-scores, kind="stable")[:10]]
            cpu.append((time.process_time() - begun) * 1000)
            recall.append(len(np.intersect1d(best, right)) / len(right))
    return {
        "cpu_ms_median": round(float(np.median(cpu)), 2),
        "cpu_ms_p95": round(float(np.quantile(cpu, 0.95)), 2),
        "recall_at_10": round(float(np.mean(recall)), 4),
        "recall_at_10_worst_query": round(float(np.min(recall)), 2),
    }


def _encoded(first: int, rows: np.ndarray) -> Block:
    ids = np.arange(first + 1, first + len(rows) + 1, dtype=np.int64)
    bits = np.uint64(1) << np.arange(len(FACETS), dtype=np.uint64)
    presence = (rows.any(axis=2) * bits).sum(axis=1, dtype=np.uint64)
    return encode(Rows(ids - 1, ids, ids * 0.0, ids * 0.0, presence, rows))


def _score(rows: np.ndarray, query: np.ndarray, weights: Weights) -> np.ndarray:
    """The weighted sum over present facets, in float32; -inf where none is."""
    total, size = np.zeros(len(rows), np.float64), np.zeros(len(rows), np.float64)
    for place, facet in enumerate(FACETS):
        weight = weights.get(facet, 0.0)
        if weight and query[place].any():
            there = rows[:, place].any(axis=1)
            total += np.where(there, weight * (rows[:, place] @ query[place]), 0)
            size += abs(weight) * there
    return np.where(size > 0, total / np.where(size > 0, size, 1), -np.inf)


def _truth(kept: np.ndarray, queries: np.ndarray, cases: list[tuple[int, Weights]]) -> list[np.ndarray]:
    """The ten best of every case by brute force in float32, piece by piece."""
    best: list[list[tuple[float, int]]] = [[] for _ in cases]
    for first in range(0, len(kept), PIECE):
        rows = kept[first : first + PIECE].astype(np.float32)
        for found, (number, weights) in zip(best, cases, strict=True):
            scores = _score(rows, queries[number], weights)
            top = np.argsort(-scores, kind="stable")[:10]
            found += [(float(scores[i]), -(first + int(i))) for i in top]
    return [np.array([-place for _, place in sorted(found, reverse=True)[:10]]) for found in best]


def _numpy(rows: np.ndarray, queries: np.ndarray) -> float:
    """CPU milliseconds of the plainest way: one float32 product over all facets, and a partial sort."""
    from threadpoolctl import threadpool_limits

    spent = []
    with threadpool_limits(1):
        for query in queries[:10].reshape(10, -1):
            begun = time.process_time()
            np.argpartition(rows @ query, -10)
            spent.append((time.process_time() - begun) * 1000)
    return float(np.median(spent))
