"""What both sides of the comparison measure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

RATE = 8000
BURSTS = (
    (0, 8000, 31.3),
    (1, 11025, 17.0),
    (2, 8000, 10.0),
    (3, 8000, 6.5),
    (4, 12345, 24.7),
    (10, 8000, 26.0),
    (20, 8000, 12.0),
)
"""Seed, rate and seconds of recordings for windows; 10 begins with 11 s of silence, 20 is nothing else."""

OFFSETS = (None, 0.0, 2.5, 12.25)
SONGS = ("song-a", "song-b", "song-c", "song-d", "song-e")
STEMS = {
    "drums": (("kick", "kick drum"), ("snare", "snare drum")),
    "bass": (("bass", "bass guitar"),),
    "piano": (("piano", "grand piano"),),
    "guitar": (("solo", "lead guitar"),),
}
"""Tracks and track types by stem; not every song has all."""

FOLDERS = 13
POSITIVES = 5
PROMPTS = 5000


def bursts(seed: int, rate: int, seconds: float) -> np.ndarray:
    """Noise that comes and goes at many levels, with true silence between: float32 (n,)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    steps = rng.integers(0, 6, 1 + int(seconds / 0.4))
    levels = np.array([0.0, 0.0005, 0.02, 0.1, 0.2, 0.3])[steps]
    envelope = np.repeat(levels, int(0.4 * rate) + 1)[:n]
    envelope[: {10: 11 * rate, 20: n}.get(seed, 0)] = 0.0
    return (envelope * rng.standard_normal(n)).astype(np.float32)


def clicks(seed: int, per_second: float, rate: int, seconds: float, level: float = 0.5) -> np.ndarray:
    """Short decaying noises, float32 (n,)."""
    rng = np.random.default_rng(seed)
    sound = 1e-3 * rng.standard_normal(round(seconds * rate))
    tail = np.exp(-np.arange(round(0.08 * rate)) / (0.015 * rate))
    for start in np.arange(0.1, seconds - 0.2, 1 / per_second):
        first = round(start * rate)
        sound[first : first + len(tail)] += level * tail * rng.standard_normal(len(tail))
    return sound.astype(np.float32)


def make_moisesdb(root: Path) -> list[tuple[str, str, str]]:
    """Write songs as MoisesDB has them; gives song, stem and id of every track."""
    tracks = []
    for i, song in enumerate(SONGS):
        folder, stems = root / song, []
        for j, (stem, names) in enumerate(STEMS.items()):
            if (i + j) % 5 == 4:
                continue
            listed = []
            for k, (name, kind) in enumerate(names):
                seed, part = 100 * i + 10 * j + k, f"{name}-{i}{j}{k}"
                if stem == "drums":
                    sound = clicks(seed, (1.5, 3.0)[k] + 0.4 * i, RATE, 13.5, (0.5, 0.008)[k == 1 and i == 2])
                else:
                    sound = played(seed, 14.25)
                (folder / stem).mkdir(parents=True, exist_ok=True)
                stereo = np.stack([sound, 0.5 * sound], axis=1)
                soundfile.write(folder / stem / f"{part}.wav", stereo, RATE, subtype="FLOAT")
                listed.append({"id": part, "trackType": kind, "has_bleed": False})
                tracks.append((song, stem, part))
            stems.append({"stemName": stem, "tracks": listed})
        (folder / "data.json").write_text(json.dumps({"song": song, "stems": stems}))
    return tracks


def played(seed: int, seconds: float) -> np.ndarray:
    """Noise that is nearly always there, with a pause now and then: float32 (n,)."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    envelope = 0.1 + 0.05 * np.sin(np.arange(n) / RATE * rng.uniform(1, 4))
    for start in rng.uniform(0, seconds, 4):
        envelope[round(start * RATE) : round((start + 0.25) * RATE)] = 0.0
    return (envelope * rng.standard_normal(n)).astype(np.float32)


def kinds() -> list[dict[str, str]]:
    """Tracks of one kind in many songs, some of which have two."""
    rng = np.random.default_rng(9)
    ids = [f"{rng.integers(2**62):016x}" for _ in range(24)]
    return [{"song_id": f"song-{i // 2:02d}", "stem": "guitar", "track_uuid": ids[i]} for i in range(24)]


def melody_index() -> dict[str, list[dict[str, object]]]:
    """Entries of two stems, in the order of songs; some songs have both, one stem has only one song."""
    found: dict[str, list[dict[str, object]]] = {"piano": [], "guitar": [], "vocals": []}
    for i in range(9):
        for stem, there in (("piano", i % 3 == 0), ("guitar", i % 2 == 0), ("vocals", i == 7)):
            if there:
                found[stem].append({"song": f"song-{i}", "part": f"{stem}-{i}", "offset": float(i), "ratio": 0.95})
    return found
