"""Inputs of the comparison with MERIT's training, the same on both sides."""

from __future__ import annotations

from typing import Any

import numpy as np

BATCHES = (1, 7, 1024)
LOSSES = ((10.0, 0.2), (80.0, 0.25))
"""Gamma and margin."""
WIDTH = 8
KEPT = slice(None, None, 64)
"""Rows of the gradients that are kept."""

RUNS: dict[str, dict[str, Any]] = {
    "small": {"folders": 30, "in_dim": 20, "hidden_dim": 8, "out_dim": 4, "batch_size": 64, "epochs": 3},
    "overfitting": {
        "folders": 24,
        "in_dim": 20,
        "hidden_dim": 32,
        "out_dim": 8,
        "epochs": 40,
        "patience": 4,
        "lr": 0.01,
    },
    "true sizes": {"folders": 14, "in_dim": 5120, "hidden_dim": 512, "out_dim": 128, "batch_size": 100, "epochs": 3},
}
"""Sizes of a set of triplets, and options of the training that are not the default."""
DEFAULTS: dict[str, Any] = {
    "batch_size": 32,
    "lr": 1e-3,
    "margin": 0.2,
    "val_split": 0.1,
    "patience": 0,
    "seed": 42,
    "epochs": 3,
}


def unit_vectors(batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Anchors, positives and negatives, float32 (batch, WIDTH); the first ones are perfect from seven on."""
    rng = np.random.default_rng(batch)
    anchor, positive, negative = rng.standard_normal((3, batch, WIDTH))
    positive[::2] = anchor[::2] + 0.3 * positive[::2]
    if batch > 1:
        positive[0], negative[0] = anchor[0], np.roll(anchor[0], 1) * np.tile([1, -1], WIDTH // 2)
    return tuple(
        (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32) for rows in (anchor, positive, negative)
    )


def document(folders: int, in_dim: int, **_: Any) -> dict[str, Any]:
    """A triplet pickle's content: folders of 1 to 5 positives that are somewhat alike."""
    rng = np.random.default_rng(folders)
    embeddings: dict[str, np.ndarray] = {}
    triplets = []
    for i in range(folders):
        names = [f"positive_{k:02d}" for k in range(1, 2 + i % 5)]
        shared = rng.standard_normal(in_dim)
        for name in ("anchor", *names, "negative"):
            alike = 0.0 if name == "negative" else 0.7
            made = alike * shared + rng.standard_normal(in_dim)
            embeddings[f"{i}/triplet/{name}.wav"] = made.astype(np.float32)
        paths = [f"{i}/triplet/{name}.wav" for name in names]
        triplets.append(
            {"anchor": f"{i}/triplet/anchor.wav", "positives": paths, "negative": f"{i}/triplet/negative.wav"}
        )
    about = {"encoder": "mert", "model_id": "m-a-p/MERT-v1-330M", "embed_dim": in_dim}
    return {**about, "embeddings": embeddings, "triplets": triplets}


def probes(in_dim: int) -> np.ndarray:
    """Embeddings to project with heads: float32 (5, in_dim)."""
    return np.random.default_rng(17).standard_normal((5, in_dim)).astype(np.float32)
