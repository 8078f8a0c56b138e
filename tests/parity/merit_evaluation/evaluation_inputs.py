"""Seeded inputs that both the authors' program and ours are given."""

from __future__ import annotations

import numpy as np

DIM, HIDDEN, OUT = 24, 512, 128
FACTORS = {"melody": "head_mel", "rhythm": "head_rhy", "timbre": "head_tim"}
KINDS = ("random", "ties")
POSITIVES = (1, 3, 4, 5)
EVERY_NTH = 6
"""Of the vectors that are kept."""


def embeddings(count: int, seed: int, dim: int = DIM) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def layers(factor: str) -> dict[str, np.ndarray]:
    """A head's weights by the names of the authors' checkpoints."""
    rng = np.random.default_rng([7, list(FACTORS).index(factor)])
    return {
        "net.0.weight": (rng.standard_normal((HIDDEN, DIM)) / 5).astype(np.float32),
        "net.0.bias": (rng.standard_normal(HIDDEN) / 5).astype(np.float32),
        "net.2.weight": (rng.standard_normal((OUT, HIDDEN)) / 22).astype(np.float32),
    }


def triplet_pickle(factor: str, kind: str) -> dict:
    """What the authors' embedding step writes; of "ties" some positives are bit for bit the negative."""
    rng = np.random.default_rng([11, list(FACTORS).index(factor), KINDS.index(kind)])
    found: dict[str, np.ndarray] = {}
    triplets = []
    for number in range(30):
        k = POSITIVES[number % len(POSITIVES)]
        names = [f"triplets_{number}/{name}" for name in ("anchor", *(f"p{i}" for i in range(k)), "negative")]
        centre = rng.standard_normal(DIM)
        rows = [centre + 1.5 * rng.standard_normal(DIM) for _ in names[:-1]] + [rng.standard_normal(DIM)]
        found |= {name: row.astype(np.float32) for name, row in zip(names, rows, strict=True)}
        if kind == "ties" and number % 3 == 0:
            found[names[1]] = found[names[-1]]
        triplets.append({"anchor": names[0], "positives": names[1:-1], "negative": names[-1]})
    return {"encoder": "mert", "model_id": "m", "embed_dim": DIM, "embeddings": found, "triplets": triplets}


def classes() -> dict[str, np.ndarray]:
    """Files of five classes of unequal sizes, one of a single file, and some at the top that have none."""
    sizes = {"ChaChaCha": 14, "Jive": 3, "Rumba": 12, "Tango": 1, "Waltz": 8}
    paths = [f"{name}/{number:02d}.wav" for name, size in sizes.items() for number in range(size)]
    paths = sorted([*paths, "loose.wav", "Waltz/copy.wav"])
    rng = np.random.default_rng(21)
    centres = {name: rng.standard_normal(DIM) for name in sizes}
    found = {
        path: (centres.get(path.split("/")[0], 0) * 0.6 + rng.standard_normal(DIM)).astype(np.float32) for path in paths
    }
    found["Waltz/copy.wav"] = found["Waltz/00.wav"]
    return found


def stems() -> dict[str, np.ndarray]:
    """Stems of songs in two parts, with mixtures."""
    rng = np.random.default_rng(22)
    names = ("bass", "drums", "mixture", "other", "vocals")
    centres = {name: rng.standard_normal(DIM) for name in names}
    paths = [f"{part}/song {number}/{name}.wav" for part in ("test", "train") for number in range(5) for name in names]
    return {
        path: (centres[path.split("/")[-1][:-4]] * 0.5 + rng.standard_normal(DIM)).astype(np.float32) for path in paths
    }


def covers() -> dict[str, np.ndarray]:
    """80 pairs, three folders with a third file, one with a single file, and a loose file."""
    rng = np.random.default_rng(23)
    found: dict[str, np.ndarray] = {}
    for number in range(80):
        centre = rng.standard_normal(DIM)
        for version in range(3 if number < 3 else 2):
            found[f"song_{number:02d}/version_{version}.mp3"] = (centre + 1.2 * rng.standard_normal(DIM)).astype(
                np.float32
            )
    found |= {f"{name}.mp3": rng.standard_normal(DIM).astype(np.float32) for name in ("alone/one", "loose")}
    return found


def tags() -> dict[str, tuple[str, ...]]:
    """Tags by number of a track, as the authors' parser would read them."""
    rng = np.random.default_rng(24)
    names = ("piano", "guitar", "violin", "drums", "rare")
    return {
        f"{number:07d}": tuple(n for n, draw in zip(names, rng.random(5), strict=True) if draw < 0.35 and n != "rare")
        + (("rare",) if number == 4 else ())
        for number in range(1000000, 1000030)
    }


def tagged() -> dict[str, np.ndarray]:
    """Embeddings of tracks, two of which no tag file knows."""
    rows = embeddings(32, 25)
    return {f"00/{number:07d}.mp3": row for number, row in zip(range(1000000, 1000032), rows, strict=True)}
