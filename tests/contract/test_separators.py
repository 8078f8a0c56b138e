"""What every separator must do; a package that adds one may run this on its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike import extensions
from soundalike.audio import Clip, load_clip
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.facets import STEMS
from soundalike.separators import SEPARATORS, Separator, load_separator
from tiny import demucs

NAMES = extensions.names("separators", SEPARATORS)
OF_FILES = ("files",)
"""Separators that know nothing of sound in memory."""

CLIP = Clip(np.random.default_rng(0).normal(0, 0.1, (2, 4000)).astype(np.float32), 22050)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


def make(name: str, checkpoints: Path) -> Separator:
    """The separator of a name, one that needs a checkpoint with a tiny one."""
    if name not in demucs.MAKERS:
        return load_separator(name)
    folder = checkpoints / name
    return load_separator(name, checkpoint=folder if folder.exists() else demucs.MAKERS[name](folder, 0))


@pytest.fixture(params=NAMES)
def separator(request, checkpoints) -> Separator:
    return make(request.param, checkpoints)


@pytest.fixture(params=[name for name in NAMES if name not in OF_FILES])
def splitter(request, checkpoints) -> Separator:
    """Each separator that splits sound in memory."""
    return make(request.param, checkpoints)


@pytest.mark.parametrize("name", OF_FILES)
def test_a_separator_of_files_refuses_sound_in_memory(name):
    with pytest.raises(UsageError, match="in memory"):
        load_separator(name).separate(CLIP)


@pytest.fixture
def track(tmp_path) -> str:
    """A file of 1.3 s at 22050 Hz, with files of two stems, of which the bass ends after 0.2 s."""
    rng = np.random.default_rng(1)
    drums, bass = (rng.normal(0, 0.1, (28665, 2)).astype(np.float32) for _ in range(2))
    bass[4410:] = 0
    soundfile.write(tmp_path / "song.wav", drums + bass, 22050, "FLOAT")
    soundfile.write(tmp_path / "song - drums.wav", drums, 22050, "FLOAT")
    soundfile.write(tmp_path / "song - bass.wav", bass[:4410], 22050, "FLOAT")
    return str(tmp_path / "song.wav")


def test_a_separator_has_the_attributes_of_its_protocol(separator):
    assert isinstance(separator, Separator)
    assert separator.name
    assert separator.stems[0] == "mix"
    assert set(separator.stems) <= set(STEMS)
    assert len(set(separator.stems)) == len(separator.stems)


@pytest.mark.parametrize(
    ("shape", "rate"),
    [((2, 4000), 22050), ((1, 4001), 48000), ((1, 1), 44100), ((1, 1), 16000), ((2, 0), 22050), ((6, 300), 44100)],
)
def test_stems_have_the_length_and_rate_of_the_clip(splitter, shape, rate):
    clip = Clip(np.random.default_rng(2).normal(0, 0.1, shape).astype(np.float32), rate)
    stems = splitter.separate(clip)
    assert tuple(stems) == splitter.stems
    assert stems["mix"] is clip
    for stem in stems.values():
        assert stem.samples.shape[1] == shape[1]
        assert stem.rate == rate
        assert stem.samples.dtype == np.float32
        assert np.isfinite(stem.samples).all()
        assert stem.channels == 1 or shape[0] > 1


def test_the_clip_is_left_untouched(splitter):
    before = CLIP.samples.copy()
    splitter.separate(CLIP)
    assert np.array_equal(CLIP.samples, before)


def test_silence_gives_silence(splitter):
    silence = Clip(np.zeros((1, 4000), np.float32), 22050)
    assert not any(stem.samples.any() for stem in splitter.separate(silence).values())


def test_the_same_clip_gives_the_same_bits(splitter):
    first, second = splitter.separate(CLIP), splitter.separate(CLIP)
    assert all(np.array_equal(first[stem].samples, second[stem].samples) for stem in splitter.stems)


def test_the_stems_of_a_file_are_files(separator, track):
    with separator.files(track) as files:
        assert next(iter(files)) == "mix"
        assert (files["mix"].path, files["mix"].start) == (track, 0.0)
        assert set(files) <= set(separator.stems)
        for stem in set(files) - {"mix", "bass"}:
            clip = load_clip(files[stem].path, start=files[stem].start)
            assert clip.duration == pytest.approx(1.3, abs=0.01)


def test_a_passage_begins_at_the_start_that_is_told(separator, track):
    with separator.files(track, start=0.5, end=1.1) as files:
        assert (files["mix"].path, files["mix"].start) == (track, 0.5)
        for stem in set(files) - {"mix"}:
            clip = load_clip(files[stem].path, start=files[stem].start, end=files[stem].start + 0.6)
            assert clip.duration == pytest.approx(0.6, abs=0.01)


def test_a_file_that_cannot_be_decoded_is_named(separator, tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"no sound at all")
    (tmp_path / "broken - drums.wav").write_bytes(b"no sound at all")
    if separator.stems == ("mix",):
        return  # it opens no file
    with pytest.raises(AudioDecodeError, match=r"broken.*\.wav"), separator.files(str(broken)):
        pass


def test_an_option_that_a_separator_does_not_take_is_an_error():
    with pytest.raises(UsageError, match="takes no device"):
        load_separator("none", device="cpu")
    with pytest.raises(UsageError, match="takes no checkpoint"):
        load_separator("files", checkpoint="somewhere")
