"""Small data that many tests share: a folder of sounds, and made-up facet vectors."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings

from soundalike.facets import Facet, FacetVectors, unit

# The same examples in every run, and no failure because a machine is busy.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

RATE = 22050
FACETS = tuple(Facet(name) for name in ("melody", "rhythm", "timbre", "harmony"))


def tune(seed: int, seconds: float = 4.0) -> np.ndarray:
    """A plain melody of plucked harmonics over clicks: every seed has its own notes, sound and tempo."""
    rng = np.random.default_rng(seed)
    beat = rng.uniform(0.25, 0.5)
    samples = rng.normal(0, 1e-4, round(seconds * RATE))
    partials = rng.uniform(0, 1, 6) / np.arange(1, 7)
    for onset in np.arange(0, seconds - 0.05, beat):
        pitch = 220 * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
        t = np.arange(round(min(beat, seconds - onset) * RATE)) / RATE
        note = sum(a * np.sin(2 * np.pi * pitch * (k + 1) * t) for k, a in enumerate(partials)) * np.exp(-4 * t)
        first = round(onset * RATE)
        note = note[: len(samples) - first]
        samples[first : first + len(note)] += 0.2 * note
    return samples.astype(np.float32)


def write_tune(path: Path, seed: int, seconds: float = 4.0) -> Path:
    """Write `tune` to a sound file of the kind its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tune(seed, seconds), RATE)
    return path


@pytest.fixture(scope="session")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six short tunes; read only, copy it to change it."""
    folder = tmp_path_factory.mktemp("tunes")
    for seed in range(6):
        write_tune(folder / f"tune {seed}.wav", seed)
    return folder


@pytest.fixture
def music(tunes: Path, tmp_path: Path) -> Path:
    """A copy of `tunes` that a test may change."""
    folder = tmp_path / "music"
    shutil.copytree(tunes, folder)
    return folder


@pytest.fixture
def outside_data() -> Path:
    """The folder of outside recordings, which is no part of the project."""
    folder = Path(os.environ.get("SOUNDALIKE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("outside data is not here")
    return folder


def random_vectors(rng: np.random.Generator, rows: int, dim: int = 16, *, absent: float = 0.0) -> FacetVectors:
    """Made-up excerpts of 10 s each, in which every facet is absent with probability `absent`."""
    vectors = {}
    for facet in FACETS:
        array = unit(rng.normal(size=(rows, dim)))
        array[rng.random(rows) < absent] = 0
        vectors[facet] = array
    start = np.arange(rows) * 10.0
    return FacetVectors(start, start + 10.0, vectors)
