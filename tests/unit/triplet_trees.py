"""Small roots of triplets for tests, in both forms of metadata and as archives."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RATE = 24000


def noise(seed: int, seconds: float = 0.5, rate: int = RATE, channels: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, (round(seconds * rate), channels))


def write_wav(path: Path, samples: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="PCM_16")


def write_folder(
    root: Path, number: int, *, positives: int = 2, negatives: int = 1, meta: Mapping[str, Any] | None = None
) -> Path:
    """A folder whose clips are noise of their own; returns its ``triplet/``."""
    inside = root / f"triplets_{number}" / "triplet"
    names = ["anchor.wav", *(f"positive_{i:02d}.wav" for i in range(1, positives + 1)), "negative.wav"]
    names += [f"negative_{i:02d}.wav" for i in range(2, negatives + 1)]
    for place, name in enumerate(names):
        write_wav(inside / name, noise(100 * number + place))
    if meta is not None:
        (inside / "triplet_meta.json").write_text(json.dumps(meta))
    return inside


def make_root(path: Path, folders: int = 4, **how: Any) -> Path:
    for number in range(1, folders + 1):
        write_folder(path, number, **how)
    return path


def archive(root: Path, out: Path, *, order: Sequence[Path] | None = None, under: str = "melody_triplets") -> Path:
    """Put a root into an archive under a directory, or at the top."""
    with tarfile.open(out, "w:gz" if out.name.endswith("gz") else "w") as file:
        for path in order or sorted(root.rglob("*"), reverse=True):
            if path.is_file():
                file.add(path, "/".join(filter(None, (under, path.relative_to(root).as_posix()))))
    return out


def own_meta(sources: Mapping[str, Sequence[str]], **more: Any) -> dict[str, Any]:
    """Metadata of ours: by file, its sources."""
    clips = {name: {"sources": list(own), "domain": "rendered", "tempo": 120.0} for name, own in sources.items()}
    return {"factor": "melody", "label": "", **more, "clips": clips}


def melody_meta(a: str = "7", b: str = "8") -> dict[str, Any]:
    """As MERIT's program for melody writes it, shortened."""
    inputs = {"dataset": "moisesdb", "salience_root": "s", "stem": "vocals", "A_track_id": a, "B_track_id": b}
    return {"triplet_index": 1, "inputs": inputs, "generation": {"melody_bins": 53}}


def rhythm_meta(a: str = "7", b: str = "8") -> dict[str, Any]:
    """As MERIT's program for rhythm writes it, shortened."""
    inputs = {"dataset": "moisesdb", "A_track_id": a, "B_track_id": b, "A_drums_condition_wav": "x.wav"}
    return {"triplet_index": 1, "inputs": inputs}


def timbre_meta(anchor: str = "7", positives: Sequence[str] = ("8", "9")) -> dict[str, Any]:
    """As MERIT's program for timbre writes it, shortened."""

    def track(song: str, kind: str) -> dict[str, Any]:
        return {"song_id": song, "stem": "s", "track_uuid": f"u{song}", "trackType": kind, "offset_sec": 1.0}

    inputs = {
        "dataset": "moisesdb",
        "anchor": track(anchor, "piano"),
        "positives": [track(song, "piano") for song in positives],
        "negative": track(anchor, "bass"),
    }
    return {"triplet_index": 3, "inputs": inputs}
