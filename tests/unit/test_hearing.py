"""Sources heard by systems: the same vectors here and in processes, long clips in pieces, files in parts."""

from dataclasses import dataclass

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.errors import ShapeError, UnknownNameError
from soundalike.facets import Facet
from soundalike.research.evaluation import baselines
from soundalike.research.evaluation.baselines import mfcc_statistics
from soundalike.research.evaluation.hearing import FileParts, facets_of, hear
from soundalike.research.evaluation.systems import encode_long, load_systems, system_names


@dataclass(frozen=True)
class Ramp:
    """Two clips of a seed."""

    seed: int

    def clips(self):
        return [Clip(np.full((1, 4), self.seed + i, np.float32), 22050) for i in range(2)]


@dataclass(frozen=True)
class Loudness:
    """Hears how large samples are."""

    name: str = "loudness"
    space: str = "loudness-1"
    rows: int = 2

    def load(self):
        return lambda clips: {
            "timbre": np.array([[clip.samples.max(), 1.0] for clip in clips], np.float32)[: self.rows]
        }


@dataclass(frozen=True)
class Silence:
    """A file that cannot be decoded."""

    def clips(self):
        return []


def test_processes_hear_what_this_process_hears() -> None:
    sources, told = [Ramp(seed) for seed in range(5)], []
    here = hear(sources, [Loudness()])["loudness"]
    there = hear(sources, [Loudness()], jobs=2, progress=lambda done, of: told.append((done, of)))["loudness"]
    assert [v["mix.timbre"].tolist() for v in there] == [v["mix.timbre"].tolist() for v in here]
    assert here[3][Facet("timbre")].tolist() == [[3, 1], [4, 1]]
    assert told == [(i, 5) for i in range(1, 6)]


def test_a_source_without_clips_has_no_vectors() -> None:
    heard = hear([Silence(), Ramp(1)], [Loudness()])["loudness"]
    assert heard[0] == {}
    assert facets_of(heard) == ["mix.timbre"]


def test_a_system_that_loses_clips_is_refused() -> None:
    with pytest.raises(ShapeError, match="1 rows for 2 clips"):
        hear([Ramp(1)], [Loudness(rows=1)])


def test_files_are_cut_evenly_and_broken_ones_have_no_parts(tunes, tmp_path) -> None:
    parts = FileParts(str(tunes / "tune 0.wav"), seconds=1.5).clips()
    assert [part.samples.shape for part in parts] == [(1, 29400)] * 3
    assert len(FileParts(str(tunes / "tune 0.wav"), least=2).clips()) == 2
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    assert FileParts(str(tmp_path / "broken.wav")).clips() == []


def test_long_clips_are_heard_in_pieces_of_a_window() -> None:
    class Short:
        window = 1.0

        def vectors(self, clips):
            assert all(clip.duration <= 1.0 for clip in clips)
            return {Facet("timbre"): np.array([[clip.samples[0, 0], 1.0] for clip in clips], np.float32)}

    long = Clip(np.concatenate([np.zeros((1, 90)), np.full((1, 90), 3.0)], axis=1).astype(np.float32), 100)
    short = Clip(np.zeros((1, 50), np.float32), 100)
    vectors = encode_long(Short(), [long, short])[Facet("timbre")]
    assert vectors == pytest.approx(np.array([[3, 2] / np.sqrt(13), [0, 1]]), abs=1e-6)


def test_systems_have_names_and_are_told_apart_by_their_space() -> None:
    assert system_names()[:3] == ["default", "descriptors", "mfcc"]
    found = load_systems()
    assert len({system.space for system in found}) == len(found)
    assert [system.name for system in load_systems(["mfcc", "default"])] == ["mfcc", "default"]
    with pytest.raises(UnknownNameError, match="'chroma' is not a system"):
        load_systems(["chroma"])


def test_mean_chroma_ignores_the_key_and_mfcc_do_not_hear_silence(monkeypatch) -> None:
    monkeypatch.setattr(baselines, "_standard", lambda: (np.zeros(229), np.ones(229)))
    time = np.arange(44100) / 22050

    def chord(tonic: float) -> Clip:
        notes = [np.sin(2 * np.pi * tonic * 2 ** (i / 12) * time) for i in (0, 4, 5, 7, 11)]
        return Clip(np.sum(notes, axis=0)[None].astype(np.float32), 22050)

    vectors = mfcc_statistics([chord(261.63), chord(293.66), Clip(np.zeros((1, 9), np.float32), 22050)])
    a, b, silent = vectors[Facet("harmony")]
    assert a @ b > 0.99
    assert not silent.any()
    assert not vectors[Facet("timbre")][2].any()
    assert Facet("rhythm") not in vectors
