from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_files import music, write
from soundalike.audio import load_clip
from soundalike.audio.wav_chunks import SampleChunks, append_chunks, read_chunks
from soundalike.errors import AudioDecodeError, UsageError

RATE = 22050
FULL = SampleChunks(tempo=124.0, beats=8, root=57, meter=(3, 4), loop=(0, 85355))


def wav(path: Path, *, seconds: float = 0.5, kind: str = "s16.wav", channels: int = 1) -> Path:
    return write(path.with_name(f"{path.stem}.{kind}"), music(seconds, rate=RATE, channels=channels), RATE)


def chunk(name: bytes, content: bytes, *, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(content) if size is None else size) + content + b"\0" * (len(content) & 1)


def riff(*chunks: bytes, head: bytes = b"RIFF") -> bytes:
    content = b"WAVE" + b"".join(chunks)
    return head + struct.pack("<I", len(content)) + content


def acid(flags: int = 0, root: int = 0, beats: int = 8, meter: tuple[int, int] = (4, 4), tempo: float = 120.0) -> bytes:
    return chunk(b"acid", struct.pack("<IHHfIHHf", flags, root, 0x8000, 0.0, beats, meter[1], meter[0], tempo))


def smpl(note: int = 60, *loops: tuple[int, int, int]) -> bytes:
    head = struct.pack("<9I", 0, 0, 22675, note, 0, 0, 0, len(loops), 0)
    return chunk(b"smpl", head + b"".join(struct.pack("<6I", 0, *loop, 0, 0) for loop in loops))


FORMAT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16))
SOUND = chunk(b"data", bytes(2000))


def read(path: Path, content: bytes) -> SampleChunks | None:
    path.write_bytes(content)
    return read_chunks(path)


@pytest.mark.parametrize("kind", ["u8.wav", "s16.wav", "s24.wav", "float.wav", "rf64.wav"])
@pytest.mark.parametrize("seconds", [0.5, 1001 / RATE])  # 8 and 24 bits: an odd number of bytes
def test_what_is_appended_is_read_again_and_the_sound_stays(tmp_path: Path, kind: str, seconds: float) -> None:
    path = wav(tmp_path / "a", seconds=seconds, kind=kind)
    before, ours = soundfile.read(path)[0], load_clip(path).samples
    assert read_chunks(path) is None
    append_chunks(path, FULL)
    assert read_chunks(path) == FULL
    np.testing.assert_array_equal(soundfile.read(path)[0], before)
    np.testing.assert_array_equal(load_clip(path).samples, ours)
    assert soundfile.info(path).frames == len(before)
    size = path.read_bytes()[4:8] if kind != "rf64.wav" else path.read_bytes()[20:28]
    assert int.from_bytes(size, "little") == path.stat().st_size - 8


def test_a_one_shot_says_so(tmp_path: Path) -> None:
    path = wav(tmp_path / "a")
    append_chunks(path, SampleChunks(one_shot=True, root=36))
    assert read_chunks(path) == SampleChunks(one_shot=True, root=36, meter=(4, 4))


def test_libsndfile_reads_the_same_tempo_beats_and_loop(tmp_path: Path) -> None:
    path = wav(tmp_path / "a", channels=2)
    append_chunks(path, FULL)
    with soundfile.SoundFile(path) as file:
        said = {
            name.strip(): value.strip() for name, _, value in (x.partition(":") for x in file.extra_info.split("\n"))
        }
    assert said["Flags"].startswith("0x0006 (Loop,RootNoteValid,StretchOn")
    assert (said["Root note"], said["Midi Note"]) == ("0x39", "57")
    assert (said["Beats"], said["Meter"], said["Tempo"]) == ("8", "3/4", "124.000000")
    assert (said["Loop Count"], said["Cue ID"].split()) == (
        "1",
        ["0", "Type", ":", "0", "Start", ":", "0", "End", ":", "85354", "Fraction", ":", "0", "Count", ":", "0"],
    )


def test_bytes_on_disk_are_those_of_the_layout(tmp_path: Path) -> None:
    path = wav(tmp_path / "a")
    size = path.stat().st_size
    append_chunks(path, FULL)
    assert path.read_bytes()[size:] == acid(6, 57, 8, (3, 4), 124.0) + smpl(57, (0, 0, 85354)).replace(
        struct.pack("<I", 22675), struct.pack("<I", 45351)
    )


@pytest.mark.parametrize("junk", [chunk(b"JUNK", b"abc"), chunk(b"LIST", bytes(41)), b""])
def test_chunks_stand_anywhere_and_odd_ones_are_padded(tmp_path: Path, junk: bytes) -> None:
    for order in ((FORMAT, junk, acid(), SOUND), (FORMAT, SOUND, junk, acid()), (acid(), junk, FORMAT, SOUND)):
        assert read(tmp_path / "a.wav", riff(*order)) == SampleChunks(tempo=120.0, beats=8, meter=(4, 4))


def test_a_root_holds_only_where_it_is_said_to(tmp_path: Path) -> None:
    assert read(tmp_path / "a.wav", riff(FORMAT, acid(0, 57))) == SampleChunks(tempo=120.0, beats=8, meter=(4, 4))
    said = read(tmp_path / "a.wav", riff(FORMAT, acid(2, 57)))
    assert said
    assert said.root == 57


def test_a_sampler_knows_root_and_loop_but_its_default_note_is_no_root(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    assert read(path, riff(FORMAT, smpl(45, (0, 10, 99), (0, 0, 5)), SOUND)) == SampleChunks(root=45, loop=(10, 100))
    assert read(path, riff(FORMAT, smpl(60, (1, 10, 99)), SOUND)) == SampleChunks()
    assert read(path, riff(FORMAT, smpl(45, (0, 100, 99)), SOUND)) == SampleChunks(root=45)
    both = read(path, riff(FORMAT, acid(2, 57), smpl(45, (0, 10, 99)), SOUND))
    assert both == SampleChunks(tempo=120.0, beats=8, root=57, meter=(4, 4), loop=(10, 100))


@pytest.mark.parametrize("tempo", [0.0, -120.0, 5.0, 1e6, float("nan"), float("inf")])
def test_a_tempo_that_cannot_be_is_left_out(tmp_path: Path, tempo: float) -> None:
    assert read(tmp_path / "a.wav", riff(FORMAT, acid(tempo=tempo))) == SampleChunks(beats=8, meter=(4, 4))


def test_beats_and_meters_that_cannot_be_are_left_out(tmp_path: Path) -> None:
    strange = acid(beats=2**31, meter=(0, 4))
    assert read(tmp_path / "a.wav", riff(FORMAT, strange)) == SampleChunks(tempo=120.0)
    assert read(tmp_path / "a.wav", riff(FORMAT, acid(meter=(4, 5)))) == SampleChunks(tempo=120.0, beats=8)


def test_apple_loops_tell_beats_and_key(tmp_path: Path) -> None:
    content = struct.pack(">IIHHHHH", 1, 16, 57, 1, 4, 4, 0) + bytes(62)
    loop = b"AIFFbasc" + struct.pack(">I", len(content)) + content
    form = b"FORM" + struct.pack(">I", len(loop)) + loop
    assert read(tmp_path / "a.aif", form) == SampleChunks(beats=16, root=57, meter=(4, 4), mode="minor")
    shot = form.replace(struct.pack(">HHH", 4, 4, 0), struct.pack(">HHH", 4, 4, 1))
    said = read(tmp_path / "a.aif", shot)
    assert said
    assert said.one_shot


def test_sound_of_unknown_size_hides_what_follows_and_nothing_else(tmp_path: Path) -> None:
    endless = chunk(b"data", bytes(2000), size=0xFFFFFFFF)
    assert read(tmp_path / "a.wav", riff(FORMAT, acid(), endless)) == SampleChunks(tempo=120.0, beats=8, meter=(4, 4))
    assert read(tmp_path / "a.wav", riff(FORMAT, endless, acid())) is None


def test_sizes_of_64_bits_are_understood(tmp_path: Path) -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, 2000, 1000, 0))
    endless = chunk(b"data", bytes(2000), size=0xFFFFFFFF)
    for head in (b"RF64", b"BW64"):
        content = riff(sizes, FORMAT, endless, acid(), head=head)
        assert read(tmp_path / "a.wav", content) == SampleChunks(tempo=120.0, beats=8, meter=(4, 4))


def test_a_damaged_file_never_raises(tmp_path: Path) -> None:
    whole = riff(FORMAT, acid(2, 57), smpl(45, (0, 10, 99)), SOUND, chunk(b"JUNK", bytes(9)))
    rng = np.random.default_rng(0)
    path = tmp_path / "a.wav"
    for size in range(len(whole)):
        read(path, whole[:size]) if size < 160 or size % 97 == 0 else None
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(0, 160, 4):
            damaged[place] = rng.integers(256)
        read(path, bytes(damaged))
    assert read(path, rng.integers(0, 256, 4096, np.uint8).tobytes()) is None


@pytest.mark.parametrize("size", [0x7FFFFFFF, 0xFFFFFFFE, 10])
def test_a_size_that_lies_ends_the_reading_quietly(tmp_path: Path, size: int) -> None:
    content = riff(FORMAT, acid(), chunk(b"data", b"\xff" * 2000, size=size), smpl(45, (0, 1, 2)))
    assert read(tmp_path / "a.wav", content) == SampleChunks(tempo=120.0, beats=8, meter=(4, 4))


def test_millions_of_empty_chunks_are_not_walked(tmp_path: Path) -> None:
    assert read(tmp_path / "a.wav", riff(FORMAT, chunk(b"abcd", b"") * 100_000, acid())) is None


def test_what_is_no_wav_has_no_chunks(tmp_path: Path) -> None:
    assert read_chunks(tmp_path / "missing.wav") is None
    assert read_chunks(tmp_path) is None
    assert read(tmp_path / "empty.wav", b"") is None
    assert read_chunks(write(tmp_path / "a.s16.flac", music(0.1, rate=RATE), RATE)) is None
    os.mkfifo(tmp_path / "pipe.wav")
    assert read_chunks(tmp_path / "pipe.wav") is None


def test_only_whole_files_without_chunks_are_written_to(tmp_path: Path) -> None:
    path = wav(tmp_path / "a")
    whole = path.read_bytes()
    for damaged in (whole[:-10], whole + b"junk", b"", whole[:30], b"RIFX" + whole[4:]):
        path.write_bytes(damaged)
        with pytest.raises(AudioDecodeError, match="not a whole WAV"):
            append_chunks(path, FULL)
        assert path.read_bytes() == damaged
    path.write_bytes(whole)
    append_chunks(path, FULL)
    with pytest.raises(UsageError, match="has a chunk 'acid' already"):
        append_chunks(path, FULL)
    assert read_chunks(path) == FULL
    with pytest.raises(UsageError, match="cannot be written"):
        append_chunks(tmp_path / "missing.wav", FULL)


@pytest.mark.parametrize(
    "wrong",
    [
        SampleChunks(tempo=0.0),
        SampleChunks(tempo=float("nan")),
        SampleChunks(beats=0),
        SampleChunks(root=128),
        SampleChunks(meter=(4, 3)),
        SampleChunks(loop=(5, 5)),
        SampleChunks(loop=(-1, 5)),
    ],
)
def test_what_cannot_be_is_not_written(tmp_path: Path, wrong: SampleChunks) -> None:
    path = wav(tmp_path / "a")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="A sample cannot have"):
        append_chunks(path, wrong)
    assert path.read_bytes() == before
