"""What both sides are given: folders with and without what they need, clips of several rates, numbers as embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

EXPANDED = ((1, ()), (3, ()), (4, ("positive_02.wav",)), (5, ()), (5, ("anchor.wav",)), (2, ("negative.wav",)),
            (2, ("positive_01.wav", "positive_02.wav")), (5, ("positive_01.wav", "positive_05.wav")))  # fmt: skip
"""Positives of a folder, and which of its clips have no embedding."""

PUBLISHED = ((5, 1844), (4, 6), (3, 5))
"""Positives, and how many of the published folders for timbre have so many."""

SPLIT = ((5000, 0.1, 42), (1855, 0.1, 42), (2, 0.5, 1), (7, 0.2, 3), (23, 0.01, 42), (100, 0.25, 7))
INNER = ((2, 0.1, 42), (7, 0.1, 42), (10, 0.3, 1), (100, 0.25, 7), (1669, 0.1, 42), (4500, 0.1, 42))
"""Folders, fraction, seed."""

SHARDS = (1, 2, 3, 4, 7)

CLIPS = tuple(
    (rate, channels, samples)
    for rate in (24000, 16000, 44100, 48000)
    for channels in (1, 2)
    for samples in (rate * 3 + 7, rate * 10, rate * 12 + 5)
)
"""Rate, channels and samples of clips: short, of 10 s, and long."""


def paths(name: str, positives: int) -> dict[str, object]:
    """The record of a whole folder, as MERIT's programs keep it."""
    place = f"root/{name}/triplet"
    return {
        "anchor": f"{place}/anchor.wav",
        "positives": [f"{place}/positive_{i:02d}.wav" for i in range(1, positives + 1)],
        "negative": f"{place}/negative.wav",
    }


def clips_of(record: dict[str, object]) -> list[str]:
    return [record["anchor"], *record["positives"], record["negative"]]  # type: ignore[misc, list-item]


def expanded() -> dict[str, object]:
    """A pickle's document: an embedding is the number of its clip."""
    records = [paths(f"triplets_{i}", positives) for i, (positives, _) in enumerate(EXPANDED, start=1)]
    missing = {f"root/triplets_{i}/triplet/{n}" for i, (_, names) in enumerate(EXPANDED, start=1) for n in names}
    return document(records, missing)


def published() -> dict[str, object]:
    """The folders for timbre as they were published."""
    counts = [positives for positives, folders in PUBLISHED for _ in range(folders)]
    return document([paths(f"triplets_{i}", positives) for i, positives in enumerate(counts, start=1)], set())


def single(folders: int) -> dict[str, object]:
    """Folders of one positive each."""
    return document([paths(f"triplets_{i}", 1) for i in range(1, folders + 1)], set())


def document(records: list[dict[str, object]], missing: set[str]) -> dict[str, object]:
    clips = [clip for record in records for clip in clips_of(record)]
    embeddings = {clip: np.array([i, 1], np.float32) for i, clip in enumerate(clips) if clip not in missing}
    return {
        "encoder": "mert",
        "model_id": "m-a-p/MERT-v1-330M",
        "embed_dim": 2,
        "embeddings": embeddings,
        "triplets": records,
    }


def make_tree(root: Path) -> Path:
    """Folders of empty files, some of which are not whole, and other things beside them."""
    whole = ["anchor.wav", "negative.wav", "positive_01.wav", "positive_02.wav", "triplet_meta.json"]
    held = {
        "triplets_1": whole,
        "triplets_2": [*whole, "positive_10.wav", "positive_9.wav", "positive_x.wav", "positive_1.flac"],
        "triplets_10": whole,
        "triplets_3": ["anchor.wav", "positive_01.wav"],
        "triplets_4": ["anchor.wav", "negative.wav"],
        "triplets_5": ["negative.wav", "positive_01.wav"],
        "triplets_6": [],
        "triplets_A": whole,
        "triplets_7": [*whole, ".positive_03.wav", "Positive_04.wav", "positive_05.WAV"],
        "other": whole,
        "xtriplets_8": whole,
    }
    for name, files in held.items():
        (root / name / "triplet").mkdir(parents=True)
        for file in files:
            (root / name / "triplet" / file).write_bytes(b"")
    (root / "triplets_11").mkdir()
    (root / "triplets_12").write_bytes(b"")
    return root


ALLOWED = ("triplets_10", "triplets_3", "triplets_7", "triplets_99")


def sound(rate: int, channels: int, samples: int) -> np.ndarray:
    """Noise that 16 bits hold exactly, without a zero: int16, shape (samples, channels)."""
    rng = np.random.default_rng([rate, channels, samples])
    return rng.integers(1, 12000, (samples, channels), dtype=np.int16)
