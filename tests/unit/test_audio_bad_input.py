"""Files that are damaged, cut short, misnamed, oddly named, or no audio at all."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from audio_files import ENCODED, PCM, encode, music, write
from soundalike.audio import ExcerptStream, decoding, file_hash, load_clip
from soundalike.errors import AudioDecodeError

RATE = 22050


def taken(path: Path | str | bytes) -> ExcerptStream:
    stream = ExcerptStream(path, rate=RATE, seconds=10)
    for excerpt in stream:
        assert np.isfinite(excerpt.clip.samples).all()
    return stream


def cut(path: Path, share: float = 0.5) -> Path:
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    return path


@pytest.fixture(autouse=True)
def silence_on_stderr(capfd: pytest.CaptureFixture[str]):
    """No decoder may print: every test here fails if one does."""
    yield
    assert capfd.readouterr() == ("", "")


# Cut short and damaged


@pytest.mark.parametrize("name", ["s16.wav", "s24.aiff", "s16.w64", "s16.flac", "s24.flac", "lame.mp3"])
def test_cut_file_is_analysed_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    stream = taken(cut(write(tmp_path / name, music(12.0))))
    assert stream.duration == pytest.approx(6.0, abs=0.4)
    assert f"decoded {stream.duration:.1f} of 12.0 s" in stream.warning


@pytest.mark.parametrize("name", ["vorbis.ogg", "opus.opus"])
def test_cut_ogg_is_told_by_its_missing_end(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, music(12.0, rate=48000), 48000)
    assert taken(path).warning == ""
    stream = taken(cut(path, 0.6))
    assert 3 < stream.duration < 9
    assert stream.warning.startswith(f"the end is missing after {stream.duration:.1f} s")


def test_cut_m4a_is_analysed_if_its_index_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "x.m4a"
    encode(path, music(12.0), 44100, "ipod", "aac", options={"movflags": "faststart"})
    stream = taken(cut(path))
    assert stream.duration == pytest.approx(6.0, abs=0.4)
    assert f"decoded {stream.duration:.1f} of 12.0 s" in stream.warning


def test_cut_m4a_without_its_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioDecodeError, match="ffmpeg"):
        load_clip(cut(write(tmp_path / "aac.m4a", music(2.0))))


@pytest.mark.parametrize("name", ["s16.flac", "lame.mp3", "vorbis.ogg", "raw.aac"])
def test_damage_in_the_middle_costs_only_that_part(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, music(12.0))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(0).bytes(3000)
    path.write_bytes(data)
    stream = taken(path)
    assert stream.duration > 10.5
    assert stream.warning


@pytest.mark.parametrize("kind", ["constant", "variable"])
def test_mp3_without_a_length_gives_no_false_warning(tmp_path: Path, kind: str) -> None:
    samples = music(12.0)
    samples[:, 30_000:400_000] *= 1e-4  # the first second says nothing about the rest
    path = write(tmp_path / "lame.mp3", samples)
    if kind == "variable":
        encode(path, samples, 44100, "mp3", "libmp3lame", options={"write_xing": "0"}, quality=4)
    else:
        encode(path, samples, 44100, "mp3", "libmp3lame", options={"write_xing": "0"})
    stream = taken(path)
    assert stream.duration == pytest.approx(12.0, abs=0.1)
    assert stream.warning == ""


def test_wav_of_a_stream_with_placeholder_sizes_gives_no_warning(tmp_path: Path) -> None:
    path = write(tmp_path / "s16.wav", music(2.0))
    data = bytearray(path.read_bytes())
    size = data.index(b"data") + 4
    data[4:8] = data[size : size + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    stream = taken(path)
    assert stream.duration == pytest.approx(2.0, abs=0.01)
    assert stream.warning == ""


@pytest.mark.parametrize("name", [*PCM, *ENCODED])
def test_any_damage_ends_in_sound_or_in_a_decode_error(tmp_path: Path, name: str) -> None:
    whole = write(tmp_path / name, music(0.5, rate=48000), 48000).read_bytes()
    rng = np.random.default_rng(0)
    for number in range(8):
        data = bytearray(whole)
        reach = len(data) if number % 2 else 400  # every other time the header is hit
        for place in rng.integers(0, min(reach, len(data)), 20):
            data[place] = rng.integers(256)
        (tmp_path / name).write_bytes(data[: rng.integers(5, len(data))] if number % 3 else data)
        with suppress(AudioDecodeError):
            assert taken(tmp_path / name).duration > 0


# Invalid samples


@pytest.mark.parametrize("invalid", [np.nan, np.inf, -np.inf, 1e30])
def test_invalid_samples_become_silence_and_are_reported(tmp_path: Path, invalid: float) -> None:
    samples = music(2.0)
    samples[0, 1000:2764] = invalid
    path = write(tmp_path / "float.wav", samples)
    stream = taken(path)
    assert "1.00% of the samples were invalid" in stream.warning
    assert stream.peak < 1
    clip = load_clip(path)
    assert not clip.samples[0, 1000:2764].any()
    np.testing.assert_array_equal(clip.samples[1], samples[1])


def test_file_of_nothing_but_nan_is_silent(tmp_path: Path) -> None:
    stream = taken(write(tmp_path / "float.wav", np.full((1, 44100), np.nan, np.float32)))
    assert (stream.peak, stream.duration) == (0.0, 1.0)
    assert "100.00%" in stream.warning


# No audio


def test_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.mp3"
    path.touch()
    with pytest.raises(AudioDecodeError, match=r"x\.mp3' is empty"):
        load_clip(path)


@pytest.mark.parametrize("suffix", ["mp3", "wav", "flac", "m4a", "ogg"])
@pytest.mark.parametrize("seed", range(4))
def test_random_bytes_are_refused(tmp_path: Path, suffix: str, seed: int) -> None:
    path = tmp_path / f"random.{suffix}"
    path.write_bytes(np.random.default_rng(seed).bytes(60_000))
    with pytest.raises(AudioDecodeError, match=r"random\.\w+' cannot be decoded as audio \(ffmpeg: .+\)"):
        taken(path)


@pytest.mark.parametrize("magic", [b"RIFF", b"FORM", b"caff", b"fLaC", b"OggS"])
def test_every_back_end_tells_its_reason(tmp_path: Path, magic: bytes) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(magic + np.random.default_rng(0).bytes(60_000))
    with pytest.raises(AudioDecodeError) as caught:
        load_clip(path)
    assert "soundfile: " in str(caught.value)
    assert "ffmpeg: " in str(caught.value)
    assert caught.value.remedy


def test_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lyrics.mp3"
    path.write_text("All these words are not music.\n" * 500)
    with pytest.raises(AudioDecodeError, match="lyrics"):
        load_clip(path)


def test_playlist_does_not_lead_to_other_files(tmp_path: Path) -> None:
    other = write(tmp_path / "lame.mp3", music(1.0))
    path = tmp_path / "list.mp3"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{other}\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioDecodeError):
        load_clip(path)


def test_file_without_samples_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44100)
    with pytest.raises(AudioDecodeError, match="holds no samples"):
        load_clip(path)


@pytest.mark.parametrize("rate", [1, 50, 2_000_000_000])
def test_absurd_rate_is_refused(tmp_path: Path, rate: int) -> None:
    path = write(tmp_path / "s16.wav", music(0.5))
    data = bytearray(path.read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(AudioDecodeError, match="rate"):
        taken(path)


def test_video_without_sound_is_refused(tmp_path: Path) -> None:
    import av

    path = tmp_path / "mute.mp4"
    with av.open(path, "w") as output:
        stream = output.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        output.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), "yuv420p")))
        output.mux(stream.encode(None))
    with pytest.raises(AudioDecodeError, match="no audio stream"):
        load_clip(path)


# No regular file


def test_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.mkdir()
    with pytest.raises(AudioDecodeError, match="not a regular file"):
        taken(path)


def test_missing_file_and_broken_link_are_refused(tmp_path: Path) -> None:
    link = tmp_path / "link.wav"
    link.symlink_to(tmp_path / "nothing.wav")
    for path in (link, tmp_path / "nothing.wav", "a\0b.wav"):
        with pytest.raises(AudioDecodeError, match="cannot be opened"):
            taken(path)
        with pytest.raises(AudioDecodeError, match="cannot be opened"):
            file_hash(path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_pipe_and_device_are_refused_and_never_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(AudioDecodeError, match="not a regular file"):
            load_clip(path)
        with pytest.raises(AudioDecodeError, match="not a regular file"):
            file_hash(path)


def test_forbidden_file_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "s16.wav", music(0.1))

    def forbid(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(decoding, "FileIO", forbid)
    with pytest.raises(AudioDecodeError, match="Permission denied"):
        load_clip(path)


# Names


@pytest.mark.parametrize("ending", ["s16.wav", "s16.flac", "lame.mp3", "aac.m4a"])
@pytest.mark.parametrize("name", ["Björk – 音楽 🎵 ", "two\nlines ", "-n", "a'b\"c ", os.fsdecode(b"latin-\xe9 ")])
def test_any_name_that_the_system_allows_is_read(tmp_path: Path, name: str, ending: str) -> None:
    plain = write(tmp_path / ending, music(1.0))
    path = tmp_path / (name + ending)
    plain.rename(path)
    expected = load_clip(path).samples
    assert expected.shape[0] == 2
    np.testing.assert_array_equal(load_clip(os.fsencode(path)).samples, expected)
    assert taken(str(path)).audio_hash == taken(path).audio_hash
    assert len(file_hash(path)) == 64


def test_errors_show_odd_names_as_escapes(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"two\nlines \xe9.mp3")
    path.write_bytes(b"no music" * 100)
    with pytest.raises(AudioDecodeError) as caught:
        load_clip(path)
    assert r"two\nlines \udce9.mp3" in str(caught.value)
    str(caught.value).encode("utf-8")


def test_suffix_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path / "s16.flac", music(1.0)).rename(tmp_path / "x.mp3")
    assert load_clip(path).duration == 1.0


def test_decoders_say_nothing_on_stderr(tmp_path: Path) -> None:
    """In a process of its own: nothing there could have caught the descriptor before."""
    paths = [cut(write(tmp_path / "lame.mp3", music(3.0))), cut(write(tmp_path / "vorbis.ogg", music(3.0)))]
    paths.append(tmp_path / "random.mp3")
    paths[-1].write_bytes(np.random.default_rng(1).bytes(100_000))
    code = (
        "import sys\nfrom soundalike.audio import load_clip\nfrom soundalike.errors import AudioDecodeError\n"
        "for path in sys.argv[1:]:\n"
        "  try: load_clip(path), load_clip(path, start=0.5)\n"
        "  except AudioDecodeError: pass\n"
    )
    answer = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, check=True)
    assert (answer.stdout, answer.stderr) == ("", "")
