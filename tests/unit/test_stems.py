from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.audio import Clip, ExcerptStream
from soundalike.errors import AudioDecodeError
from soundalike.separators import StemFile
from soundalike.stems import STEM_DB, audible, level, with_stems

RATE = 8000


class Parts:
    """Hands out parts that lie beside the mix, and remembers which passages it was asked for."""

    name = "parts-1"
    gate = 40.0

    def __init__(self, folder: Path, *stems: str, lead: float = 0.0) -> None:
        self.stems = ("mix", *stems)
        self.asked: list[tuple[float, float | None]] = []
        self.open = 0
        self._folder, self._lead = folder, lead

    @contextmanager
    def files(self, path: str, *, start: float = 0.0, end: float | None = None) -> Iterator[dict[str, StemFile]]:
        self.asked.append((start, end))
        self.open += 1
        there = [stem for stem in self.stems if (self._folder / f"{stem}.wav").exists()]
        yield {stem: StemFile(str(self._folder / f"{stem}.wav"), start + self._lead) for stem in there}
        self.open -= 1


def noise(seconds: float, seed: int = 0, gain: float = 0.1) -> np.ndarray:
    return (gain * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    def write(**parts: np.ndarray) -> Path:
        for name, samples in parts.items():
            soundfile.write(tmp_path / f"{name}.wav", samples, RATE, subtype="FLOAT")
        return tmp_path

    return write


def hear(folder: Path, separator: Parts, *, start: float = 0.0, end: float | None = None, apart: bool = False):
    path = str(folder / "mix.wav")
    excerpts = ExcerptStream(path, rate=RATE, seconds=2.0, start=start, end=end)
    return list(with_stems(path, excerpts, separator, separator.stems, start=start, end=end, apart=apart))


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("start", [0.0, 1.5])
@pytest.mark.parametrize("lead", [0.0, 0.75])
def test_a_stem_lies_under_the_mix_to_the_sample(folder, apart, start, lead):
    mix = noise(7.0)
    place = folder(mix=mix, drums=np.concatenate([noise(lead, 1), mix]))
    found = hear(place, Parts(place, "drums", lead=lead), start=start, apart=apart)
    assert len(found) == (4 if start == 0.0 else 3)
    for excerpt, stems in found:
        assert np.array_equal(stems["drums"].samples, excerpt.clip.samples)


def test_a_whole_passage_is_separated_at_once_and_few_excerpts_one_by_one(folder):
    place = folder(mix=noise(7.0), drums=noise(7.0, 1))
    at_once, apart = Parts(place, "drums"), Parts(place, "drums")
    hear(place, at_once, start=1.0, end=6.0)
    hear(place, apart, start=1.0, end=6.0, apart=True)
    assert at_once.asked == [(1.0, 6.0)]
    assert apart.asked == [(1.0, 3.0), (3.0, 5.0), (4.0, 6.0)]
    assert at_once.open == apart.open == 0


def test_nothing_is_separated_for_the_mix_alone(folder):
    place = folder(mix=noise(3.0))
    separator = Parts(place, "drums")
    path = str(place / "mix.wav")
    excerpts = ExcerptStream(path, rate=RATE, seconds=2.0)
    found = list(with_stems(path, excerpts, separator, ["mix"], start=0.0, end=None, apart=False))
    assert [set(stems) for _, stems in found] == [{"mix"}, {"mix"}]
    assert separator.asked == []


def test_a_stem_that_ends_early_is_absent_from_there_on(folder):
    place = folder(mix=noise(6.0), bass=noise(3.0, 1))
    assert [set(stems) for _, stems in hear(place, Parts(place, "bass"))] == [{"mix", "bass"}, {"mix", "bass"}, {"mix"}]


def test_a_track_without_a_stem_lacks_it(folder):
    place = folder(mix=noise(2.0), bass=noise(2.0, 1))
    ((_, stems),) = hear(place, Parts(place, "bass", "drums"))
    assert set(stems) == {"mix", "bass"}


def test_a_stem_that_cannot_be_decoded_is_named(folder):
    place = folder(mix=noise(2.0))
    (place / "bass.wav").write_text("no sound")
    with pytest.raises(AudioDecodeError, match=r"bass\.wav"):
        hear(place, Parts(place, "bass"))


@pytest.mark.parametrize("gate", [18.0, 40.0])
def test_a_stem_far_below_the_mix_is_absent(gate):
    mix = Clip(noise(1.0)[None], RATE)
    for below, heard in ((gate - 1, True), (gate + 1, False), (np.inf, False)):
        stems = audible({"mix": mix, "bass": Clip(mix.samples * np.float32(10 ** (-below / 20)), RATE)}, gate)
        assert ("bass" in stems) == heard


def test_a_stem_near_silence_is_absent_however_soft_the_mix_is():
    mix = Clip(noise(1.0)[None], RATE)
    for decibels, heard in ((STEM_DB + 1, True), (STEM_DB - 1, False)):
        soft = Clip(mix.samples * np.float32(10 ** ((decibels - level(mix)) / 20)), RATE)
        assert set(audible({"mix": soft, "bass": soft}, np.inf)) == ({"mix", "bass"} if heard else {"mix"})


def test_the_level_is_in_decibels_of_full_scale():
    assert level(Clip(np.ones((1, 10), np.float32), RATE)) == pytest.approx(0.0)
    assert level(Clip(np.full((2, 10), 0.1, np.float32), RATE)) == pytest.approx(-20.0)
    assert level(Clip(np.zeros((1, 10), np.float32), RATE)) == -np.inf
