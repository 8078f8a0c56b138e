"""Clips, decoding in every format, passages and excerpts."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile

from audio_files import BITS, ENCODED, LOSSY, PCM, music, write
from soundalike.audio import AUDIO_SUFFIXES, Clip, Excerpt, ExcerptStream, file_hash, load_clip, sources
from soundalike.errors import ShapeError, UsageError

RATE = 22050


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of music in every format."""
    folder = tmp_path_factory.mktemp("formats")
    for name in (*PCM, *ENCODED):
        write(folder / name, music(6.0))
    return folder


def taken(path: Path, *, seconds: float = 10.0, **options: float) -> tuple[list[Excerpt], ExcerptStream]:
    stream = ExcerptStream(path, rate=RATE, seconds=seconds, **options)
    return list(stream), stream


def wave(path: Path, seconds: float, rate: int = RATE) -> Path:
    return write(path, music(seconds, rate=rate, channels=1), rate)


# Clips


def test_clip_knows_channels_and_duration() -> None:
    clip = Clip(np.zeros((3, 400), np.float32), 800)
    assert (clip.channels, clip.duration) == (3, 0.5)


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_mono_is_the_mean_over_channels(channels: int) -> None:
    clip = Clip(music(0.1, channels=channels), 44100)
    before = clip.samples.copy()
    mono = clip.mono()
    np.testing.assert_allclose(mono.samples[0], clip.samples.mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(clip.samples, before)
    assert mono.samples.dtype == np.float32


def test_resample_keeps_pitch_level_and_length() -> None:
    time = np.arange(44100) / 44100
    clip = Clip(np.sin(2 * np.pi * np.array([[440.0], [880.0]]) * time).astype(np.float32), 44100).resample(RATE)
    assert clip.samples.shape == (2, RATE)
    time = np.arange(RATE) / RATE
    wanted = np.sin(2 * np.pi * np.array([[440.0], [880.0]]) * time)
    np.testing.assert_allclose(clip.samples[:, 500:-500], wanted[:, 500:-500], atol=1e-4)


def test_resample_suppresses_aliases_by_60_db_and_keeps_10_khz() -> None:
    time = np.arange(44100) / 44100
    for pitch, low, high in ((10_000, -0.1, 0.1), (11_500, -math.inf, -60), (15_000, -math.inf, -60)):
        tone = Clip(np.sin(2 * np.pi * pitch * time).astype(np.float32)[None], 44100).resample(RATE)
        level = 10 * math.log10(2 * np.mean(np.square(tone.samples[0, 2000:-2000], dtype=np.float64)) + 1e-20)
        assert low <= level <= high


def test_cut_takes_the_samples_between_two_times() -> None:
    clip = Clip(np.arange(1000, dtype=np.float32)[None], 1000)
    np.testing.assert_array_equal(clip.cut(0.25, 0.5).samples[0], np.arange(250, 500))
    np.testing.assert_array_equal(clip.cut(0.9, math.inf).samples[0], np.arange(900, 1000))


@pytest.mark.parametrize("span", [(-1.0, 1.0), (0.5, 0.5), (0.6, 0.5), (1.0, 2.0), (math.nan, 1.0), (0.0, math.nan)])
def test_cut_refuses_an_empty_or_reversed_range(span: tuple[float, float]) -> None:
    with pytest.raises(UsageError):
        Clip(np.zeros((1, 1000), np.float32), 1000).cut(*span)


def test_clip_refuses_flat_samples_and_rates_below_one() -> None:
    with pytest.raises(ShapeError, match=r"\(5,\)"):
        Clip(np.zeros(5, np.float32), 8000)
    with pytest.raises(UsageError, match="0 Hz"):
        Clip(np.zeros((1, 5), np.float32), 0)


# Formats


@pytest.mark.parametrize("name", [name for name in PCM if name != "vorbis.ogg"])
def test_uncompressed_and_flac_files_are_read_to_the_last_bit(folder: Path, name: str) -> None:
    clip = load_clip(folder / name)
    assert (clip.rate, clip.samples.dtype) == (44100, np.float32)
    np.testing.assert_allclose(clip.samples, music(6.0), atol=2.0 ** (1 - BITS[PCM[name][1]]))


@pytest.mark.parametrize("name", ["alac.m4a", "pack.wv", "video.mkv"])
def test_lossless_files_that_only_ffmpeg_knows_are_read_to_the_last_bit(folder: Path, name: str) -> None:
    np.testing.assert_allclose(load_clip(folder / name).samples, music(6.0), atol=2.0**-15)


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_files_sound_like_what_was_encoded(folder: Path, name: str) -> None:
    clip = load_clip(folder / name, rate=44100, mono=True)
    assert abs(clip.duration - 6.0) < 0.06
    delay = {"raw.aac": 1024, "media.wma": -2048}.get(name, 0)  # these two do not tell their encoder's delay
    wanted = music(6.0).mean(axis=0)[5000:250_000]
    np.testing.assert_allclose(clip.samples[0, 5000 + delay : 250_000 + delay], wanted, atol=0.06)


@pytest.mark.parametrize("name", [*PCM, *ENCODED])
def test_sound_files_give_no_warning(folder: Path, name: str) -> None:
    excerpts, stream = taken(folder / name)
    assert stream.warning == ""
    assert abs(stream.duration - 6.0) < 0.06
    assert len(excerpts) == 1


@pytest.mark.parametrize("name", [*PCM, *ENCODED])
def test_passage_is_the_cut_of_the_whole_file(folder: Path, name: str) -> None:
    whole, passage = load_clip(folder / name), load_clip(folder / name, start=3.1, end=4.3)
    wanted = whole.cut(3.1, 4.3).samples
    assert passage.samples.shape == wanted.shape
    noise = 0.05 if ENCODED.get(name, ("", ""))[1] == "aac" else 1e-6  # AAC may fill bands with fresh noise
    np.testing.assert_allclose(passage.samples, wanted, atol=noise if name in LOSSY else 0)


@pytest.mark.parametrize("rate", [8000, 11025, 48000, 96000, 192_000])
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_every_usual_rate_is_read_and_resampled(tmp_path: Path, rate: int, ending: str) -> None:
    path = write(tmp_path / f"x.{ending}", music(1.0, rate=rate), rate)
    assert load_clip(path).samples.shape == (2, rate)
    (excerpt,), stream = taken(path)
    assert excerpt.clip.samples.shape == (1, RATE)
    assert stream.duration == 1.0


# The AAC encoder takes other layouts of eight channels only.
@pytest.mark.parametrize(
    ("ending", "channels"),
    [
        *((ending, channels) for ending in ("s24.wav", "s16.flac", "vorbis.ogg") for channels in (1, 2, 6, 8)),
        *(("aac.m4a", channels) for channels in (1, 2, 6)),
    ],
)
def test_up_to_eight_channels_are_read_and_mixed(tmp_path: Path, ending: str, channels: int) -> None:
    samples = np.repeat(music(1.0, channels=1), channels, axis=0)
    path = write(tmp_path / ending, samples)
    assert load_clip(path).channels == channels
    mono = load_clip(path, mono=True).samples[0]
    np.testing.assert_allclose(mono[3000:40_000], samples[0, 3000:40_000], atol=0.1)


def test_suffixes_are_lower_case_and_hold_all_formats() -> None:
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in AUDIO_SUFFIXES)
    assert {Path(name).suffix for name in (*PCM, *ENCODED)} - {".au"} <= AUDIO_SUFFIXES


# Passages


def test_loading_mixes_and_resamples_when_asked(folder: Path) -> None:
    clip = load_clip(folder / "s16.wav", start=1.0, end=2.5, rate=RATE, mono=True)
    assert (clip.rate, clip.samples.shape) == (RATE, (1, round(1.5 * RATE)))


@pytest.mark.parametrize("name", ["s16.wav", "s16.flac", "lame.mp3", "aac.m4a"])
def test_passage_may_end_after_the_sound_but_not_start_there(folder: Path, name: str) -> None:
    assert load_clip(folder / name, start=5.0, end=60.0).duration == pytest.approx(1.0, abs=0.06)
    with pytest.raises(UsageError, match="ends before 60 s"):
        load_clip(folder / name, start=60.0)


@pytest.mark.parametrize("span", [(-1.0, None), (2.0, 1.0), (1.0, 1.0), (math.nan, None), (math.inf, None)])
def test_passage_must_be_in_order(folder: Path, span: tuple[float, float | None]) -> None:
    with pytest.raises(UsageError, match="passage"):
        load_clip(folder / "s16.wav", start=span[0], end=span[1])
    with pytest.raises(UsageError, match="passage"):
        ExcerptStream(folder / "s16.wav", rate=RATE, seconds=10, start=span[0], end=span[1])


@pytest.mark.parametrize("name", ["s16.wav", "s16.flac", "lame.mp3", "vorbis.ogg", "aac.m4a"])
def test_passage_far_into_a_file_costs_only_that_passage(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / name, music(60.0, rate=16000, channels=1), 16000)
    read = 0
    valid = sources.AvSource._frames

    def counted(self: sources.AvSource):
        nonlocal read
        for frame in valid(self):
            read += frame.samples
            yield frame

    monkeypatch.setattr(sources.AvSource, "_frames", counted)
    clip = load_clip(path, start=50.0, end=51.0)
    assert clip.duration == 1.0
    assert read < 20 * 16000


# Excerpts


@pytest.mark.parametrize(
    ("length", "spans"),
    [
        (0.05, [(0, 0.05)]),
        (9.5, [(0, 9.5)]),
        (10.0, [(0, 10)]),
        (10.5, [(0, 10)]),
        (11.5, [(0, 10), (1.5, 11.5)]),
        (25.0, [(0, 10), (10, 20), (15, 25)]),
        (20.99, [(0, 10), (10, 20)]),
    ],
)
@pytest.mark.parametrize("rate", [RATE, 44100])
def test_excerpts_cover_the_file(tmp_path: Path, length: float, spans: list[tuple[float, float]], rate: int) -> None:
    path = wave(tmp_path / "x.wav", length, rate)
    excerpts, stream = taken(path)
    assert [(e.start, e.end) for e in excerpts] == [pytest.approx(span, abs=1e-3) for span in spans]
    whole = load_clip(path, rate=RATE, mono=True).samples
    for excerpt in excerpts:
        first = round(excerpt.start * RATE)
        size = excerpt.clip.samples.shape[1]
        assert (excerpt.clip.rate, excerpt.clip.channels) == (RATE, 1)
        np.testing.assert_allclose(excerpt.clip.samples, whole[:, first : first + size], atol=2e-6)
    assert stream.duration == pytest.approx(length, abs=1e-4)


def test_excerpts_of_a_passage_carry_times_of_the_file(folder: Path) -> None:
    excerpts, stream = taken(folder / "s16.wav", seconds=1.0, start=2.0, end=4.5)
    assert [(e.start, e.end) for e in excerpts] == [(2.0, 3.0), (3.0, 4.0)]
    assert stream.duration == 2.5


@pytest.mark.parametrize("name", ["s16.wav", "s16.flac", "lame.mp3", "aac.m4a"])
def test_block_size_does_not_change_the_result(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usual, one = taken(folder / name, seconds=2.0)
    monkeypatch.setattr(sources, "BLOCK", 3001)
    small, other = taken(folder / name, seconds=2.0)
    assert one.audio_hash == other.audio_hash
    assert one.peak == other.peak
    assert one.rms_db == pytest.approx(other.rms_db, abs=1e-4)
    for a, b in zip(usual, small, strict=True):
        np.testing.assert_array_equal(a.clip.samples, b.clip.samples)


def test_same_file_gives_the_same_bits(folder: Path) -> None:
    for name in ("lame.mp3", "opus.opus", "s16.wav"):
        (first, one), (second, other) = taken(folder / name), taken(folder / name)
        assert first[0].clip.samples.tobytes() == second[0].clip.samples.tobytes()
        assert (one.audio_hash, one.rms_db) == (other.audio_hash, other.rms_db)


def test_level_and_peak_are_those_of_the_mono_mix(tmp_path: Path) -> None:
    square = np.where(np.arange(44100) % 100 < 50, 0.5, -0.5).astype(np.float32)
    _, stream = taken(write(tmp_path / "float.wav", np.stack([square, square])))
    assert stream.peak == 0.5
    assert stream.rms_db == pytest.approx(20 * math.log10(0.5), abs=1e-3)


def test_silence_has_peak_zero_and_no_level(tmp_path: Path) -> None:
    excerpts, stream = taken(write(tmp_path / "s16.wav", np.zeros((2, 44100), np.float32)))
    assert (stream.peak, stream.rms_db, stream.warning) == (0.0, -math.inf, "")
    assert not excerpts[0].clip.samples.any()


def test_constant_offset_is_left_as_it_is(tmp_path: Path) -> None:
    excerpts, stream = taken(write(tmp_path / "float.wav", music(1.0) * 0.1 + np.float32(0.25)))
    assert excerpts[0].clip.samples[0, 1000:-1000].mean() == pytest.approx(0.25, abs=0.01)
    assert stream.warning == ""


def test_stream_can_be_iterated_only_once(folder: Path) -> None:
    _, stream = taken(folder / "s16.wav")
    with pytest.raises(UsageError, match="twice"):
        list(stream)


@pytest.mark.parametrize(("rate", "seconds"), [(0, 10.0), (-1, 10.0), (RATE, 0.0), (RATE, math.nan), (RATE, math.inf)])
def test_stream_refuses_senseless_settings(folder: Path, rate: int, seconds: float) -> None:
    with pytest.raises(UsageError):
        ExcerptStream(folder / "s16.wav", rate=rate, seconds=seconds)


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files where Linux lists them")
@pytest.mark.parametrize("name", ["s16.wav", "lame.mp3"])
def test_stopping_early_releases_the_file(folder: Path, name: str) -> None:
    taken(folder / name)  # loads libraries, which may keep files open
    before = len(list(Path("/proc/self/fd").iterdir()))
    excerpts = iter(ExcerptStream(folder / name, rate=RATE, seconds=1.0))
    next(excerpts)
    assert len(list(Path("/proc/self/fd").iterdir())) > before
    del excerpts
    assert len(list(Path("/proc/self/fd").iterdir())) == before


MEMORY = """
import resource, sys
from soundalike.audio import ExcerptStream
stream = iter(ExcerptStream(sys.argv[1], rate=22050, seconds=10))
next(stream); next(stream)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = 2 + sum(1 for _ in stream)
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory in Linux's unit")
def test_memory_stays_flat_over_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 44100, 1, "PCM_U8") as file:
        for _ in range(20):
            file.write(np.zeros(60 * 44100, np.float32))
    answer = subprocess.run([sys.executable, "-c", MEMORY, path], capture_output=True, text=True, check=True)
    count, growth = map(int, answer.stdout.split())
    assert count == 120
    assert growth < 20_000  # kilobytes; the decoded file has 207 MB


# Digests


def test_new_tags_change_the_file_hash_but_not_the_audio_hash(tmp_path: Path) -> None:
    for name in ("lame.mp3", "s16.flac", "aac.m4a", "vorbis.ogg", "s16.wav"):
        path = write(tmp_path / name, music(2.0))
        before = taken(path)[1].audio_hash, file_hash(path)
        tags = mutagen.File(path, easy=name != "s16.wav")
        if tags.tags is None:
            tags.add_tags()
        if name == "s16.wav":
            tags.tags.add(mutagen.id3.TIT2(text="Another title" * 100))
        else:
            tags["title"] = "Another title" * 100
        tags.save()
        after = taken(path)[1].audio_hash, file_hash(path)
        assert before[0] == after[0], name
        assert before[1] != after[1], name


def test_audio_hash_is_the_same_in_every_lossless_format(tmp_path: Path) -> None:
    samples = np.round(music(1.0) * 32768).astype(np.float32) / 32768  # what 16 bits can hold
    names = [name for name in (*PCM, *ENCODED) if name not in LOSSY and name != "u8.wav"]
    assert len({taken(write(tmp_path / name, samples))[1].audio_hash for name in names}) == 1


def test_audio_hash_depends_on_rate_and_sound(tmp_path: Path) -> None:
    one = write(tmp_path / "1.s16.wav", music(1.0), 44100)
    two = write(tmp_path / "2.s16.wav", music(1.0), 48000)
    three = write(tmp_path / "3.s16.wav", music(1.0, seed=1), 44100)
    assert len({taken(path)[1].audio_hash for path in (one, two, three)}) == 3


def test_importing_audio_loads_no_decoder() -> None:
    code = (
        "import sys, soundalike.audio; print([m for m in ('av', 'soundfile', 'torch', 'librosa') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
